import type { ToolsByName } from "./call-form.ts";
import type { Parsing } from "./parsing.ts";
import type { Source } from "./source.ts";

/** Models mix the keys of the formats that they were trained on. */
const NAME_KEYS: readonly string[] = ["name", "function", "tool_name"];
const ARGUMENT_KEYS: readonly string[] = ["arguments", "parameters", "args"];
/** Other keys that may occur and are ignored. */
const OTHER_KEYS: readonly string[] = ["id", "type", "index"];

/**
 * Reads a call written as a JSON object, such as `{"name": "f", "arguments": {}}`, its keys in any order, and yields it. The arguments
 * are streamed if the name comes before them.
 *
 * @param tools the existing functions
 * @param opened whether its first brace was already read
 * @returns false if it is no call of one of them; then nothing was yielded, and the caller must read it again
 */
export function* readJsonCall(source: Source, tools: ToolsByName, opened = false): Parsing<boolean> {
  let name: string | undefined;
  let held: string | undefined;
  let called = false;
  yield* source.skipSpace();
  if (!opened && !(yield* source.take("{"))) return false;
  for (;;) {
    yield* source.skipSpace();
    if (yield* source.take("}")) break;
    const key = yield* readString(source);
    yield* source.skipSpace();
    if (key === undefined || !(yield* source.take(":"))) return called;
    yield* source.skipSpace();
    if (NAME_KEYS.includes(key) && name === undefined) {
      name = yield* readString(source);
      if (name === undefined || !tools.has(name)) return false;
    } else if (ARGUMENT_KEYS.includes(key) && name !== undefined && !called) {
      source.commit();
      yield { type: "call", name };
      called = true;
      yield* streamArguments(source);
    } else if (ARGUMENT_KEYS.includes(key) && held === undefined) {
      held = decodeArguments(yield* readValue(source));
    } else if (OTHER_KEYS.includes(key)) {
      yield* readValue(source);
    } else {
      return called;
    }
    yield* source.skipSpace();
    if (yield* source.take(",")) continue;
    if (yield* source.take("}")) break;
    return called;
  }
  if (name === undefined) return false;
  if (!called) {
    source.commit();
    yield { type: "call", name };
    yield { type: "arguments", text: held ?? "{}" };
  }
  return true;
}

/** Yields the next JSON object as a call's arguments, in pieces. */
export function* streamArguments(source: Source): Parsing {
  yield* source.skipSpace();
  const first = yield* source.peek();
  if (first === "{" || first === "[") {
    yield* copyNested(source, true);
  } else if (first !== "") {
    yield { type: "arguments", text: decodeArguments(yield* readValue(source)) };
  }
}

/** Some models write the object as a string of JSON, or null for no arguments. */
function decodeArguments(raw: string): string {
  if (raw === "null" || raw === '""') return "{}";
  if (!raw.startsWith('"')) return raw;
  const text = parseString(raw);
  return text?.trimStart().startsWith("{") ? text : raw;
}

/** Reads a JSON string and returns its value; undefined if there is none. */
function* readString(source: Source): Parsing<string | undefined> {
  if ((yield* source.peek()) !== '"') return undefined;
  return parseString(yield* readValue(source));
}

function parseString(raw: string): string | undefined {
  try {
    const value: unknown = JSON.parse(raw);
    return typeof value === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Reads one JSON value, up to its end or the text's, and returns it as it was written. */
function* readValue(source: Source): Parsing<string> {
  const first = yield* source.peek();
  if (first === "{" || first === "[" || first === '"') return yield* copyNested(source, false);
  let raw = "";
  for (;;) {
    const text = yield* source.some();
    const end = text.search(/[,}\]\s<]/);
    raw += end < 0 ? text : text.slice(0, end);
    if (end >= 0) source.unread(text.slice(end));
    if (end >= 0 || text === "") return raw;
  }
}

/** Reads an object, an array or a string to its end. Returns it, or yields it as arguments, in pieces. */
function* copyNested(source: Source, stream: boolean): Parsing<string> {
  let raw = "";
  let depth = 0;
  let inString = false;
  let escaped = false;

  /** Whether the value ends with this character. */
  function closes(character: string): boolean {
    if (escaped) escaped = false;
    else if (inString && character === "\\") escaped = true;
    else if (character === '"') inString = !inString;
    else if (!inString && (character === "{" || character === "[")) depth++;
    else if (!inString && (character === "}" || character === "]")) depth--;
    return depth === 0 && !inString;
  }

  for (;;) {
    const text = yield* source.some();
    let length = 0;
    let closed = false;
    while (length < text.length && !closed) closed = closes(text.charAt(length++));
    source.unread(text.slice(length));
    if (stream && length > 0) yield { type: "arguments", text: text.slice(0, length) };
    else raw += text.slice(0, length);
    if (closed || text === "") return raw;
  }
}
