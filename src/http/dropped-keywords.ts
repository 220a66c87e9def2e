import type { Context } from "hono";
import type { GenerationRequest } from "../generation/request.ts";
import { compileHeld } from "../grammar/builder.ts";
import { UnsupportedSchemaError } from "../grammar/errors.ts";
import { findDropped } from "../grammar/output.ts";
import type { DroppedKeyword } from "../grammar/schema/tolerance.ts";
import type { HttpEnv } from "./context.ts";

/** The fields of a protocol's requests that hold schemas. */
export type SchemaPlaces = { readonly format: string; readonly tools: readonly string[] };

/** Those of chat completions and completions. @param tools the fields of the tools' schemas */
export function chatPlaces(tools: readonly string[] = []): SchemaPlaces {
  return { format: "response_format.json_schema.schema", tools };
}

/** Those of responses. */
export function responsesPlaces(tools: readonly string[]): SchemaPlaces {
  return { format: "text.format.schema", tools };
}

/** Those of Anthropic's messages. */
export function messagesPlaces(tools: readonly string[]): SchemaPlaces {
  return { format: "output_config.format.schema", tools };
}

/** Names the places in a refused schema as the client's request does. */
export function atPlaces(error: unknown, { format, tools }: SchemaPlaces): unknown {
  if (!(error instanceof UnsupportedSchemaError)) return error;
  const path = error.path
    .replace(/^tools\[(\d+)\]\.function\.parameters/, (all, index: string) => tools[Number(index)] ?? all)
    .replace(/^response_format\.json_schema\.schema/, format);
  return new UnsupportedSchemaError(path, error.keyword, error.reason);
}

/** Notes, for a header, the keywords of a request's schemas that are not enforced. */
export function noteDroppedKeywords(
  c: Context<HttpEnv>,
  { output, tools }: Pick<GenerationRequest, "output" | "tools">,
  places: SchemaPlaces,
): void {
  const ofFormat = output === undefined ? [] : findDropped(output, places.format);
  const callable = tools === undefined || tools.choice === "none" ? [] : tools.tools;
  const ofTools = callable.flatMap(({ parameters, strict }, index) =>
    parameters === undefined || strict === true ? [] : droppedOf(parameters, places.tools[index] ?? `tools[${index}]`),
  );
  const dropped = [...ofFormat, ...ofTools];
  if (dropped.length > 0) {
    c.get("facts").droppedKeywords = dropped;
  }
}

/** Returns everything if no value satisfies the schema: a call of such a function may have any arguments. */
function droppedOf(schema: Parameters<typeof compileHeld>[0], path: string): readonly DroppedKeyword[] {
  try {
    return compileHeld(schema, path, false).dropped;
  } catch (error) {
    if (error instanceof UnsupportedSchemaError) {
      return [{ path: error.path, keyword: error.keyword, reason: error.reason }];
    }
    throw error;
  }
}
