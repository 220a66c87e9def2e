import type { Backend } from "../generation/backend.ts";
import { ModelNotFoundError } from "../generation/errors.ts";
import { type Alias, parseAliases } from "./aliases.ts";

/** What becomes of a request for a model that isn't there: it is refused, or the default model answers it. */
type UnknownModel = "refuse" | "default";

/** The models that this gateway serves. They may come and go while it runs. */
export type ModelDirectory = {
  /** What the settings call the models besides, with the model's id; of those only that are served now. */
  readonly aliases: readonly Alias[];
  readonly unknownModel: UnknownModel;
  /** All models, in the order in which they came. The same list until one comes or goes. */
  readonly list: () => readonly Backend[];
  /** The model with this id or alias, in any case of letters, with Ollama's `:latest` or without. Throws `ModelNotFoundError` with the ids that exist. */
  readonly resolve: (name: string) => Backend;
  /** The same, and undefined where there is none. */
  readonly find: (name: string) => Backend | undefined;
  /** Throws when there is a model with this id, because one of the two could never be asked. */
  readonly add: (backend: Backend) => void;
  /** Forgets a model; its id, in any case of letters. What runs with it runs on. Returns it as it was added, undefined where there is none. */
  readonly remove: (id: string) => Backend | undefined;
  /** Calls `listener` after each model that came or went, until the function that it returns is called. */
  readonly onChange: (listener: () => void) => () => void;
};

export type DirectoryOptions = {
  /** `NAME=MODEL` each; they win over those that models bring. Each MODEL must be there at the start. */
  readonly aliases?: readonly string[];
  /** `refuse` if absent. */
  readonly unknownModel?: UnknownModel;
};

/** What is found under a name: made anew when a model comes or goes, so that looking one up stays one step. */
type Index = {
  readonly models: readonly Backend[];
  readonly aliases: readonly Alias[];
  readonly byName: ReadonlyMap<string, Backend>;
};

/**
 * A directory of models, `given` to begin with. An id wins over an alias, and among aliases the model that came first.
 * Throws as `add` does, and an `AliasError` for an alias that can't be.
 */
export function createModelDirectory(given: readonly Backend[], options: DirectoryOptions = {}): ModelDirectory {
  const parsed = parseAliases(options.aliases ?? [], given);
  const added = new Map<string, Backend>();
  const listeners = new Set<() => void>();

  function put(backend: Backend): void {
    const key = backend.id.toLowerCase();
    if (added.has(key)) throw new Error(`Two models have the id \`${backend.id}\`. Give each model once.`);
    added.set(key, backend);
  }
  for (const backend of given) put(backend);
  let index = indexOf([...added.values()], parsed);

  function change(): void {
    index = indexOf([...added.values()], parsed);
    for (const listener of listeners) listener();
  }

  function find(name: string): Backend | undefined {
    const key = name.toLowerCase();
    return index.byName.get(key) ?? index.byName.get(key.replace(/:latest$/, ""));
  }

  return {
    get aliases() {
      return index.aliases;
    },
    unknownModel: options.unknownModel ?? "refuse",
    list: () => index.models,
    find,
    resolve(name) {
      const model = find(name);
      if (model !== undefined) return model;
      throw new ModelNotFoundError(
        name,
        index.models.map(({ id }) => id),
      );
    },
    add(backend) {
      put(backend);
      change();
    },
    remove(id) {
      const backend = added.get(id.toLowerCase());
      if (backend === undefined) return undefined;
      added.delete(id.toLowerCase());
      change();
      return backend;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

function indexOf(added: readonly Backend[], parsed: readonly Alias[]): Index {
  const models = added.map((model) => ({ ...model, aliases: [...namesOf(model.id, parsed), ...model.aliases] }));
  const byName = new Map<string, Backend>(models.map((model) => [model.id.toLowerCase(), model]));
  const aliases: Alias[] = [];
  for (const alias of parsed) {
    const model = byName.get(alias.model.toLowerCase());
    const key = alias.name.toLowerCase();
    // A model that came later may have the name for its id.
    if (model === undefined || models.some(({ id }) => id.toLowerCase() === key)) continue;
    aliases.push(alias);
    byName.set(key, model);
  }
  for (const model of models) {
    for (const alias of model.aliases) {
      const key = alias.toLowerCase();
      if (!byName.has(key)) byName.set(key, model);
    }
  }
  return { models, aliases, byName };
}

function namesOf(id: string, aliases: readonly Alias[]): readonly string[] {
  return aliases.filter(({ model }) => model === id).map(({ name }) => name);
}
