import { z } from "zod";
import type { JsonSchema, Tool } from "../../generation/request.ts";
import { UnsupportedSchemaError } from "../../grammar/errors.ts";
import { checkLark } from "../../grammar/lark/check.ts";
import { string } from "../fields.ts";

const MAX_DEFINITION_LENGTH = 64 * 1024;

const grammar = z.object(
  { syntax: z.enum(["lark", "regex"]), definition: string(MAX_DEFINITION_LENGTH).min(1) },
  { error: "an object" },
);

/** What a custom tool's input may be. A grammar stands beside its type in responses, and in an object in chat completions. */
export const inputFormat = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text") }),
  z.object({
    type: z.literal("grammar"),
    syntax: grammar.shape.syntax.nullish(),
    definition: grammar.shape.definition.nullish(),
    grammar: grammar.nullish(),
  }),
]);

/** Grammars in Lark's notation that one request may have, in characters: they are looked through while others wait. */
export const MAX_GRAMMAR_CHARACTERS = 16 * 1024;

/** How many characters of grammars a request may still have. */
export type GrammarRoom = { characters: number };

type Format = z.infer<typeof inputFormat>;

/** The argument that holds a custom tool's input. */
const INPUT = "input";

/**
 * A custom tool as a function with one argument, a text. Models know functions and nothing else, so this is how they can call it; what they
 * write is taken out of the argument again by `createInputReader`.
 *
 * @returns `lost`: the field that can't be honoured, where the input is held to no grammar
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

/** The schema of the one argument of a custom tool's function. A pattern holds it; a grammar in Lark's notation is told, and held beside it. */
export function inputSchema(syntax: "lark" | "regex", definition: string): JsonSchema {
  const told =
    definition === "" ? "The tool's input." : `The tool's input. It keeps to this ${syntax} grammar:\n${definition}`;
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

/** A custom tool's input as the arguments of the function that stands for it. */
export function inputToArguments(input: string): string {
  return JSON.stringify({ [INPUT]: input });
}
