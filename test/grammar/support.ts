import type { JsonSchema } from "../../src/generation/request.ts";
import { compileHeld, createGrammarBuilder } from "../../src/grammar/builder.ts";
import { UnsupportedSchemaError } from "../../src/grammar/errors.ts";
import { interpret } from "./gbnf.ts";

export function grammarOf(schema: JsonSchema) {
  const builder = createGrammarBuilder();
  return interpret(builder.toGbnf(builder.schema(schema, "schema")));
}

/** Where what is not held to stands, and its keyword, such as `.properties.a pattern`. */
export function dropped(schema: JsonSchema): readonly string[] {
  return compileHeld(schema, "", false).dropped.map(({ path, keyword }) => `${path} ${keyword}`);
}

/** Why a client that counts on all of `schema` is refused. */
export function refusal(schema: JsonSchema): UnsupportedSchemaError {
  try {
    compileHeld(schema, "schema", true);
  } catch (error) {
    if (error instanceof UnsupportedSchemaError) {
      return error;
    }
    throw error;
  }
  throw new Error("The schema was not refused.");
}

export function object(properties: Readonly<Record<string, unknown>>, more: Readonly<Record<string, unknown>> = {}) {
  return { type: "object", properties, ...more };
}

export const INTEGER = { type: "integer" };
