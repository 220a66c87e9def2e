import type { Context } from "hono";
import type { Backend } from "../generation/backend.ts";
import { ModelNotFoundError } from "../generation/errors.ts";
import { mayUse } from "../keys/key.ts";
import { InvalidRequestError } from "../protocols/errors.ts";
import type { ModelDirectory } from "../routing/directory.ts";
import type { HttpEnv } from "./context.ts";
import { ModelNotAllowedError } from "./errors.ts";

/** The name that the settings can give to the model which is meant where none is named. */
const DEFAULT = "default";

/**
 * The model of that name, which the access log is told. Throws `ModelNotFoundError`, with the models that the caller may use, and
 * `ModelNotAllowedError` for one that its key does not allow.
 */
export function resolveModel(c: Context<HttpEnv>, models: ModelDirectory, name: string): Backend {
  const model = findModel(c, models, name);
  if (!isAllowed(c, model)) throw new ModelNotAllowedError(model.id, idsFor(c, models));
  c.get("facts").model = model.id;
  return model;
}

/** What a request is for, which not every model can. */
export type Task = "text" | "embeddings" | "rerank";

/**
 * The model that is to answer a request for `name`, undefined or empty where it names none: then the only one that can, or the one that is
 * called `default`. Where the settings want it so the default model, which is that one or the first, answers for a name that nothing has too.
 * Throws as `resolveModel`, and `InvalidRequestError` where none is named and several could be meant.
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

/** Which model is meant by a request that names none, or none that is there; undefined where that is not clear. */
function findDefault(c: Context<HttpEnv>, models: ModelDirectory, task: Task, isNamed: boolean): Backend | undefined {
  const served = modelsFor(c, models);
  const able = served.filter((model) => isMadeFor(model, task));
  const usable = able.length > 0 ? able : served;
  if (models.unknownModel === "default") {
    return usable.find(({ aliases }) => aliases.some((alias) => alias.toLowerCase() === DEFAULT)) ?? usable[0];
  }
  return isNamed || usable.length > 1 ? undefined : usable[0];
}

/** As `chooseModel`, and the first one where none is named, as of a server that has one. */
export function chooseFirst(c: Context<HttpEnv>, models: ModelDirectory, name: string | null | undefined): Backend {
  const [first] = modelsFor(c, models);
  const wanted = name ?? "";
  return chooseModel(c, models, wanted === "" ? first?.id : wanted);
}

/** A chat model makes embeddings too; where there are models for nothing else these are meant. */
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

function findModel(c: Context<HttpEnv>, models: ModelDirectory, name: string): Backend {
  try {
    return models.resolve(name);
  } catch (error) {
    throw error instanceof ModelNotFoundError ? new ModelNotFoundError(name, idsFor(c, models)) : error;
  }
}

function idsFor(c: Context<HttpEnv>, models: ModelDirectory): readonly string[] {
  return modelsFor(c, models).map(({ id }) => id);
}

function isAllowed(c: Context<HttpEnv>, { id, aliases }: Backend): boolean {
  const key = c.get("key");
  return key === undefined || mayUse(key, [id, ...aliases]);
}
