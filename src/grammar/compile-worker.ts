/** A thread for slow compilations, so that other work doesn't wait. It gets one job at a time, and sends its outcome. */
import { getPriority, setPriority } from "node:os";
import { parentPort } from "node:worker_threads";
import type { JsonSchema } from "../generation/request.ts";
import { readOwnJson } from "../json/parse.ts";
import { compileText, type TextKind } from "./compile-text.ts";
import { UnsupportedSchemaError } from "./errors.ts";
import { type CompiledSchema, compileSchema } from "./schema/compile.ts";
import type { DroppedKeyword } from "./schema/tolerance.ts";

/** How far its priority is lowered: with 5, beside streams on two busy cores, a schema took seconds. */
const NICENESS = 3;
/** The largest nice value. */
const MAX_NICENESS = 19;

/** A schema, as its JSON, or a text that a client wrote. */
export type CompileJob = { readonly kind: "schema" | TextKind; readonly text: string };

/** The outcome of a job, as a message between threads. */
export type ToldOutcome =
  | { readonly compiled: CompiledSchema }
  | { readonly gbnf: string }
  | { readonly refused: DroppedKeyword };

function outcomeOf({ kind, text }: CompileJob): ToldOutcome {
  try {
    // The text was made from a schema.
    if (kind === "schema") return { compiled: compileSchema(readOwnJson(text) as JsonSchema) };
    return { gbnf: compileText(kind, text) };
  } catch (error) {
    if (error instanceof UnsupportedSchemaError) {
      const { path, keyword, reason } = error;
      return { refused: { path, keyword, reason } };
    }
    throw error;
  }
}

/** Lowers the thread's priority. Only Linux has priorities of threads; elsewhere it would be the whole process's. */
function giveWay(): void {
  if (process.platform !== "linux") return;
  try {
    setPriority(Math.min(MAX_NICENESS, getPriority() + NICENESS));
  } catch {
    // If that isn't allowed, the priority stays as it is.
  }
}

giveWay();
parentPort?.on("message", (job: CompileJob) => parentPort?.postMessage(outcomeOf(job)));
