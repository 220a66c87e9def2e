import type { Context } from "hono";
import type { GenerationRequest } from "../generation/request.ts";
import { compileHeld } from "../grammar/builder.ts";
import { UnsupportedSchemaError } from "../grammar/errors.ts";
import { findDropped } from "../grammar/output.ts";
import type { DroppedKeyword } from "../grammar/schema/tolerance.ts";
import type { HttpEnv } from "./context.ts";

/** Where a protocol's requests have their schemas. */
export type SchemaPlaces = { readonly format: string; readonly tool: (index: number) => string };

export const CHAT_PLACES: SchemaPlaces = {
  format: "response_format.json_schema.schema",
  tool: (index) => `tools[${index}].function.parameters`,
};
export const RESPONSES_PLACES: SchemaPlaces = {
  format: "text.format.schema",
  tool: (index) => `tools[${index}].parameters`,
};
export const MESSAGES_PLACES: SchemaPlaces = {
  format: "output_config.format.schema",
  tool: (index) => `tools[${index}].input_schema`,
};

/** Notes, for a header, what of a request's schemas its answer is not held to. */
export function noteDroppedKeywords(
  c: Context<HttpEnv>,
  { output, tools }: Pick<GenerationRequest, "output" | "tools">,
  places: SchemaPlaces,
): void {
  const ofFormat = output === undefined ? [] : findDropped(output, places.format);
  const callable = tools === undefined || tools.choice === "none" ? [] : tools.tools;
  const ofTools = callable.flatMap(({ parameters, strict }, index) =>
    parameters === undefined || strict === true ? [] : droppedOf(parameters, places.tool(index)),
  );
  const dropped = [...ofFormat, ...ofTools];
  if (dropped.length > 0) {
    c.get("facts").droppedKeywords = dropped;
  }
}

/** All of a schema that no value satisfies: a call of such a function may have any arguments. */
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
