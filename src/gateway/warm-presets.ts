import type { Logger } from "pino";
import type { ResponseCache } from "../cache/cache.ts";
import { followStates } from "../generation/follow-states.ts";
import type { Generate } from "../generation/layer.ts";
import type { KeyRing } from "../keys/ring.ts";
import type { PresetLibrary } from "../prompts/library.ts";
import { findModelBehind } from "../prompts/reference.ts";
import { warmRequests } from "../prompts/warm-requests.ts";
import { createWarmUp, type WarmUp } from "../prompts/warm-up.ts";
import type { LoadControl } from "../queue/load-control.ts";
import type { ModelDirectory } from "../routing/directory.ts";
import { stayOf } from "./stay.ts";

export type WarmPresetsOptions = {
  readonly presets: PresetLibrary;
  readonly models: ModelDirectory;
  /** The layers that clients' requests pass, too. */
  readonly generate: Generate;
  readonly cache: Pick<ResponseCache, "keeps">;
  readonly keys: Pick<KeyRing, "isOn">;
  readonly load: Pick<LoadControl, "attendance">;
  readonly logger: Pick<Logger, "info" | "error">;
};

/** The warm-up of a gateway's presets. */
export type WarmPresets = WarmUp & {
  /** Warms the presets of a model, except those that failed before. */
  readonly addModel: (id: string) => void;
};

export function warmPresets(options: WarmPresetsOptions): WarmPresets {
  const { presets, models, generate, cache, keys, load, logger } = options;
  const warmUp = createWarmUp({
    plan(id) {
      const preset = presets.list().find((each) => each.id === id);
      const model = preset && findModelBehind(preset, models.list());
      // Nothing that no client has asked for is sent to another server, and no model is loaded for it.
      return preset === undefined || model === undefined || model.upstream !== undefined || model.state() !== "ready"
        ? undefined
        : warmRequests(preset, model.id);
    },
    stayOf: (id) => stayOf(models.list().find((model) => model.id === id)),
    generate,
    // With keys, an answer is found only by its own tenant. A warm-up has none, so its answers must be public.
    isKept: (request) => cache.keeps(request) && (request.cache?.isPublic === true || !keys.isOn()),
    quiet: load.attendance.quiet,
    log: logger,
  });
  return {
    ...warmUp,
    addModel(id) {
      const behind = presets.list().filter((preset) => findModelBehind(preset, models.list())?.id === id);
      warmUp.addUnlessFailed(behind.map((preset) => preset.id));
    },
  };
}

/** Warms a model's presets each time it becomes ready, also for models added later. */
export function warmWhenReady(models: ModelDirectory, { addModel }: Pick<WarmPresets, "addModel">): void {
  followStates(models, ({ id, state }) => {
    if (state() === "ready") addModel(id);
    return (now) => {
      if (now === "ready") addModel(id);
    };
  });
}
