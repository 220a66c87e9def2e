import { isDeepStrictEqual } from "node:util";
import { systemClock } from "../clock.ts";
import type { Backend } from "../generation/backend.ts";
import { ModelNotFoundError } from "../generation/errors.ts";
import { type Alias, parseAliases } from "./aliases.ts";
import type { Described, Explanation } from "./explain.ts";
import type { Route } from "./policy.ts";
import {
  createRoutedBackend,
  createRouteState,
  type RoutedBackend,
  type RouteState,
  type RoutingParts,
} from "./routed.ts";
import { joinRoutes } from "./routes.ts";

/** Whether a request for an unknown model is refused, or answered by the default model. */
type UnknownModel = "refuse" | "default";

/** The models that the gateway serves. They can be added and removed while it runs. */
export type ModelDirectory = {
  /** The aliases of the settings whose models are served now. */
  readonly aliases: readonly Alias[];
  readonly unknownModel: UnknownModel;
  /** All models, in the order of addition. The same list until a model is added or removed. */
  readonly list: () => readonly Backend[];
  /** All models as they were added, without the aliases of the settings. */
  readonly added: () => readonly Backend[];
  /** The routes, each as a model that answers through others. The same list until a model is added or removed. */
  readonly routes: () => readonly Backend[];
  /** Finds a model by its id or alias, or a route by its name, case-insensitively, with or without Ollama's `:latest`. Throws `ModelNotFoundError` with the existing ids, and the error of `awaited` for a model that may come. */
  readonly resolve: (name: string) => Backend;
  /** As `resolve`; undefined if there is no such model. */
  readonly find: (name: string) => Backend | undefined;
  /** Where a route would send such a request now; undefined if there is no route of this name. */
  readonly explain: (route: string, described: Described) => Explanation | undefined;
  /** Throws if a model has this id already, because one of the two could never be used. */
  readonly add: (backend: Backend) => void;
  /** Removes a model by its id, case-insensitively. Its running requests continue. Returns the model as it was added, if there was one. */
  readonly remove: (id: string) => Backend | undefined;
  /** As `resolve`, for a request that is in progress: models that are leaving answer it too. */
  readonly reach: (name: string) => Backend;
  /**
   * Prepares other models and names, all at once. `options` are checked with the `given` models, as at a start; the `others` came while it ran. Throws
   * as `createModelDirectory` does. Nothing changes before `commit`, which must follow in the same turn of the event loop.
   */
  readonly prepare: (
    given: readonly Backend[],
    others: readonly Backend[],
    options: DirectoryOptions,
  ) => PreparedDirectory;
  /** Calls `listener` after each addition, removal and commit, until the returned function is called. */
  readonly onChange: (listener: () => void) => () => void;
};

/** Models and names that may come into force. */
type PreparedDirectory = {
  /** The given models and the routes, by all their names. */
  readonly given: readonly Backend[];
  /** Returns the models that are no longer there. Requests in progress reach them until `forget` is called. */
  readonly commit: () => readonly Leaving[];
};

export type Leaving = { readonly backend: Backend; readonly forget: () => void };

export type DirectoryOptions = {
  /** `NAME=MODEL` each. They take precedence over models' own aliases. Each MODEL must exist at the start. */
  readonly aliases?: readonly string[];
  /** Whether a model that is not there at the start may come later, so that an alias may name it. */
  readonly mayCome?: (model: string) => boolean;
  /** The error for a model that is not served, if it may be soon. */
  readonly awaited?: (model: string) => Error | undefined;
  /** `refuse` if absent. */
  readonly unknownModel?: UnknownModel;
  /** Names that stand for several models. A target that doesn't exist is left out until it is added. */
  readonly routes?: readonly Route[];
};

/** What routes know of tenants where there are no keys. */
const OWN_PARTS: RoutingParts = {
  tenants: { namesOf: (tenant) => [tenant], usedShareOf: () => undefined },
  clock: systemClock,
  now: Date.now,
};

/** The lookup table, rebuilt when a model is added or removed. */
type Index = {
  readonly models: readonly Backend[];
  readonly routes: readonly RoutedBackend[];
  readonly aliases: readonly Alias[];
  readonly byName: ReadonlyMap<string, Backend>;
};

/**
 * Creates a directory with the `given` models. An id takes precedence over an alias, and among aliases the model that was added first.
 * Throws as `add` does, `AliasError` for an invalid alias, and `RouteError` for an invalid
 * route.
 */
