import { setImmediate } from "node:timers/promises";
import type { Asker } from "../generation/model.ts";
import type { JsonSchema } from "../generation/request.ts";
import type { TextKind } from "../grammar/compile-text.ts";
import { compiledSchemas } from "../grammar/compiled-schemas.ts";
import { compiledTexts } from "../grammar/compiled-texts.ts";
import { MAX_PATTERN_LENGTH } from "../grammar/limits.ts";
import { isJsonObject } from "../json/exact-number.ts";
import { readJsonText } from "../json/parse.ts";
import { readPattern } from "../protocols/format-words.ts";
import { isLark } from "../protocols/output-format.ts";
import { inputSchema } from "../protocols/tools/custom.ts";

/** The fields of a request's body that may hold schemas, patterns or grammars, in any protocol. */
const FIELDS = [
  ..."response_format text output_config output_format tools functions".split(" "),
  ..."guided_json json_schema structured_outputs format".split(" "),
  ..."guided_regex regex guided_grammar grammar ebnf".split(" "),
];
/** The names of the members that hold them, as objects or as texts. */
const SCHEMAS = ["schema", "parameters", "input_schema", "guided_json", "json_schema", "json", "format"];
const PATTERNS = ["guided_regex", "regex", "pattern"];
const GRAMMARS = ["guided_grammar", "grammar", "ebnf"];
/** A custom tool's grammar is in a JSON string. */
const TOOL_GRAMMAR = "definition";
/** The maximum depth: `tools[0].tools[0].function.parameters`. */
const MAX_DEPTH = 7;
/** The time of compilation after which other work has its turn, in ms. */
const MAX_TURN_MS = 10;
/** Any more are compiled when they are needed. */
const MAX_FOUND = 2_000;

/**
 * Compiles the schemas, patterns and grammars of a request's body, slow ones in another thread. Mistakes in them are reported later.
 */
export async function prepareFormats(body: unknown, asker?: Asker): Promise<void> {
  if (!isJsonObject(body)) return;
  let since = performance.now();
  for (const prepare of findWork(body)) {
    await prepare(asker);
    if (performance.now() - since > MAX_TURN_MS) {
      await setImmediate();
      since = performance.now();
    }
  }
}

type Work = (asker: Asker | undefined) => Promise<void>;

function findWork(body: Readonly<Record<string, unknown>>): readonly Work[] {
  const found: Work[] = [];
  const pending = FIELDS.filter((field) => Object.hasOwn(body, field)).map((field) => ({
    name: field,
    value: body[field],
    depth: 1,
  }));
  for (const { name, value, depth } of pending) {
    const work = typeof value === "string" ? workOfText(name, value) : workOfSchema(name, value);
    if (work !== undefined) {
      found.push(work);
    } else if (typeof value === "object" && value !== null && depth < MAX_DEPTH) {
      for (const [key, inner] of Object.entries(value)) {
        pending.push({ name: key, value: inner, depth: depth + 1 });
      }
    }
    if (found.length >= MAX_FOUND) break;
  }
  return found;
}

function workOfSchema(name: string, value: unknown): Work | undefined {
  if (!isJsonObject(value)) return undefined;
  const { syntax, definition, type } = value;
  if (syntax === "regex" && typeof definition === "string") {
    return definition.length > MAX_PATTERN_LENGTH
      ? undefined
      : (asker) => compiledSchemas.prepare(inputSchema("regex", definition), asker);
  }
  // A custom tool's `format` isn't a schema, but may contain one.
  const isSchema = SCHEMAS.includes(name) && type !== "grammar" && !("json_schema" in value) && !("schema" in value);
  return isSchema ? (asker) => compiledSchemas.prepare(value, asker) : undefined;
}

function workOfText(name: string, text: string): Work | undefined {
  if (PATTERNS.includes(name)) return prepareText("regex", readPattern(text));
  if (GRAMMARS.includes(name)) return prepareText(isLark(text) ? "lark" : "gbnf", text);
  if (name === TOOL_GRAMMAR) return prepareText("lark in JSON", text);
  const schema = SCHEMAS.includes(name) ? readSchema(text) : undefined;
  return schema === undefined ? undefined : (asker) => compiledSchemas.prepare(schema, asker);
}

function prepareText(kind: TextKind, source: string): Work {
  return (asker) => compiledTexts.prepare(kind, source, asker);
}

function readSchema(text: string): JsonSchema | undefined {
  try {
    const read = readJsonText(text);
    return "value" in read && isJsonObject(read.value) ? read.value : undefined;
  } catch {
    return undefined;
  }
}
