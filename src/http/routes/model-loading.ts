import { setImmediate } from "node:timers/promises";
import type { Context, Handler } from "hono";
import { z } from "zod";
import type { Backend } from "../../generation/backend.ts";
import { string } from "../../protocols/fields.ts";
import { parseWire } from "../../protocols/issue.ts";
import type { ModelDirectory } from "../../routing/directory.ts";
import type { HttpEnv } from "../context.ts";
import { HttpError } from "../errors.ts";
import { readJson } from "../json-body.ts";
import { resolveModel } from "../model.ts";

const namedSchema = z.object({ model: string(1_024).min(1) }, { error: "an object" });

/** `POST /models/load`, llama-server's. */
export function loadModel(models: ModelDirectory): Handler<HttpEnv> {
  return begin(models, ({ load }) => load);
}

/** `POST /models/unload`, llama-server's. */
export function unloadModel(models: ModelDirectory): Handler<HttpEnv> {
  return begin(models, ({ unload }) => unload);
}

/** Answers when the work has begun; with its error if that comes at once. What comes later is in the log, and in the model's state. */
function begin(
  models: ModelDirectory,
  workOf: (model: Backend) => (() => Promise<void>) | undefined,
): Handler<HttpEnv> {
  return async (c) => {
    const work = workOf(await readModel(c, models));
    const begun = work?.();
    begun?.catch(() => {});
    await Promise.race([begun, setImmediate()]);
    return c.json({ success: true });
  };
}

async function readModel(c: Context<HttpEnv>, models: ModelDirectory): Promise<Backend> {
  const { model: name } = parseWire(namedSchema, await readJson(c));
  const model = resolveModel(c, models, name);
  if (model.load !== undefined) return model;
  throw new HttpError(
    400,
    `The model \`${model.id}\` is on another server, which loads it by itself.`,
    "unsupported_model",
  );
}