export function createModelDirectory(
  given: readonly Backend[],
  options: DirectoryOptions = {},
  parts: RoutingParts = OWN_PARTS,
): ModelDirectory {
  const listeners = new Set<() => void>();
  /** Those that were replaced or removed by a commit, and still have requests. */
  const leaving = new Set<Backend>();
  let names = readNames(given, options, parts);
  let added = put(new Map(), given);
  let index = indexOf([...added.values()], names);

  function tell(): void {
    for (const listener of listeners) listener();
  }

  function change(): void {
    index = indexOf([...added.values()], names);
    tell();
  }

  function leave(backend: Backend): Leaving {
    leaving.add(backend);
    return { backend, forget: () => void leaving.delete(backend) };
  }

  function findLeaving(name: string): Backend | undefined {
    const key = name.toLowerCase();
    const all = [...leaving].flatMap((backend) => [backend, ...(backend.versions ?? [])]);
    return all.find(({ id, aliases }) => [id, ...aliases].some((each) => each.toLowerCase() === key));
  }

  function find(name: string): Backend | undefined {
    const key = name.toLowerCase();
    return index.byName.get(key) ?? index.byName.get(key.replace(/:latest$/, ""));
  }

  function resolve(name: string): Backend {
    const model = find(name);
    if (model !== undefined) return model;
    const available = [...index.models, ...index.routes].map(({ id }) => id);
    throw names.awaited(name) ?? new ModelNotFoundError(name, available);
  }

  return {
    get aliases() {
      return index.aliases;
    },
    get unknownModel() {
      return names.unknownModel;
    },
    list: () => index.models,
    added: () => [...added.values()],
    routes: () => index.routes,
    explain(name, described) {
      const wanted = name.toLowerCase();
      return index.routes.find(({ id }) => id.toLowerCase() === wanted)?.explain(described);
    },
    find,
    resolve,
    reach: (name) => find(name) ?? findLeaving(name) ?? resolve(name),
    prepare(given, others, settings) {
      const models = [...given, ...others];
      const nextNames = readNames(given, settings, parts, names);
      const nextAdded = put(new Map(), models);
      const next = indexOf(models, nextNames);
      return {
        given: [...next.models.slice(0, given.length), ...next.routes],
        commit() {
          const gone = [...added.values()].filter((backend) => !models.includes(backend));
          [names, added, index] = [nextNames, nextAdded, next];
          const left = gone.map(leave);
          tell();
          return left;
        },
      };
    },
    add(backend) {
      put(added, [backend]);
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

/** Adds models by their ids. Throws if two have the same. */
function put(added: Map<string, Backend>, models: readonly Backend[]): Map<string, Backend> {
  for (const backend of models) {
    const key = backend.id.toLowerCase();
    if (added.has(key)) throw new Error(`Two models have the id \`${backend.id}\`. Give each model only once.`);
    added.set(key, backend);
  }
  for (const { id } of models.flatMap(({ versions = [] }) => versions)) {
    if (added.has(id.toLowerCase()))
      throw new Error(`A model has the id \`${id}\` of another one's new version. Rename its file.`);
  }
  return added;
}

/** What the settings say of names: aliases, routes, and what becomes of other names. */
type Names = {
  readonly aliases: readonly Alias[];
  readonly routes: readonly RouteState[];
  readonly unknownModel: UnknownModel;
  readonly awaited: (name: string) => Error | undefined;
  readonly parts: RoutingParts;
};

/** @param before whose routes keep what they have measured, where they stay as they are */
function readNames(given: readonly Backend[], options: DirectoryOptions, parts: RoutingParts, before?: Names): Names {
  const aliases = parseAliases(options.aliases ?? [], given, options.mayCome);
  const routes = joinRoutes(options.routes ?? [], [...given, { id: "", aliases: aliases.map(({ name }) => name) }]);
  const ofAlias = new Map(aliases.map(({ name, model }) => [name.toLowerCase(), model]));
  const awaited = (name: string) => options.awaited?.(ofAlias.get(name.toLowerCase()) ?? name);
  return {
    aliases,
    routes: routes.map(
      (route) => before?.routes.find((state) => isDeepStrictEqual(state.route, route)) ?? createRouteState(route),
    ),
    unknownModel: options.unknownModel ?? "refuse",
    awaited,
    parts: { ...parts, awaited },
  };
}

function indexOf(added: readonly Backend[], { aliases: parsed, routes: states, parts }: Names): Index {
  const models = added.map((model) => ({ ...model, aliases: [...namesOf(model.id, parsed), ...model.aliases] }));
  const byName = new Map<string, Backend>(models.map((model) => [model.id.toLowerCase(), model]));
  const aliases: Alias[] = [];
  for (const alias of parsed) {
    const model = byName.get(alias.model.toLowerCase());
    const key = alias.name.toLowerCase();
    // A model that was added later may have this name as its id.
    if (model === undefined || models.some(({ id }) => id.toLowerCase() === key)) continue;
    aliases.push(alias);
    byName.set(key, model);
  }
  for (const version of models.flatMap(({ versions = [] }) => versions)) {
    const key = version.id.toLowerCase();
    if (!byName.has(key)) byName.set(key, version);
  }
  for (const model of models) {
    for (const alias of model.aliases) {
      const key = alias.toLowerCase();
      if (!byName.has(key)) byName.set(key, model);
    }
  }
  const targets = new Map(byName);
  const routes = states.map((state) =>
    createRoutedBackend(
      state,
      state.route.targets.map(({ model }) => targets.get(model.toLowerCase())),
      parts,
    ),
  );
  // A model that was added later may have a route's name.
  const free = routes.filter(({ id }) => !targets.has(id.toLowerCase()));
  for (const route of free) byName.set(route.id.toLowerCase(), route);
  return { models, routes: free, aliases, byName };
}

function namesOf(id: string, aliases: readonly Alias[]): readonly string[] {
  return aliases.filter(({ model }) => model === id).map(({ name }) => name);
}
