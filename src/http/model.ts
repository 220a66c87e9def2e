import type { Context } from "hono";
import type { Backend } from "../generation/backend.ts";
import { ModelNotFoundError } from "../generation/errors.ts";
import { targetOf } from "../generation/news.ts";
import { mayUse } from "../keys/key.ts";
import { InvalidRequestError } from "../protocols/errors.ts";
import type { FindCost } from "../protocols/tally.ts";
import type { ModelDirectory } from "../routing/directory.ts";
import type { HttpEnv } from "./context.ts";
import { ModelNotAllowedError } from "./errors.ts";

/** The name or alias that makes a model the default. */
const DEFAULT = "default";

/**
 * Finds the model of that name and notes it for the access log. Throws `ModelNotFoundError`, with the models that the caller may use, and
 * `ModelNotAllowedError` if its key does not allow the model.
 */
export function resolveModel(c: Context<HttpEnv>, models: ModelDirectory, name: string): Backend {
  const model = findModel(c, models, name);
  if (!isAllowed(c, model)) throw new ModelNotAllowedError(model.id, idsFor(c, models));
  c.get("facts").model = model.id;
  return model;
}

/** Finds what work costs at a target of a route, or at the model that a request names. */
export function costsIn(models: Pick<ModelDirectory, "find">, named: string): FindCost {
  return (target = named) => models.find(target)?.costOf;
}

/** A kind of request that not every model can answer. */
export type Task = "text" | "embeddings" | "rerank";

/**
 * Chooses the model for a request. Without a name it is the only model for the task, or the one called `default`. If the settings say so,
 * the default model, which is that one or the first, also answers for unknown names. Throws the errors of `resolveModel`, and
 * `InvalidRequestError` if none is named and several are possible.
 */
export function chooseModel(
  c: Context<HttpEnv>,
  models: ModelDirectory,
  name: string | undefined,
  task: Task = "text",
): Backend {
  const isNamed = name !== undefined && name !== "";
  try {
    return resolveModel(c, models, isNamed ? name : DEFAULT);
  } catch (error) {
    const mayBeAnother = isNamed ? error instanceof ModelNotFoundError : true;
    const model = mayBeAnother ? findDefault(c, models, task, isNamed) : undefined;
    if (model !== undefined) return resolveModel(c, models, model.id);
    throw isNamed ? error : unnamed(idsFor(c, models));
  }
}

/** Returns the model for a missing or unknown name; undefined if that is not clear. */
function findDefault(c: Context<HttpEnv>, models: ModelDirectory, task: Task, isNamed: boolean): Backend | undefined {
  const served = modelsFor(c, models);
  const able = served.filter((model) => isMadeFor(model, task));
  const usable = able.length > 0 ? able : served;
  if (models.unknownModel === "default") {
    return usable.find(({ aliases }) => aliases.some((alias) => alias.toLowerCase() === DEFAULT)) ?? usable[0];
  }
  return isNamed || usable.length > 1 ? undefined : usable[0];
}

/** Like `chooseModel`, but takes the first model if none is named, for clients of servers with one model. */
export function chooseFirst(c: Context<HttpEnv>, models: ModelDirectory, name: string | null | undefined): Backend {
  const [first] = modelsFor(c, models);
  const wanted = name ?? "";
  return chooseModel(c, models, wanted === "" ? first?.id : wanted);
}

/** A chat model makes embeddings too, but models for nothing else come first. */
function isMadeFor({ can }: Backend, task: Task): boolean {
  switch (task) {
    case "text":
      return can.text;
    case "embeddings":
      return can.embeddings && !can.text;
    case "rerank":
      return can.reranking;
  }
}

function unnamed(ids: readonly string[]): InvalidRequestError {
  return new InvalidRequestError(
    `Missing required parameter: 'model'. Available: ${ids.join(", ")}.`,
    "model",
    "missing_required_parameter",
  );
}

/** The models that the caller may use. */
export function modelsFor(c: Context<HttpEnv>, models: ModelDirectory): readonly Backend[] {
  return models.list().filter((model) => isAllowed(c, model));
}

/** The same with the routes, which come last. */
export function modelsAndRoutesFor(c: Context<HttpEnv>, models: ModelDirectory): readonly Backend[] {
  return [...modelsFor(c, models), ...models.routes().filter((route) => isAllowed(c, route))];
}

function findModel(c: Context<HttpEnv>, models: ModelDirectory, name: string): Backend {
  try {
    return models.resolve(name);
  } catch (error) {
    // That a model may come is told to those only that may use it.
    const key = c.get("key");
    const isUnknown = error instanceof ModelNotFoundError || (key !== undefined && !mayUse(key, [name]));
    throw isUnknown ? new ModelNotFoundError(name, idsFor(c, models)) : error;
  }
}

function idsFor(c: Context<HttpEnv>, models: ModelDirectory): readonly string[] {
  return modelsAndRoutesFor(c, models).map(({ id }) => id);
}

function isAllowed(c: Context<HttpEnv>, { id, aliases }: Backend): boolean {
  const key = c.get("key");
  return key === undefined || mayUse(key, [id, ...aliases]);
}

/** A route that has the id of the target that answers as soon as that is known; any other model as it is. */
export function namedByTarget(c: Context<HttpEnv>, model: Backend): Backend {
  if (model.answerThrough === undefined) return model;
  const facts = c.get("facts");
  return {
    ...model,
    get id() {
      return (facts.route && targetOf(facts.route)) ?? model.id;
    },
  };
}
