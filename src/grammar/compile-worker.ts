/** A thread that compiles schemas which take long, so that nothing else waits for them. It is told the text of each, and tells its outcome. */
import { parentPort } from "node:worker_threads";
import type { JsonSchema } from "../generation/request.ts";
import { readOwnJson } from "../json/parse.ts";
import { UnsupportedSchemaError } from "./errors.ts";
import { type CompiledSchema, compileSchema } from "./schema/compile.ts";
import type { DroppedKeyword } from "./schema/tolerance.ts";

/** What came of a schema, as threads tell each other. */
export type ToldOutcome = { readonly compiled: CompiledSchema } | { readonly refused: DroppedKeyword };

function outcomeOf(schema: JsonSchema): ToldOutcome {
  try {
    return { compiled: compileSchema(schema) };
  } catch (error) {
    if (error instanceof UnsupportedSchemaError) {
      const { path, keyword, reason } = error;
      return { refused: { path, keyword, reason } };
    }
    throw error;
  }
}

parentPort?.on("message", (text: string) => {
  // It was a schema before it was written down.
  parentPort?.postMessage(outcomeOf(readOwnJson(text) as JsonSchema));
});
