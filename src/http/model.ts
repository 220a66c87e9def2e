import type { Context } from "hono";
import { ModelNotFoundError } from "../generation/errors.ts";
import { mayUse } from "../keys/key.ts";
import type { ModelDirectory, ServedModel } from "../routing/directory.ts";
import type { HttpEnv } from "./context.ts";
import { ModelNotAllowedError } from "./errors.ts";

/**
 * The model of that name, which the access log is told. Throws `ModelNotFoundError`, with the models that the caller may use, and
 * `ModelNotAllowedError` for one that its key does not allow.
 */
export function resolveModel(c: Context<HttpEnv>, models: ModelDirectory, name: string): ServedModel {
  const model = findModel(c, models, name);
  if (!isAllowed(c, model)) throw new ModelNotAllowedError(model.id, idsFor(c, models));
  c.get("facts").model = model.id;
  return model;
}

/** The models that the caller may use. */
export function modelsFor(c: Context<HttpEnv>, models: ModelDirectory): readonly ServedModel[] {
  return models.list().filter((model) => isAllowed(c, model));
}

function findModel(c: Context<HttpEnv>, models: ModelDirectory, name: string): ServedModel {
  try {
    return models.resolve(name);
  } catch (error) {
    throw error instanceof ModelNotFoundError ? new ModelNotFoundError(name, idsFor(c, models)) : error;
  }
}

function idsFor(c: Context<HttpEnv>, models: ModelDirectory): readonly string[] {
  return modelsFor(c, models).map(({ id }) => id);
}

function isAllowed(c: Context<HttpEnv>, { id, aliases }: ServedModel): boolean {
  const key = c.get("key");
  return key === undefined || mayUse(key, [id, ...aliases]);
}
