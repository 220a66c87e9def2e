import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import type { JsonSchema, OutputFormat } from "../generation/request.ts";
import { compiledTexts } from "../grammar/compiled-texts.ts";
import { UnsupportedSchemaError } from "../grammar/errors.ts";
import { findDropped } from "../grammar/output.ts";
import { InvalidRequestError } from "./errors.ts";
import { jsonObject as anyObject, boolean, readLater, string } from "./fields.ts";
import { parseWire } from "./issue.ts";

const MAX_DESCRIPTION_LENGTH = 16 * 1024;

const schema = anyObject();
const namedSchema = {
  // OpenAI wants one; many clients send none.
  name: z
    .string({ error: "a string" })
    .regex(/^[a-zA-Z0-9_-]{1,64}$/)
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

/** What a schema without a name is called. */
const UNNAMED = "response";

const formatText = string(64 * 1024).min(1);

/** The fields of a request that say what form its answer has to have. What they hold is told by the functions below. */
export const formatFields = {
  response_format: readLater(responseFormat.nullable())
    .optional()
    .describe("What the answer has to be: free text, a JSON object, or JSON that fits a schema."),
  grammar: readLater(formatText.nullable())
    .optional()
    .describe("A grammar in llama.cpp's GBNF, beginning with `root`, that the answer keeps to."),
  regex: readLater(formatText.nullable())
    .optional()
    .describe("An ECMAScript regular expression that the answer matches from end to end."),
};

/** `text.format` of the Responses API, likewise. */
export const textFormatField = readLater(textFormat.nullable())
  .optional()
  .describe("What the text has to be: free, a JSON object, or JSON that fits a schema.");

type NamedSchema = {
  readonly name?: string | null | undefined;
  readonly schema?: JsonSchema | null | undefined;
  readonly strict?: boolean | null | undefined;
};

/**
 * Understands OpenAI's `response_format`; `param` is its name in the request. Undefined is any text. Throws `InvalidRequestError` where
 * it is malformed, is strict and has a schema that an answer can't be held to, or has one that no value satisfies.
 */
export function decodeResponseFormat(value: unknown, param: string): OutputFormat | undefined {
  const format = parseFormat(responseFormat, value, param);
  return format?.type === "json_schema"
    ? decodeNamedSchema(format.json_schema, { path: `${param}.json_schema.schema`, code: null })
    : decodePlainFormat(format, param);
}

/** Understands `text.format` of the Responses API, which is `response_format` with the schema one level higher. */
export function decodeTextFormat(value: unknown, param: string): OutputFormat | undefined {
  const format = parseFormat(textFormat, value, param);
  return format?.type === "json_schema"
    ? decodeNamedSchema(format, { path: `${param}.schema`, code: "invalid_json_schema" })
    : decodePlainFormat(format, param);
}

/** `text.format` as a response shows it, defaults filled in. It was understood before. */
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

/** Lark's rule to begin with, where GBNF would have `root ::=`. */
const LARK = /^[ \t]*[?!]*start(?:\.-?\d+)?[ \t]*(?:\[[^\]\n]*\])?[ \t]*:(?!:)/m;

/**
 * Understands `grammar`, an extension: a grammar in llama.cpp's GBNF whose start rule is `root`, or one in Lark's notation, which clients of
 * vLLM send, whose start rule is `start`. Throws `InvalidRequestError`.
 */
export function decodeGrammar(value: unknown, param: string): OutputFormat | undefined {
  const source = parseText(value, param);
  if (source === undefined) {
    return undefined;
  }
  return compileGrammar(LARK.test(source) ? "lark" : "gbnf", source, param);
}

/** Understands `regex`, an extension: an ECMAScript regular expression that all of the text must match. Throws `InvalidRequestError`. */
export function decodeRegex(value: unknown, param: string): OutputFormat | undefined {
  const pattern = parseText(value, param);
  if (pattern === undefined) {
    return undefined;
  }
  const output: OutputFormat = { type: "regex", pattern };
  refusing({ param, code: "invalid_regex", tell: tellText }, () => findDropped(output, param));
  return output;
}

/**
 * The one of `formats`, by the names of their fields, that was sent. Some clients say the same in an older word and a newer one; where two
 * say different things it throws `InvalidRequestError`.
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

function parseFormat<T extends z.ZodType>(format: T, value: unknown, param: string): z.output<T> | undefined {
  return value === undefined || value === null
    ? undefined
    : parseWire(z.record(z.string(), format), { [param]: value })[param];
}

function parseText(value: unknown, param: string): string | undefined {
  return parseFormat(formatText, value, param);
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

/** Understands a schema, wherever in the request it is. Throws as `decodeResponseFormat` does. */
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

/** `output`, once it is certain that an answer can be held to it. */
function supported(output: OutputFormat, prefix: string, path: string, code: string | null): OutputFormat {
  refusing({ param: path, code, tell: (error) => prefix + error.message }, () => findDropped(output, path));
  return output;
}

/** A pattern and a grammar are one text, which has no keywords to name. */
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

/** Whether a grammar is in Lark's notation rather than in GBNF. */
export function isLark(source: string): boolean {
  return LARK.test(source) || !source.includes("::=");
}

/** The format that holds to a grammar. Throws `InvalidRequestError`. */
export function compileGrammar(kind: "gbnf" | "lark", source: string, param: string): OutputFormat {
  const gbnf = refusing({ param, code: "invalid_grammar", tell: tellText }, () =>
    compiledTexts.compile(kind, source, param),
  );
  return { type: "grammar", grammar: { gbnf } };
}
