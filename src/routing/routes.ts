import type { Route } from "./policy.ts";

/** An invalid route. */
export class RouteError extends Error {
  override readonly name = "RouteError";
}

type Named = { readonly id: string; readonly aliases: readonly string[] };

/**
 * Joins entries with the same name to one route, in their order. Throws `RouteError` for a name that a model has, because one of the two could
 * never be used, and for a target that is a route.
 *
 * @param models those that are served at the start, and the aliases of the settings
 */
export function joinRoutes(entries: readonly Route[], models: readonly Named[]): readonly Route[] {
  const taken = new Set(models.flatMap(({ id, aliases }) => [id, ...aliases].map((name) => name.toLowerCase())));
  const joined = new Map<string, Route>();
  for (const entry of entries) {
    const key = entry.name.toLowerCase();
    if (taken.has(key)) {
      throw new RouteError(`The route '${entry.name}' has the name of a model or an alias. Choose another name.`);
    }
    const before = joined.get(key);
    joined.set(
      key,
      before === undefined ? entry : { ...before, ...entry, targets: [...before.targets, ...entry.targets] },
    );
  }
  const routes = [...joined.values()];
  for (const { name, targets } of routes) {
    const nested = targets.find(({ model }) => joined.has(model.toLowerCase()));
    if (nested !== undefined) {
      throw new RouteError(`The route '${name}' refers to the route '${nested.model}'. Give it models as targets.`);
    }
  }
  return routes;
}

/** The targets that no model answers to, for each route: a typing error, or a model that is added later. @param mayCome whether it is one that is expected */
export function unservedTargets(
  routes: readonly Route[],
  models: readonly Named[],
  mayCome: (model: string) => boolean = () => false,
): readonly string[] {
  const served = new Set(models.flatMap(({ id, aliases }) => [id, ...aliases].map((name) => name.toLowerCase())));
  return routes.flatMap(({ name, targets }) =>
    targets
      .filter(({ model }) => !served.has(model.toLowerCase()) && !mayCome(model))
      .map(({ model }) => `${name}: ${model}`),
  );
}
