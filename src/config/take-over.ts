import { isDeepStrictEqual } from "node:util";
import { modelSettings } from "./model-settings.ts";
import type { Config } from "./schema.ts";
import { type Setting, settings } from "./settings.ts";

/** The settings of single models. A model that is added later gets new values; those that are there keep theirs. */
const OF_MODELS: ReadonlySet<string> = new Set([...Object.keys(modelSettings), "perModel"]);

/** The other settings that a running gateway can change. */
const LIVE: ReadonlySet<keyof Config> = new Set<keyof Config>([
  ...(["model", "onDemand", "adapters", "upstreams", "aliases", "routes", "unknownModel"] as const),
  ...(["maxPending", "maxPendingTokens", "maxWaitMs", "maxTokens", "maxTokensLimit"] as const),
  ...(["keysFile", "apiKey"] as const),
]);

/** Settings of other types whose values hold no secrets. */
const SHOWN: ReadonlySet<string> = new Set([
  "keepLoaded",
  "memory",
  "maxTokens",
  "maxTokensLimit",
  "perModel",
  "devices",
]);

/** A setting with another value. Values are there only if they are numbers, switches, one of a few words, or of `SHOWN`: others may hold secrets. */
export type SettingChange = { readonly setting: string; readonly from?: unknown; readonly to?: unknown };

export type TakenOver = {
  /** What the gateway runs with: the new values of all settings that it can change, and the old ones of the others. */
  readonly config: Config;
  /** The settings that are changed now. */
  readonly changed: readonly SettingChange[];
  /** The settings whose new values wait for a restart. */
  readonly waiting: readonly SettingChange[];
};

/** Whether a running gateway can change the setting. */
export function isLive(setting: keyof Config): boolean {
  return LIVE.has(setting) || OF_MODELS.has(setting);
}

/** Compares the settings that a gateway runs with to those that were read now. */
export function takeOver(running: Config, read: Config): TakenOver {
  const different = settings.filter(({ key }) => !isDeepStrictEqual(running[key], read[key]));
  const live = different.filter(({ key }) => isLive(key));
  const changes = (some: readonly Setting[]) => some.map((setting) => changeOf(setting, running, read));
  return {
    config: { ...running, ...Object.fromEntries(live.map(({ key }) => [key, read[key]])) },
    changed: changes(live),
    waiting: changes(different.filter(({ key }) => !isLive(key))),
  };
}

function changeOf({ key, isSecret, valueSchema }: Setting, running: Config, read: Config): SettingChange {
  const { type = "", enum: words } = valueSchema;
  const isPlain =
    !isSecret && (["integer", "number", "boolean"].includes(type) || words !== undefined || SHOWN.has(key));
  return isPlain ? { setting: key, from: running[key], to: read[key] } : { setting: key };
}

/** The settings of single models that count for those that run, too. */
const LIVE_OF_MODELS: ReadonlySet<string> = new Set(["canary"]);

/** Which of a model's settings differ between two sets that were made for it by `settingsOf`. */
export function differingModelSettings(running: Config, read: Config): readonly SettingChange[] {
  return settings
    .filter(
      ({ key }) =>
        Object.hasOwn(modelSettings, key) && !LIVE_OF_MODELS.has(key) && !isDeepStrictEqual(running[key], read[key]),
    )
    .map((setting) => changeOf(setting, running, read));
}
