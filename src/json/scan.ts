import { isKept } from "./exact-number.ts";
import type { JsonLimits } from "./limits.ts";

/** The path of a value: names and indexes. */
export type JsonPath = readonly (string | number)[];

/** A JSON text exceeds a limit. */
export type JsonExcess = {
  readonly limit: keyof JsonLimits;
  /** The limit. */
  readonly most: number;
  readonly path: JsonPath;
};

/** A piece of the text: from where, and to where. */
export type Span = readonly [start: number, end: number];

/** Looks through a JSON text without making anything of it, a piece at a time. What is no JSON is left to the parser to find. */
export type JsonScan = {
  /** Goes on to `end`, or a little farther. Returns whether there is no more to look at. */
  readonly run: (end: number) => boolean;
  /** The exceeded limit, if any. */
  readonly excess: () => JsonExcess | undefined;
  /** The fields that hold numbers which JavaScript would write in another way. */
  readonly inexact: () => ReadonlyMap<string, Inexact>;
};

/** Where a value stands that holds numbers which JavaScript would write in another way, and where these do. */
type Inexact = { readonly value: Span; readonly numbers: readonly Span[] };

/** What is open: `count` is of an array's elements before the one in hand, or of an object's members. */
type Level = { readonly isArray: boolean; count: number; keyStart: number; keyEnd: number };

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
/** Integers of up to this many digits are written unchanged. */
const KEPT_DIGITS = 15;

/**
 * @param looksIn whether a field of the text's object is looked through for numbers that JavaScript would write in another way; those
 * outside of its objects don't count, such as token ids. Without it the whole text is looked through, as the field "".
 */
export function createJsonScan(text: string, limits: JsonLimits, looksIn?: (field: string) => boolean): JsonScan {
  const levels: Level[] = [];
  const found = new Map<string, Inexact>();
  const { members, elements, numbers: inArrays, exact } = limits;
  const left = { members, elements, numbers: inArrays, exact };
  let at = 0;
  let excess: JsonExcess | undefined;
  /** Where the string began that is being read. */
  let stringStart = -1;
  let isKey = false;
  /** Of the field that is looked through. */
  let field = looksIn === undefined ? "" : undefined;
  let fieldStart = 0;
  let numbers: Span[] = [];
  /** Objects that are open in it; the whole text is taken as if it stood in one. */
  let objects = looksIn === undefined ? 1 : 0;

  function exceed(limit: keyof JsonLimits): void {
    excess ??= { limit, most: limits[limit], path: levels.map(stepOf) };
  }

  function stepOf({ isArray, count: index, keyStart, keyEnd }: Level): string | number {
    return isArray ? index : keyAt(keyStart, keyEnd);
  }

  function keyAt(start: number, end: number): string {
    const raw = text.slice(start, end);
    if (!raw.includes("\\")) return raw;
    try {
      return String(JSON.parse(`"${raw}"`));
    } catch {
      return raw;
    }
  }

  function count(kind: keyof typeof left): void {
    if (--left[kind] < 0) exceed(kind);
  }

  function beginValue(isNumber: boolean): void {
    if (levels.at(-1)?.isArray !== true) return;
    count(isNumber && (field === undefined || objects === 0) ? "numbers" : "elements");
  }

  function open(isArray: boolean): void {
    beginValue(false);
    if (levels.length >= limits.depth) exceed("depth");
    levels.push({ isArray, count: 0, keyStart: 0, keyEnd: 0 });
    if (!isArray && field !== undefined) objects++;
    isKey = !isArray;
    at++;
  }

  function close(): void {
    const closed = levels.pop();
    if (levels.length === 0) endField();
    if (closed?.isArray === false && field !== undefined) objects--;
    isKey = false;
    at++;
  }

  function separate(): void {
    const level = levels.at(-1);
    if (levels.length === 1) endField();
    if (level?.isArray === true) level.count++;
    isKey = level?.isArray === false;
    at++;
  }

  function endField(): void {
    if (field === undefined || looksIn === undefined) return;
    // Of fields with the same name the last one counts.
    if (numbers.length === 0) found.delete(field);
    else found.set(field, { value: [fieldStart, at], numbers });
    field = undefined;
    numbers = [];
    objects = 0;
  }

  function beginField(): void {
    const [level] = levels;
    isKey = false;
    at++;
    if (levels.length !== 1 || level === undefined || level.isArray || looksIn === undefined) return;
    const key = keyAt(level.keyStart, level.keyEnd);
    if (!looksIn(key)) return;
    field = key;
    fieldStart = at;
  }

  function readString(end: number): void {
    for (;;) {
      const quote = text.indexOf('"', at);
      if (quote < 0) {
        at = text.length;
        return;
      }
      at = quote + 1;
      if (!isEscaped(quote)) break;
      // The rest is read in the next step.
      if (at >= end) return;
    }
    const level = levels.at(-1);
    if (isKey && level !== undefined) {
      level.keyStart = stringStart;
      level.keyEnd = at - 1;
      isKey = false;
      count("members");
      if (++level.count > limits.names) exceed("names");
    } else {
      beginValue(false);
    }
    stringStart = -1;
  }

  function isEscaped(quote: number): boolean {
    let before = quote;
    while (before > stringStart && text.charCodeAt(before - 1) === BACKSLASH) before--;
    return (quote - before) % 2 === 1;
  }

  function readNumber(first: number): void {
    const start = at;
    let isPlain = true;
    for (at++; at - start <= limits.digits; at++) {
      const code = text.charCodeAt(at);
      if (code >= ZERO && code <= NINE) continue;
      // A point, a sign, an exponent.
      if (code !== 0x2e && code !== 0x2b && code !== MINUS && code !== 0x65 && code !== 0x45) break;
      isPlain = false;
    }
    beginValue(true);
    const length = at - start;
    if (length > limits.digits) exceed("digits");
    if (field === undefined || objects === 0 || excess !== undefined) return;
    const isShort = isPlain && length <= KEPT_DIGITS && (first !== MINUS || text.charCodeAt(start + 1) !== ZERO);
    if (isShort || isKept(text.slice(start, at))) return;
    numbers.push([start, at]);
    count("exact");
  }

  function readWord(): void {
    beginValue(false);
    do at++;
    while (isLetter(text.charCodeAt(at)));
  }

  function step(end: number): void {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      stringStart = ++at;
      readString(end);
    } else if (code === COMMA) separate();
    else if (code === COLON) beginField();
    else if (code === MINUS || (code >= ZERO && code <= NINE)) readNumber(code);
    else if (code === 0x7b || code === 0x5b) open(code === 0x5b);
    else if (code === 0x7d || code === 0x5d) close();
    else if (isLetter(code)) readWord();
    else at++;
  }

  return {
    run(end) {
      if (stringStart >= 0) readString(end);
      while (at < end && at < text.length && excess === undefined) step(end);
      return at >= text.length || excess !== undefined;
    },
    excess: () => excess,
    inexact: () =>
      looksIn === undefined && numbers.length > 0 ? new Map([["", { value: [0, text.length], numbers }]]) : found,
  };
}

function isLetter(code: number): boolean {
  return code >= 0x61 && code <= 0x7a;
}
