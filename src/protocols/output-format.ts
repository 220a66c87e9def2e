import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import type { JsonSchema, OutputFormat } from "../generation/request.ts";
import { compiledTexts } from "../grammar/compiled-texts.ts";
import { UnsupportedSchemaError } from "../grammar/errors.ts";
import { findDropped } from "../grammar/output.ts";
import { destination } from "./destination.ts";
import { InvalidRequestError } from "./errors.ts";
import { jsonObject as anyObject, boolean, readLater, string } from "./fields.ts";
import { parseGiven } from "./issue.ts";

const MAX_DESCRIPTION_LENGTH = 16 * 1024;

const schema = anyObject();
const namedSchema = {
  // OpenAI requires a name; many clients send none.
  name: z
    .string({ error: "a string" })
    .regex(/^[a-zA-Z0-9_-]{1,64}$/, { error: "1 to 64 letters, digits, _ and -" })
    .nullish(),
  description: string(MAX_DESCRIPTION_LENGTH).nullish(),
  schema: schema.nullish(),
  strict: boolean().nullish(),
};
const text = z.object({ type: z.literal("text") });
// `schema` is llama-server's and Together's addition.
const jsonObject = z.object({ type: z.literal("json_object"), schema: schema.nullish() });

const responseFormat = z.discriminatedUnion(
  "type",
  [
    text,
    jsonObject,
    z.object({ type: z.literal("json_schema"), json_schema: z.object(namedSchema, { error: "an object" }) }),
  ],
  { error: "an object" },
);
const textFormat = z.discriminatedUnion(
  "type",
  [text, jsonObject, z.object({ type: z.literal("json_schema"), ...namedSchema })],
  { error: "an object" },
);

/** The name of a schema without one. */
const UNNAMED = "response";

const formatText = string(64 * 1024).min(1);

/** The request fields for the output format. The functions below validate their values. */
export const formatFields = {
  response_format: readLater(responseFormat.nullable())
    .optional()
    .describe("The answer's format: free text, a JSON object, or JSON that fits a schema."),
  grammar: readLater(formatText.nullable())
    .optional()
    .describe("A grammar for the answer, in llama.cpp's GBNF. Its start rule is `root`."),
  regex: readLater(formatText.nullable())
    .optional()
    .describe("An ECMAScript regular expression that the whole answer must match."),
};

/** `text.format` of the Responses API. */
export const textFormatField = readLater(textFormat.nullable())
  .optional()
  .describe("The text's format: free, a JSON object, or JSON that fits a schema.");

type NamedSchema = {
  readonly name?: string | null | undefined;
  readonly schema?: JsonSchema | null | undefined;
  readonly strict?: boolean | null | undefined;
};

/**
 * Decodes OpenAI's `response_format`; `param` is its name in the request. Undefined means any text. Throws `InvalidRequestError` if it is
 * malformed, if it is strict and its schema can't be enforced, or if no value satisfies the schema.
 */
export function decodeResponseFormat(value: unknown, param: string): OutputFormat | undefined {
  const format = parseGiven(responseFormat, value, param);
  return format?.type === "json_schema"
    ? decodeNamedSchema(format.json_schema, { path: `${param}.json_schema.schema`, code: null })
    : decodePlainFormat(format, param);
}

/** Decodes `text.format` of the Responses API, which is `response_format` with the schema one level higher. */
export function decodeTextFormat(value: unknown, param: string): OutputFormat | undefined {
  const format = parseGiven(textFormat, value, param);
  return format?.type === "json_schema"
    ? decodeNamedSchema(format, { path: `${param}.schema`, code: "invalid_json_schema" })
    : decodePlainFormat(format, param);
}

/** Returns `text.format` as a response shows it, with defaults. The value is already validated. */
export function showTextFormat(value: unknown) {
  const format = textFormat.parse(value ?? { type: "text" });
  if (format.type !== "json_schema") {
    return format;
  }
  const { type, name, description, schema: shape, strict } = format;
  return {
    type,
    name: name ?? UNNAMED,
    description: description ?? null,
    schema: shape ?? {},
    strict: strict ?? false,
  };
}

