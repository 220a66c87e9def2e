import { z } from "zod";
import type { OutputFormat } from "../generation/request.ts";
import type { Wish } from "../generation/wish.ts";
import { isJsonObject } from "../json/exact-number.ts";
import { readJsonText } from "../json/parse.ts";
import { InvalidRequestError, missingParameter } from "./errors.ts";
import { boolean, isSet, jsonObject, readLater, string } from "./fields.ts";
import { parseGiven } from "./issue.ts";
import { excessError } from "./json-excess.ts";
import {
  compileGrammar,
  decodeGrammar,
  decodeNamedSchema,
  decodeRegex,
  decodeResponseFormat,
  decodeTextFormat,
  formatFields as ownFields,
  pickFormat,
} from "./output-format.ts";

const MAX_CHOICES = 1_024;
const MAX_CHOICE_LENGTH = 1_024;
const MAX_SCHEMA_TEXT_LENGTH = 1024 * 1024;

const AN_OBJECT = "an object";
const A_SCHEMA = "a string or object";

const schema = z.union([jsonObject(), string(MAX_SCHEMA_TEXT_LENGTH)], { error: A_SCHEMA });
const text = z.string({ error: "a string" });
const choices = z.array(string(MAX_CHOICE_LENGTH).min(1), { error: "an array of strings" }).min(1).max(MAX_CHOICES);
const structured = z.object(
  {
    json: schema.nullish().describe("As `guided_json`."),
    regex: text.nullish().describe("As `guided_regex`."),
    choice: choices.nullish().describe("As `guided_choice`."),
    grammar: text.nullish().describe("As `guided_grammar`."),
    json_object: boolean().nullish().describe("As `guided_json_object`."),
    structural_tag: z.unknown().optional().describe("Refused."),
    whitespace_pattern: z.unknown().optional().describe("Refused."),
  },
  { error: AN_OBJECT },
);

/** Other servers' fields for the output format. The functions below validate their values. */
export const neighbourFormatFields = {
  grammar: ownFields.grammar,
  regex: ownFields.regex,
  guided_json: readLater(schema.nullable())
    .optional()
    .describe("A JSON schema for the answer, as an object or a string."),
  guided_json_object: boolean().nullish().describe("Whether the answer must be a JSON object."),
  guided_regex: readLater(text.nullable()).optional().describe("As `regex`."),
  guided_choice: readLater(choices.nullable()).optional().describe("The possible answers."),
  guided_grammar: readLater(text.nullable()).optional().describe("As `grammar`, in GBNF or Lark syntax."),
  structured_outputs: readLater(structured.nullable())
    .optional()
    .describe("One of `json`, `regex`, `choice`, `grammar` and `json_object`, which work as the `guided_` fields do."),
  json_schema: readLater(schema.nullable())
    .optional()
    .describe("A JSON schema for the answer, as an object or a string."),
  ebnf: readLater(text.nullable()).optional().describe("As `grammar`."),
  format: readLater(z.union([schema, z.literal("json")]).nullable())
    .optional()
    .describe("`json` for a JSON object, or a JSON schema for the answer."),
};

/** The same fields and OpenAI's. */
export const formatFields = { response_format: ownFields.response_format, ...neighbourFormatFields };

const FORMATS = Object.keys(formatFields) as (keyof typeof formatFields)[];

type Wire = { readonly [Field in keyof typeof formatFields]?: unknown };

/** An output format, and the field that asks for it. */
export type NamedFormat = { readonly output: OutputFormat; readonly param: string };

/**
 * Decodes whichever of the format fields was sent; undefined means any text. Throws `InvalidRequestError` if two fields ask for
 * different formats, or if one is invalid or not supported.
 *
 * @param own the format from the route's own field, by the field's name
 */
export function decodeFormat(
  wire: Wire,
  own: Readonly<Record<string, OutputFormat | undefined>> = {},
): NamedFormat | undefined {
  const formats = {
    ...own,
    response_format: decodeAnyResponseFormat(wire.response_format),
    grammar: decodeGrammar(nothingIfEmpty(wire.grammar), "grammar"),
    regex: decodeRegex(nothingIfEmpty(wire.regex), "regex"),
    guided_json: decodeSchema(wire.guided_json, "guided_json"),
    guided_json_object: wire.guided_json_object === true ? ({ type: "json" } as const) : undefined,
    guided_regex: decodePattern(wire.guided_regex, "guided_regex"),
    guided_choice: decodeChoice(wire.guided_choice, "guided_choice"),
    guided_grammar: decodeAnyGrammar(wire.guided_grammar, "guided_grammar"),
    structured_outputs: decodeStructured(wire.structured_outputs),
    json_schema: decodeSchema(wire.json_schema, "json_schema"),
    ebnf: decodeGrammar(nothingIfEmpty(wire.ebnf), "ebnf"),
    format: decodeOllamaFormat(wire.format),
  };
  const output = pickFormat(formats);
  const param = Object.entries(formats).find(([, format]) => format !== undefined)?.[0];
  return output === undefined || param === undefined ? undefined : { output, param };
}

/**
 * Returns the wish's part of the format. A format without constraints, such as `{"type": "text"}`, counts as given: it overrides a
 * preset's.
 *
 * @param own the value of the route's own field
 */
export function sayFormat(
  wire: Wire,
  format: NamedFormat | undefined,
  own?: unknown,
): Pick<Wish, "output" | "outputName"> {
  if (format === undefined) return isSet(own) || FORMATS.some((field) => isSet(wire[field])) ? { output: null } : {};
  const { output } = format;
  const outputName = output.type === "schema" ? nameOf(own ?? wire.response_format) : undefined;
  return { output, ...(outputName && { outputName }) };
}

