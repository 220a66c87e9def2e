import { z } from "zod";
import type { JsonSchema, Tool } from "../../generation/request.ts";
import { checkLark } from "../../grammar/compiled-texts.ts";
import { UnsupportedSchemaError } from "../../grammar/errors.ts";
import { string } from "../fields.ts";

const MAX_DEFINITION_LENGTH = 64 * 1024;

const grammar = z.object(
  { syntax: z.enum(["lark", "regex"]), definition: string(MAX_DEFINITION_LENGTH).min(1) },
  { error: "an object" },
);

/** The format of a custom tool's input. Chat completions nest the grammar in an object; the Responses API doesn't. */
export const inputFormat = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text") }),
  z.object({
    type: z.literal("grammar"),
    syntax: grammar.shape.syntax.nullish(),
    definition: grammar.shape.definition.nullish(),
    grammar: grammar.nullish(),
  }),
]);

/** The total length of Lark grammars in one request. Checking them blocks the event loop. */
export const MAX_GRAMMAR_CHARACTERS = 16 * 1024;

/** The number of characters of grammars that a request may still use. */
export type GrammarRoom = { characters: number };

type Format = z.infer<typeof inputFormat>;

/** The argument that holds a custom tool's input. */
const INPUT = "input";

/**
 * Turns a custom tool into a function with one string argument, because models can only call functions. `createInputReader` extracts the
 * input from the argument again.
 *
 * @returns `lost`: the field that can't be honoured, if the grammar can't be enforced
 */
export function customTool(
  name: string,
  description: string | null | undefined,
  format: Format | null | undefined,
  room: GrammarRoom,
): { readonly tool: Tool; readonly lost?: string } {
  const form = format?.type === "grammar" ? (format.grammar ?? format) : undefined;
  const { syntax, definition } = form ?? {};
  const isRegex = syntax === "regex" && definition !== undefined && definition !== null;
  const tool: Tool = {
    name,
    ...(description !== undefined && description !== null && { description: description.toWellFormed() }),
    parameters: inputSchema(syntax ?? "lark", definition ?? ""),
  };
  if (isRegex || !definition) return { tool };
  room.characters -= definition.length;
  return room.characters >= 0 && canHold(definition)
    ? { tool: { ...tool, lark: definition } }
    : { tool, lost: `${name}.format` };
}

/** The parameters of a custom tool's function. A regex becomes a pattern. A Lark grammar is only described here, and enforced separately. */
export function inputSchema(syntax: "lark" | "regex", definition: string): JsonSchema {
  const told =
    definition === "" ? "The tool's input." : `The tool's input. It must match this ${syntax} grammar:\n${definition}`;
  const pattern = syntax === "regex" && { pattern: `^(?:${definition})$` };
  const input = { type: "string", description: told, ...pattern };
  return { type: "object", properties: { [INPUT]: input }, required: [INPUT], additionalProperties: false };
}

function canHold(definition: string): boolean {
  try {
    checkLark(definition, "format.definition");
    return true;
  } catch (error) {
    if (error instanceof UnsupportedSchemaError) return false;
    throw error;
  }
}

/** Wraps a custom tool's input as the arguments of its function. */
export function inputToArguments(input: string): string {
  return JSON.stringify({ [INPUT]: input });
}
