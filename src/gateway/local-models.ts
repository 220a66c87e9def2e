import { settingsOf } from "../config/model-settings.ts";
import type { Config } from "../config/schema.ts";
import { differingModelSettings, type SettingChange } from "../config/take-over.ts";
import type { Backend } from "../generation/backend.ts";
import { writesText } from "../models/index.ts";
import { type Changes, changesBetween } from "./changes.ts";
import { type GivenModel, isPreloaded } from "./engines.ts";
import { advance, type Lineage, refusalOf, type Served, settled, type Version, versionOf } from "./lineage.ts";
import type { LocalBackend } from "./local-backend.ts";

/** The models on this machine's disk that the gateway serves. */
export type LocalModels = {
  /** Those that the settings name, in their order. */
  readonly given: () => readonly GivenModel[];
  /** The same as the settings had them last, whatever is served in their place. */
  readonly wanted: () => readonly GivenModel[];
  readonly backends: () => readonly LocalBackend[];
  /** Those of `backends` that are loaded at the start. */
  readonly first: () => readonly LocalBackend[];
  /** Whether it is one of those that answer requests now, or one of their versions. */
  readonly isServed: (backend: LocalBackend) => boolean;
  /** Makes a backend for a model that the settings don't name. */
  readonly make: (model: GivenModel) => Promise<LocalBackend>;
  /** Its versions, by any of its names; undefined if it isn't one of the models that the settings name. */
  readonly find: (name: string) => Lineage | undefined;
  /** Notes what the next look at it is to do. */
  readonly decide: (id: string, decision: Decision) => void;
  /**
   * Prepares other models. Those that are among the `served` stay as they are; those whose file is another one get a new version. Rejects if a file
   * can't be read; nothing has changed then. What was prepared must be committed or discarded.
   */
  readonly prepare: (
    config: Config,
    models: readonly GivenModel[],
    served: readonly Backend[],
  ) => Promise<PreparedLocalModels>;
};

/** That the next version is to answer all requests, or that a version is not to be served. */
type Decision = { readonly type: "promote" } | { readonly type: "refuse"; readonly refused: Lineage["refused"] };

/** Local models that may come into force. */
type PreparedLocalModels = {
  readonly backends: readonly LocalBackend[];
  readonly changes: Changes;
  /** What a model keeps until a restart, although the settings have changed. */
  readonly waiting: readonly (SettingChange & { readonly model: string })[];
  /** What is served otherwise than the settings say, a sentence for each. */
  readonly warnings: readonly string[];
  readonly commit: () => void;
  /** Loads what is loaded at once: what is new, or is no longer on demand. */
  readonly load: () => void;
  /** Closes those that are new. */
  readonly discard: () => Promise<void>;
};

export type LocalModelsOptions = {
  readonly config: Config;
  readonly models: readonly GivenModel[];
  /** Makes a backend. Nothing runs until it is loaded. @param after what has to be gone before */
  readonly create: (model: GivenModel, config: Config, after?: LocalBackend) => Promise<LocalBackend>;
  /** Whether a model fits into memory beside all that is loaded; it does if absent. */
  readonly hasRoomFor?: (model: GivenModel, config: Config) => boolean;
  /** Joins a model and its next version. There are no next versions if absent. */
  readonly join?: (stable: LocalBackend, next: LocalBackend, share: number | undefined) => LocalBackend;
  /** A version has been loaded, or can't be: then it must be refused. Everything must be prepared again. */
  readonly onVersion?: (id: string, refused: Lineage["refused"]) => void;
};