/** The name of a schema in OpenAI's fields, which are already validated. */
function nameOf(value: unknown): Wish["outputName"] {
  const { json_schema: inner = value } = Object(value);
  const { name, description } = Object(inner);
  return typeof name === "string"
    ? { name, ...(typeof description === "string" && { description: description.toWellFormed() }) }
    : undefined;
}

/**
 * Throws `InvalidRequestError` for a pattern or grammar beside tools that may be called: it constrains the answer from its first token.
 */
export function refuseBareFormat(format: NamedFormat | undefined): void {
  if (format?.output.type !== "grammar" && format?.output.type !== "regex") return;
  throw new InvalidRequestError(
    `Setting '${format.param}' and tools at the same time is not supported: the format would rule out tool calls. Set 'tool_choice' to 'none'.`,
    format.param,
    "invalid_parameter_combination",
  );
}

/** Decodes `text.format` of the Responses API; the result is keyed by that name. */
export function textFormatOf(value: unknown): Readonly<Record<string, OutputFormat | undefined>> {
  return { "text.format": decodeTextFormat(value, "text.format") };
}

/** Decodes `response_format` as OpenAI, SGLang (schema one level higher), TGI (`json`, `regex`) and Fireworks (`grammar`) define it. */
function decodeAnyResponseFormat(value: unknown): OutputFormat | undefined {
  const param = "response_format";
  if (!isJsonObject(value)) return decodeResponseFormat(value, param);
  const { type, json_schema, schema: higher, value: given, grammar, pattern, regex } = value;
  switch (type) {
    case "json_schema":
      return isSet(json_schema) || !isSet(higher)
        ? decodeResponseFormat(value, param)
        : decodeSchema(higher, `${param}.schema`);
    case "json":
      return isSet(given) ? decodeSchema(given, `${param}.value`) : { type: "json" };
    case "regex": {
      const output = decodePattern(given ?? pattern ?? regex, `${param}.value`);
      if (output === undefined) throw missingParameter(`${param}.value`);
      return output;
    }
    case "grammar":
      return decodeGrammar(grammar ?? given ?? "", `${param}.grammar`);
    default:
      return decodeResponseFormat(value, param);
  }
}

function decodeStructured(value: unknown): OutputFormat | undefined {
  const param = "structured_outputs";
  const wire = parseGiven(structured, value, param);
  if (wire === undefined) return undefined;
  for (const name of ["structural_tag", "whitespace_pattern"] as const) {
    if (isSet(wire[name])) {
      throw new InvalidRequestError(
        `Unsupported parameter: '${param}.${name}' is not supported here. Use a grammar.`,
        `${param}.${name}`,
        "unsupported_parameter",
      );
    }
  }
  return pickFormat({
    [`${param}.json`]: decodeSchema(wire.json, `${param}.json`),
    [`${param}.regex`]: decodePattern(wire.regex, `${param}.regex`),
    [`${param}.choice`]: decodeChoice(wire.choice, `${param}.choice`),
    [`${param}.grammar`]: decodeAnyGrammar(wire.grammar, `${param}.grammar`),
    [`${param}.json_object`]: wire.json_object === true ? { type: "json" } : undefined,
  });
}

function decodeOllamaFormat(value: unknown): OutputFormat | undefined {
  if (value === "json") return { type: "json" };
  return value === "" ? undefined : decodeSchema(value, "format");
}

/** Decodes a schema, given as an object or as JSON text. */
function decodeSchema(value: unknown, param: string): OutputFormat | undefined {
  const given = parseGiven(schema, value, param);
  if (given === undefined || given === "") return undefined;
  const read = typeof given === "string" ? parseGiven(jsonObject(), parseJson(given, param), param) : given;
  return decodeNamedSchema({ schema: read ?? {} }, { path: param, code: "invalid_json_schema" });
}

/** Keeps numbers as they are written. JSON inside a string has the same limits on size and depth as the body. */
function parseJson(json: string, param: string): unknown {
  try {
    const read = readJsonText(json);
    if ("excess" in read) throw excessError(read.excess, param.split("."));
    return read.value;
  } catch (error) {
    if (error instanceof InvalidRequestError) throw error;
    throw new InvalidRequestError(
      `Invalid '${param}': the string is not JSON. Send a JSON schema as an object or as a string.`,
      param,
      "invalid_json_schema",
    );
  }
}

/** Decodes a grammar as vLLM accepts it: GBNF, or Lark, which has no `::=`. */
function decodeAnyGrammar(value: unknown, param: string): OutputFormat | undefined {
  const source = parseGiven(text, value, param);
  if (source === undefined || source === "" || source.includes("::="))
    return decodeGrammar(nothingIfEmpty(source), param);
  return compileGrammar("lark", source, param);
}

/** Decodes a pattern in Python's syntax. */
function decodePattern(value: unknown, param: string): OutputFormat | undefined {
  const pattern = parseGiven(text, value, param);
  if (pattern === undefined || pattern === "") return undefined;
  return decodeRegex(readPattern(pattern), param);
}

/** Translates Python's pattern syntax to ECMAScript's where the two differ. */
export function readPattern(pattern: string): string {
  return pattern.replaceAll("(?P<", "(?<").replace(/^\\A/, "").replace(/\\Z$/i, "");
}

/** Decodes a choice of texts to a pattern. Its automaton shares common prefixes at no cost. */
function decodeChoice(value: unknown, param: string): OutputFormat | undefined {
  const texts = parseGiven(choices, value, param);
  return texts && decodeRegex(texts.map(escapePattern).join("|"), param);
}

function escapePattern(literal: string): string {
  return literal.toWellFormed().replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}

/** Some clients send empty strings for fields that the user left empty. */
function nothingIfEmpty(value: unknown): unknown {
  return value === "" ? undefined : value;
}
