import { z } from "zod";
import type { OutputFormat } from "../generation/request.ts";
import type { Wish } from "../generation/wish.ts";
import { readJsonText } from "../json/parse.ts";
import { InvalidRequestError } from "./errors.ts";
import { boolean, isSet, jsonObject, readLater, string } from "./fields.ts";
import { parseWire } from "./issue.ts";
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

/** The neighbours' fields that say what form an answer has. What they hold is told by the functions below. */
export const neighbourFormatFields = {
  grammar: ownFields.grammar,
  regex: ownFields.regex,
  guided_json: readLater(schema.nullable()).optional().describe("A JSON schema, or its text, that the answer fits."),
  guided_json_object: boolean().nullish().describe("Whether the answer is a JSON object."),
  guided_regex: readLater(text.nullable()).optional().describe("As `regex`."),
  guided_choice: readLater(choices.nullable()).optional().describe("The texts of which the answer is one."),
  guided_grammar: readLater(text.nullable()).optional().describe("As `grammar`, or in Lark's notation."),
  structured_outputs: readLater(structured.nullable())
    .optional()
    .describe("One of `json`, `regex`, `choice`, `grammar` and `json_object`, as the `guided_` fields have them."),
  json_schema: readLater(schema.nullable()).optional().describe("A JSON schema, or its text, that the answer fits."),
  ebnf: readLater(text.nullable()).optional().describe("As `grammar`."),
  format: readLater(z.union([schema, z.literal("json")]).nullable())
    .optional()
    .describe("`json` for a JSON object, or a JSON schema that the answer fits."),
};

/** Those, and OpenAI's. */
export const formatFields = { response_format: ownFields.response_format, ...neighbourFormatFields };

const FORMATS = Object.keys(formatFields) as (keyof typeof formatFields)[];

type Wire = { readonly [Field in keyof typeof formatFields]?: unknown };

/** The form that an answer has, and the name of the field that says so. */
export type NamedFormat = { readonly output: OutputFormat; readonly param: string };

/**
 * Understands whichever of the fields was sent; undefined is any text. Throws `InvalidRequestError` where there are two, or one that is
 * malformed or can't be held to.
 *
 * @param own what the route's own field says, by its name
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
 * What a wish has of it. A format that asks for nothing, such as `{"type": "text"}`, was said too.
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

/** What OpenAI's fields call a schema. They were understood before. */
function nameOf(value: unknown): Wish["outputName"] {
  const { json_schema: inner = value } = Object(value);
  const { name, description } = Object(inner);
  return typeof name === "string"
    ? { name, ...(typeof description === "string" && { description: description.toWellFormed() }) }
    : undefined;
}

/**
 * Throws `InvalidRequestError` for a pattern or a grammar beside tools that may be called: it is all of the answer, from its first token on.
 */
export function refuseBareFormat(format: NamedFormat | undefined): void {
  if (format?.output.type !== "grammar" && format?.output.type !== "regex") return;
  throw new InvalidRequestError(
    `Setting '${format.param}' and tools at the same time is not supported: the answer could not be both. Set 'tool_choice' to 'none'.`,
    format.param,
    "invalid_parameter_combination",
  );
}

/** What the Responses API's `text.format` says, by its name. */
export function textFormatOf(value: unknown): Readonly<Record<string, OutputFormat | undefined>> {
  return { "text.format": decodeTextFormat(value, "text.format") };
}

/** `response_format` as OpenAI, SGLang (a schema one level higher), TGI (`json`, `regex`) and Fireworks (`grammar`) have it. */
function decodeAnyResponseFormat(value: unknown): OutputFormat | undefined {
  const param = "response_format";
  if (!isRecord(value)) return decodeResponseFormat(value, param);
  const { type, json_schema, schema: higher, value: given, grammar, pattern, regex } = value;
  switch (type) {
    case "json_schema":
      return isSet(json_schema) || !isSet(higher)
        ? decodeResponseFormat(value, param)
        : decodeSchema(higher, `${param}.schema`);
    case "json":
      return isSet(given) ? decodeSchema(given, `${param}.value`) : { type: "json" };
    case "regex":
      return decodePattern(given ?? pattern ?? regex ?? "", `${param}.value`) ?? missing(`${param}.value`);
    case "grammar":
      return decodeGrammar(grammar ?? given ?? "", `${param}.grammar`);
    default:
      return decodeResponseFormat(value, param);
  }
}

function decodeStructured(value: unknown): OutputFormat | undefined {
  const param = "structured_outputs";
  const wire = parseAt(structured, value, param);
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

/** A schema, or the text of one. */
function decodeSchema(value: unknown, param: string): OutputFormat | undefined {
  const given = parseAt(schema, value, param);
  if (given === undefined || given === "") return undefined;
  const read = typeof given === "string" ? parseAt(jsonObject(), parseJson(given, param), param) : given;
  return decodeNamedSchema({ schema: read ?? {} }, { path: param, code: "invalid_json_schema" });
}

/** Numbers stay as they are written; and a text in a body may hold no more than a body does, nor be deeper. */
function parseJson(json: string, param: string): unknown {
  try {
    const read = readJsonText(json);
    if ("excess" in read) throw excessError(read.excess, param.split("."));
    return read.value;
  } catch (error) {
    if (error instanceof InvalidRequestError) throw error;
    throw new InvalidRequestError(
      `Invalid '${param}': its text is not JSON. Send a JSON schema, or the text of one.`,
      param,
      "invalid_json_schema",
    );
  }
}

/** A grammar as vLLM takes it, in GBNF or in Lark's notation, which has no `::=`. */
function decodeAnyGrammar(value: unknown, param: string): OutputFormat | undefined {
  const source = parseAt(text, value, param);
  if (source === undefined || source === "" || source.includes("::="))
    return decodeGrammar(nothingIfEmpty(source), param);
  return compileGrammar("lark", source, param);
}

/** A pattern in Python's words, as far as they are others than ECMAScript's. */
function decodePattern(value: unknown, param: string): OutputFormat | undefined {
  const pattern = parseAt(text, value, param);
  if (pattern === undefined || pattern === "") return undefined;
  return decodeRegex(readPattern(pattern), param);
}

/** A pattern in Python's words in those of ECMAScript. */
export function readPattern(pattern: string): string {
  return pattern.replaceAll("(?P<", "(?<").replace(/^\\A/, "").replace(/\\Z$/i, "");
}

/** One of several texts: a pattern, because an automaton is made of it, in which texts that begin alike cost nothing. */
function decodeChoice(value: unknown, param: string): OutputFormat | undefined {
  const texts = parseAt(choices, value, param);
  return texts && decodeRegex(texts.map(escapePattern).join("|"), param);
}

function escapePattern(literal: string): string {
  return literal.toWellFormed().replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}

function parseAt<T extends z.ZodType>(form: T, value: unknown, param: string): z.output<T> | undefined {
  return isSet(value) ? parseWire(z.record(z.string(), form), { [param]: value })[param] : undefined;
}

/** Clients with a form to fill in send what was left empty. */
function nothingIfEmpty(value: unknown): unknown {
  return value === "" ? undefined : value;
}

function missing(param: string): never {
  throw new InvalidRequestError(`Missing required parameter: '${param}'.`, param, "missing_required_parameter");
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