export async function createLocalModels(options: LocalModelsOptions): Promise<LocalModels> {
  const { config, models, create, hasRoomFor = () => true, join = (stable) => stable, onVersion } = options;
  let current = config;
  let wantedNow = models;
  /** The ids of those that were not on demand when the settings were read last. */
  let named = namedOf(models);
  /** For the next look. */
  const decisions = new Map<string, Decision>();
  let given = await Promise.all(models.map(async (model) => settled(await serve(await versionOf(model), config))));
  /** By their ids. */
  const others = new Map<string, Lineage>();

  async function serve(version: Version, settings: Config, after?: LocalBackend): Promise<Served> {
    const { model } = version;
    const backend = await create(model, settings, after);
    return { ...version, backend, settings: settingsOf(settings, [model.id, ...model.aliases]) };
  }

  async function prepare(
    settings: Config,
    wanted: readonly GivenModel[],
    running: readonly Backend[],
  ): Promise<PreparedLocalModels> {
    const known = [...given, ...others.values()].filter(({ backend }) => running.includes(backend));
    const away = new Set(known.filter(({ stable }) => stable.backend.state() === "unloaded"));
    const taken = new Map(decisions);
    decisions.clear();
    const outcomes = await Promise.allSettled(
      wanted.map(async (model) => {
        const version = await versionOf(model);
        const lineage = known.find(({ stable }) => stable.model.id === model.id);
        if (lineage === undefined) return settled(await serve(version, settings));
        const decision = taken.get(model.id);
        const decided = decision?.type === "refuse" ? { ...lineage, refused: decision.refused } : lineage;
        const isPromoted = decision?.type === "promote";
        return standing(await advance(decided, version, settings, { serve, hasRoomFor, join }, isPromoted), model);
      }),
    );
    const next = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
    const before = new Set(known.flatMap(servedIn).map(({ backend }) => backend));
    const created = next.flatMap(servedIn).filter(({ backend }) => !before.has(backend));
    // Each holds a place in memory.
    const discard = async () => void (await Promise.all(created.map(({ backend }) => backend.close())));
    const newlyNamed = new Set([...namedOf(wanted)].filter((id) => !named.has(id)));
    const failure = outcomes.find((outcome) => outcome.status === "rejected");
    if (failure !== undefined) {
      await discard();
      throw failure.reason;
    }
    const kept = next.filter(({ stable }) => before.has(stable.backend));
    const replaced = new Map(known.map((lineage) => [lineage.stable.model.id, lineage]));
    return {
      backends: next.map(({ backend }) => backend),
      changes: changesBetween(
        given,
        next,
        ({ stable }) => stable.model.id,
        (_, now) => !servedIn(now).some((served) => created.includes(served)),
      ),
      waiting: kept.flatMap(({ stable }) => waitingOf(stable, settings)),
      warnings: [
        ...next.flatMap(warningsOf),
        ...created
          .filter(({ model }) => replaced.has(model.id) && lacksTemplate(model))
          .map(({ model: { id } }) => `The new version of ${id} has no chat template: ChatML is used for its chats.`),
      ],
      commit() {
        for (const { stable } of given) others.delete(stable.model.id);
        for (const { model, backend } of next.flatMap(servedIn)) backend.setNamed(model.isOnDemand !== true);
        [current, given, named, wantedNow] = [settings, next, namedOf(wanted), wanted];
      },
      load() {
        for (const { model, settings: own, backend } of kept.map(({ stable }) => stable)) {
          // The engine logs why it can't be loaded.
          if (newlyNamed.has(model.id) && isPreloaded(own, model)) backend.load().catch(() => {});
        }
        for (const served of created) {
          const lineage = replaced.get(served.model.id);
          const isLoaded = lineage !== undefined && !away.has(lineage);
          if (isLoaded || isPreloaded(served.settings, served.model)) void loadNew(served, lineage);
        }
      },
      discard,
    };
  }

  /** Loads a model that is new, or a version. @param before the lineage that it is a version in */
  async function loadNew(served: Served, before: Lineage | undefined): Promise<void> {
    const { model, backend } = served;
    try {
      await backend.load();
      if (before !== undefined) onVersion?.(model.id, undefined);
    } catch {
      // The engine logs why it can't be loaded.
      if (before === undefined || !isServed(backend)) return;
      // What was to be served in its place can't be loaded either.
      if (before.refused?.instead.mark === served.mark) return;
      onVersion?.(model.id, refusalOf(served, before.stable));
    }
  }

  function isServed(backend: LocalBackend): boolean {
    return [...given, ...others.values()].flatMap(servedIn).some((served) => served.backend === backend);
  }

  return {
    given: () => given.map(({ stable }) => stable.model),
    wanted: () => wantedNow,
    backends: () => given.map(({ backend }) => backend),
    first: () => given.filter(({ stable }) => isPreloaded(stable.settings, stable.model)).map(({ backend }) => backend),
    isServed,
    async make(model) {
      const lineage = settled(await serve(await versionOf({ ...model, isOnDemand: true }), current));
      others.set(model.id, lineage);
      return lineage.backend;
    },
    find: (id) => given.find(({ stable }) => stable.model.id === id),
    decide: (id, decision) => void decisions.set(id, decision),
    prepare,
  };
}

function servedIn({ stable, next }: Lineage): readonly Served[] {
  return next === undefined ? [stable] : [stable, next];
}

function namedOf(models: readonly GivenModel[]): ReadonlySet<string> {
  return new Set(models.filter(({ isOnDemand }) => isOnDemand !== true).map(({ id }) => id));
}

/** The lineage of a model that the settings may have moved between those of the start and those on demand. */
function standing(lineage: Lineage, { isOnDemand = false }: GivenModel): Lineage {
  const moved = (served: Served) => ({ ...served, model: { ...served.model, isOnDemand } });
  if ((lineage.stable.model.isOnDemand ?? false) === isOnDemand) return lineage;
  return { ...lineage, stable: moved(lineage.stable), next: lineage.next && moved(lineage.next) };
}

/** Whether a model that writes text says nothing of how its chats are written. */
export function lacksTemplate({ gguf }: Pick<GivenModel, "gguf">): boolean {
  return writesText(gguf) && !gguf.chatTemplate;
}

function waitingOf(
  { model: { id, aliases }, settings: own }: Served,
  settings: Config,
): PreparedLocalModels["waiting"] {
  const differing = differingModelSettings(own, settingsOf(settings, [id, ...aliases]));
  return differing.map((change) => ({ ...change, model: id }));
}

function warningsOf({ stable, refused }: Lineage): readonly string[] {
  if (refused === undefined || refused.mark === stable.mark) return [];
  const { id } = stable.model;
  return [
    `The settings' file of ${id} is not served: it was rolled back, or could not be loaded. \`sluice models promote ${id}\` tries it again.`,
  ];
}
