import type { JsonSchema, Tool } from "../../generation/request.ts";
import { type CallForm, type CallGrammar, furtherCalls } from "../call-form.ts";
import type { Parsing } from "../parsing.ts";
import type { Source } from "../source.ts";

/** The tokens of one generation of Gemma. */
type Spelling = { readonly begin: string; readonly end: string; readonly quote: string };

const GEMMA_4: Spelling = { begin: "<|tool_call>", end: "<tool_call|>", quote: '<|"|>' };
const FUNCTION_GEMMA: Spelling = { begin: "<start_function_call>", end: "<end_function_call>", quote: "<escape>" };

/**
 * Gemma 4's and FunctionGemma's: `<|tool_call>call:f{city:<|"|>Paris<|"|>,days:2}<tool_call|>`. The arguments are a notation of their own,
 * which is turned into JSON as it comes.
 */
export function gemma(template: string): CallForm {
  const spelling = template.includes(FUNCTION_GEMMA.begin) ? FUNCTION_GEMMA : GEMMA_4;
  const { begin, end, quote } = spelling;
  return {
    openings: [begin],
    triggers: [begin],
    controlTokens: [begin, end, quote],
    *read(source, tools) {
      yield* source.skipSpace();
      if (!(yield* source.take("call:"))) return false;
      const head = yield* source.upTo(["{", end]);
      const name = head?.text.trim() ?? "";
      if (head?.marker !== "{" || !tools.has(name)) return false;
      source.commit();
      yield { type: "call", name };
      yield* readMembers(source, quote);
      yield* source.skipSpace();
      yield* source.take(end);
      return true;
    },
    grammar: (parts) => notationGrammar(parts, spelling),
    write: ({ name, arguments: json }) => `${begin}call:${name}${json}${end}`,
    example: `${begin}call:<function-name>{<argument>:<value>}${end}`,
  };
}

const piece = (text: string) => ({ type: "arguments", text }) as const;

/** Reads an object whose brace was read. */
function* readMembers(source: Source, quote: string): Parsing {
  yield piece("{");
  for (let first = true; ; first = false) {
    yield* source.skipSpace();
    if ((yield* source.take("}")) || source.isDone) break;
    if (!first) {
      yield* source.take(",");
      yield* source.skipSpace();
      yield piece(",");
    }
    if (yield* source.take(quote)) {
      yield* readQuoted(source, quote);
      yield* source.upTo([":"]);
    } else {
      const key = yield* source.upTo([":", "}"]);
      // Without a value it is no member, and no JSON can be made of it.
      if (key === undefined || key.marker === "}") break;
      yield piece(JSON.stringify(key.text.trim()));
    }
    yield piece(":");
    yield* readNotation(source, quote);
  }
  yield piece("}");
}

function* readNotation(source: Source, quote: string): Parsing {
  yield* source.skipSpace();
  if (yield* source.take(quote)) {
    yield* readQuoted(source, quote);
  } else if (yield* source.take("{")) {
    yield* readMembers(source, quote);
  } else if (yield* source.take("[")) {
    yield piece("[");
    for (let first = true; !source.isDone && !(yield* source.take("]")); first = false) {
      if (!first) {
        yield* source.take(",");
        yield piece(",");
      }
      yield* readNotation(source, quote);
      yield* source.skipSpace();
    }
    yield piece("]");
  } else {
    yield piece(asJson(yield* readBare(source)));
  }
}

function* readQuoted(source: Source, quote: string): Parsing {
  yield piece('"');
  const text = yield* source.upTo([quote]);
  yield piece(`${JSON.stringify(text?.text ?? "").slice(1, -1)}"`);
}

function* readBare(source: Source): Parsing<string> {
  let raw = "";
  for (;;) {
    const text = yield* source.some();
    const end = text.search(/[,}\]]/);
    raw += end < 0 ? text : text.slice(0, end);
    if (end >= 0) source.unread(text.slice(end));
    if (end >= 0 || text === "") return raw.trim();
  }
}

/** A number or a word of JSON as it is, anything else as a string. */
function asJson(bare: string): string {
  try {
    JSON.parse(bare);
    return bare;
  } catch {
    return JSON.stringify(bare);
  }
}

/** The notation has no grammar of JSON schemas: what an argument may be is held to its type, and to its values where they are listed. */
function notationGrammar(parts: CallGrammar, { begin, end, quote }: Spelling): string {
  const { builder, functions, begun } = parts;
  const literal = builder.literal;
  builder.rule("gstring", `${literal(quote)} gchar* ${literal(quote)}`);
  builder.rule("gchar", "[^<]");
  builder.rule("gnumber", '"-"? ("0" | [1-9] [0-9]{0,15}) ("." [0-9]{1,15})?');
  builder.rule("ginteger", '"-"? ("0" | [1-9] [0-9]{0,15})');
  builder.rule("gboolean", '"true" | "false"');
  builder.rule("gvalue", 'gstring | gnumber | gboolean | "null" | gobject | garray');
  builder.rule("gobject", '"{" (gkey ":" gvalue ("," gkey ":" gvalue)*)? "}"');
  builder.rule("garray", '"[" (gvalue ("," gvalue)*)? "]"');
  builder.rule("gkey", "[a-zA-Z0-9_]+");

  const valueOf = (schema: unknown): string => {
    if (!isSchema(schema)) return "gvalue";
    if (Array.isArray(schema.enum) && schema.enum.every((value) => typeof value === "string")) {
      return `(${schema.enum.map((value) => literal(`${quote}${value}${quote}`)).join(" | ")})`;
    }
    if (schema.type === "object" && isSchema(schema.properties)) return membersOf(schema);
    if (schema.type === "array") return `"[" (${valueOf(schema.items)} ("," ${valueOf(schema.items)})*)? "]"`;
    return { string: "gstring", number: "gnumber", integer: "ginteger", boolean: "gboolean" }[String(schema.type)] ?? "gvalue";
  };
  // The required ones first, then the others in their order, so that commas fall only between two.
  const membersOf = (schema: Readonly<Record<string, unknown>>): string => {
    const properties = Object.entries(isSchema(schema.properties) ? schema.properties : {});
    const required = new Set(Array.isArray(schema.required) ? schema.required : []);
    const member = ([key, value]: [string, unknown]) => `${literal(`${key}:`)} ${valueOf(value)}`;
    const must = properties.filter(([key]) => required.has(key)).map(member);
    const may = properties.filter(([key]) => !required.has(key)).map(member);
    const following = (from: number) => may.slice(from).map((one) => ` ("," ${one})?`).join("");
    const members =
      must.length > 0
        ? must.join(' "," ') + following(0)
        : `(${may.map((one, index) => one + following(index + 1)).join(" | ") || '""'})?`;
    return `"{" ${members} "}"`;
  };
  const argumentsOf = ({ parameters }: Tool) =>
    isSchema(parameters) && isSchema(parameters.properties) ? membersOf(parameters) : parameters === undefined ? '"{}"' : "gobject";
  const call = builder.rule(
    "call",
    functions.map(({ tool }) => `${literal(`call:${tool.name}`)} ${argumentsOf(tool)}`).join(" | "),
  );
  const rest = `${call} ${literal(end)}`;
  return `${begun ? "" : `${literal(begin)} `}${rest}${furtherCalls(parts, `${literal(begin)} ${rest}`)}`;
}

function isSchema(schema: JsonSchema | unknown): schema is Readonly<Record<string, unknown>> {
  return typeof schema === "object" && schema !== null && !Array.isArray(schema);
}
