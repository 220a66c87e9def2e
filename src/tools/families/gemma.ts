import type { CallForm } from "../call-form.ts";
import type { Parsing } from "../parsing.ts";
import type { Source } from "../source.ts";
import { notationGrammar, type Spelling } from "./gemma-grammar.ts";

const GEMMA_4: Spelling = { begin: "<|tool_call>", end: "<tool_call|>", quote: '<|"|>' };
const FUNCTION_GEMMA: Spelling = { begin: "<start_function_call>", end: "<end_function_call>", quote: "<escape>" };

/**
 * Gemma 4's and FunctionGemma's: `<|tool_call>call:f{city:<|"|>Paris<|"|>,days:2}<tool_call|>`. The arguments have their own notation,
 * which is converted to JSON piece by piece.
 */
export function gemma(template: string): CallForm {
  const spelling = template.includes(FUNCTION_GEMMA.begin) ? FUNCTION_GEMMA : GEMMA_4;
  const { begin, end, quote } = spelling;
  return {
    openings: [begin],
    triggers: [begin],
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

/** An incomplete number or word of JSON, which is dropped like an incomplete quote. */
const BEGUN = /^(?:-|-?\d+\.|-?\d+(?:\.\d+)?[eE][+-]?|t|tr|tru|f|fa|fal|fals|n|nu|nul)$/;

const piece = (text: string) => ({ type: "arguments", text }) as const;
const closing = (text: string) => ({ type: "closing", text }) as const;

/** Reads an object after its opening brace. */
function* readMembers(source: Source, quote: string): Parsing {
  yield piece("{");
  for (let first = true; ; first = false) {
    yield* source.skipSpace();
    if (yield* source.take("}")) break;
    if (source.isDone) return yield closing("}");
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
      // A key without a value is not a member, and has no form in JSON.
      if (key === undefined) return yield* endInKey(source);
      if (key.marker === "}") break;
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
    for (let first = true; !(yield* source.take("]")); first = false) {
      if (source.isDone) return yield closing("]");
      if (!first) {
        yield* source.take(",");
        yield piece(",");
      }
      yield* readNotation(source, quote);
      yield* source.skipSpace();
    }
    yield piece("]");
  } else {
    const raw = yield* readBare(source);
    const isBegun = source.isDone && (quote.startsWith(raw) || BEGUN.test(raw));
    const bare = asJson(isBegun ? "" : raw);
    const isOpen = source.isDone && bare.startsWith('"');
    yield piece(isOpen ? bare.slice(0, -1) : bare);
    if (isOpen) yield closing('"');
  }
}

function* readQuoted(source: Source, quote: string): Parsing {
  yield piece('"');
  const text = yield* source.upTo([quote]);
  const known = text?.text ?? (yield* source.rest(quote)).text;
  yield piece(JSON.stringify(known).slice(1, -1));
  yield text === undefined ? closing('"') : piece('"');
}

/** Drops a key that was cut off. */
function* endInKey(source: Source): Parsing {
  yield* source.some();
  yield closing("}");
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

/** Keeps a number or a word of JSON. Anything else becomes a string. */
function asJson(bare: string): string {
  try {
    JSON.parse(bare);
    return bare;
  } catch {
    return JSON.stringify(bare);
  }
}
