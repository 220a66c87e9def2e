import { settingsOf } from "../config/model-settings.ts";
import type { Config } from "../config/schema.ts";
import { differingModelSettings, type SettingChange } from "../config/take-over.ts";
import type { Backend } from "../generation/backend.ts";
import { type Changes, changesBetween } from "./changes.ts";
import { type GivenModel, isPreloaded } from "./engines.ts";
import type { LocalBackend } from "./local-backend.ts";

/** The models on this machine's disk that the gateway serves. */
export type LocalModels = {
  /** Those that the settings name, in their order. */
  readonly given: () => readonly GivenModel[];
  readonly backends: () => readonly LocalBackend[];
  /** Those of `backends` that are loaded at the start. */
  readonly first: () => readonly LocalBackend[];
  /** Makes a backend for a model that the settings don't name. */
  readonly make: (model: GivenModel) => Promise<LocalBackend>;
  /**
   * Prepares other models. Those that are among the `served` stay as they are. Rejects if a file can't be read; nothing has changed then. What was
   * prepared must be committed or discarded.
   */
  readonly prepare: (
    config: Config,
    models: readonly GivenModel[],
    served: readonly Backend[],
  ) => Promise<PreparedLocalModels>;
};

/** Local models that may come into force. */
type PreparedLocalModels = {
  readonly backends: readonly LocalBackend[];
  /** Those of `backends` that are loaded at once: they are new, or are no longer on demand. */
  readonly first: readonly LocalBackend[];
  readonly changes: Changes;
  /** What a model keeps until a restart, although the settings or its file have changed. */
  readonly waiting: readonly (SettingChange & { readonly model: string })[];
  readonly commit: () => void;
  /** Closes those that are new. */
  readonly discard: () => Promise<void>;
};

type Served = { readonly model: GivenModel; readonly backend: LocalBackend; readonly settings: Config };

export type LocalModelsOptions = {
  readonly config: Config;
  readonly models: readonly GivenModel[];
  /** Makes a backend. Nothing runs until it is loaded. */
  readonly create: (model: GivenModel, config: Config) => Promise<LocalBackend>;
};

export async function createLocalModels({ config, models, create }: LocalModelsOptions): Promise<LocalModels> {
  let current = config;
  /** The ids of those that were not on demand when the settings were read last. */
  let named = namedOf(models);
  let given = await Promise.all(models.map((model) => serve(model, config)));
  /** By their ids. */
  const others = new Map<string, Served>();

  async function serve(model: GivenModel, settings: Config): Promise<Served> {
    const backend = await create(model, settings);
    return { model, backend, settings: settingsOf(settings, [model.id, ...model.aliases]) };
  }

  return {
    given: () => given.map(({ model }) => model),
    backends: () => given.map(({ backend }) => backend),
    first: () => firstOf(given),
    async make(model) {
      const served = await serve({ ...model, isOnDemand: true }, current);
      others.set(model.id, served);
      return served.backend;
    },
    async prepare(settings, wanted, running) {
      const known = [...given, ...others.values()].filter(({ backend }) => running.includes(backend));
      const outcomes = await Promise.allSettled(
        wanted.map((model) => known.find((served) => served.model.id === model.id) ?? serve(model, settings)),
      );
      const next = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
      const kept = next.filter((served) => known.includes(served));
      const created = next.filter((served) => !known.includes(served));
      // Each holds a place in memory.
      const discard = async () => void (await Promise.all(created.map(({ backend }) => backend.close())));
      const newlyNamed = new Set([...namedOf(wanted)].filter((id) => !named.has(id)));
      const failure = outcomes.find((outcome) => outcome.status === "rejected");
      if (failure !== undefined) {
        await discard();
        throw failure.reason;
      }
      return {
        backends: next.map(({ backend }) => backend),
        first: [...firstOf(created), ...firstOf(kept.filter(({ model: { id } }) => newlyNamed.has(id)).map(asNamed))],
        changes: changesBetween(given, next, ({ model }) => model.id),
        waiting: kept.flatMap((served) => waitingOf(served, wanted, settings)),
        commit() {
          for (const { model } of given) others.delete(model.id);
          [current, given, named] = [settings, next, namedOf(wanted)];
        },
        discard,
      };
    },
  };
}

function namedOf(models: readonly GivenModel[]): ReadonlySet<string> {
  return new Set(models.filter(({ isOnDemand }) => isOnDemand !== true).map(({ id }) => id));
}

function asNamed(served: Served): Served {
  return { ...served, model: { ...served.model, isOnDemand: false } };
}

function firstOf(served: readonly Served[]): readonly LocalBackend[] {
  return served.filter(({ model, settings }) => isPreloaded(settings, model)).map(({ backend }) => backend);
}

function waitingOf(served: Served, wanted: readonly GivenModel[], settings: Config): PreparedLocalModels["waiting"] {
  const { id, aliases, path, adapter } = served.model;
  const differing = differingModelSettings(served.settings, settingsOf(settings, [id, ...aliases]));
  const model = wanted.find((each) => each.id === id);
  const isElsewhere = model !== undefined && (model.path !== path || model.adapter?.path !== adapter?.path);
  const isOtherwise = model !== undefined && (model.isOnDemand === true) !== (served.model.isOnDemand === true);
  const own = [...(isElsewhere ? ["model"] : []), ...(isOtherwise ? ["onDemand"] : [])];
  return [...own.map((setting) => ({ setting })), ...differing].map((change) => ({ ...change, model: id }));
}