/** The start rule of a Lark grammar. GBNF has `root ::=` instead. */
const LARK = /^[ \t]*[?!]*start(?:\.-?\d+)?[ \t]*(?:\[[^\]\n]*\])?[ \t]*:(?!:)/m;

/**
 * Decodes `grammar`, an extension: a grammar in llama.cpp's GBNF with the start rule `root`, or one in Lark syntax with the start rule
 * `start`, which vLLM's clients send. Throws `InvalidRequestError`.
 */
export function decodeGrammar(value: unknown, param: string): OutputFormat | undefined {
  const source = parseGiven(formatText, value, param);
  if (source === undefined) {
    return undefined;
  }
  return compileGrammar(LARK.test(source) ? "lark" : "gbnf", source, param);
}

/** Decodes `regex`, an extension: an ECMAScript regular expression for the whole text. Throws `InvalidRequestError`. */
export function decodeRegex(value: unknown, param: string): OutputFormat | undefined {
  const pattern = parseGiven(formatText, value, param);
  if (pattern === undefined) {
    return undefined;
  }
  const output: OutputFormat = { type: "regex", pattern };
  if (destination().isElsewhere) return output;
  refusing({ param, code: "invalid_regex", tell: tellText }, () => findDropped(output, param));
  return output;
}

/**
 * Returns the format that was sent. `formats` is keyed by field name. Some clients send the same format in an old field and a new one;
 * throws `InvalidRequestError` if two fields differ.
 */
export function pickFormat(formats: Readonly<Record<string, OutputFormat | undefined>>): OutputFormat | undefined {
  const sent = Object.entries(formats).filter(([, format]) => format !== undefined);
  const [first] = sent;
  const second = sent.find(([, format]) => !isDeepStrictEqual(format, first?.[1]));
  if (first !== undefined && second !== undefined) {
    throw new InvalidRequestError(
      `Setting '${first[0]}' and '${second[0]}' at the same time is not supported.`,
      second[0],
      "invalid_parameter_combination",
    );
  }
  return first?.[1];
}

function decodePlainFormat(
  format: z.output<typeof text> | z.output<typeof jsonObject> | undefined,
  param: string,
): OutputFormat | undefined {
  if (format === undefined || format.type === "text") {
    return undefined;
  }
  if (format.schema === undefined || format.schema === null) {
    return { type: "json" };
  }
  return supported({ type: "schema", schema: format.schema }, "", `${param}.schema`, null);
}

/** Decodes a schema from any field of a request. Throws as `decodeResponseFormat` does. */
export function decodeNamedSchema(
  { name, schema, strict }: NamedSchema,
  { path, code }: { path: string; code: string | null },
): OutputFormat {
  const invalid = `Invalid schema for response_format '${name ?? UNNAMED}': `;
  if (schema === undefined || schema === null) {
    return { type: "json" };
  }
  return supported({ type: "schema", schema, ...(strict === true && { strict }) }, invalid, path, code);
}

/** Returns `output` if it can be enforced. */
function supported(output: OutputFormat, prefix: string, path: string, code: string | null): OutputFormat {
  if (destination().isElsewhere) return output;
  refusing({ param: path, code, tell: (error) => prefix + error.message }, () => findDropped(output, path));
  return output;
}

/** The message for a pattern or a grammar, which has no schema keywords to name. */
function tellText({ path, reason }: UnsupportedSchemaError): string {
  return `Invalid '${path}': ${reason}.`;
}

type Telling = {
  readonly param: string;
  readonly code: string | null;
  readonly tell: (error: UnsupportedSchemaError) => string;
};

function refusing<T>({ param, code, tell }: Telling, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof UnsupportedSchemaError) {
      throw new InvalidRequestError(tell(error), error.path || param, code);
    }
    throw error;
  }
}

/** Whether a grammar is in Lark syntax rather than GBNF. */
export function isLark(source: string): boolean {
  return LARK.test(source) || !source.includes("::=");
}

/** Compiles a grammar to a format. Throws `InvalidRequestError`. */
export function compileGrammar(kind: "gbnf" | "lark", source: string, param: string): OutputFormat {
  const gbnf = refusing({ param, code: "invalid_grammar", tell: tellText }, () =>
    compiledTexts.compile(kind, source, param),
  );
  return { type: "grammar", grammar: { gbnf } };
}
