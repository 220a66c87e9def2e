import { type CharSet, charSet, charsOf, codePoint, DIGITS, invertSet } from "../automaton/char-set.ts";

const WORD = charSet([
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
]);
/** ECMAScript's white space and line terminators. */
const SPACE = charSet([...charsOf("\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff"), [0x2000, 0x200a]]);

const CLASSES: ReadonlyMap<string, CharSet> = new Map([
  ["d", DIGITS],
  ["D", invertSet(DIGITS)],
  ["w", WORD],
  ["W", invertSet(WORD)],
  ["s", SPACE],
  ["S", invertSet(SPACE)],
]);

const CONTROLS: ReadonlyMap<string, number> = new Map([
  ["t", 0x09],
  ["n", 0x0a],
  ["v", 0x0b],
  ["f", 0x0c],
  ["r", 0x0d],
  ["0", 0x00],
]);

/** `.` without the `s` flag. */
export const DOT = invertSet(charsOf("\n\r\u2028\u2029"));

/** What an escape stands for, and how many UTF-16 units it takes, the backslash included. Undefined where it is none of these. */
export type Escape = { readonly set: CharSet; readonly length: number };

/** Reads the character or class escape that begins at `pattern[index]`, a backslash. */
export function readEscape(pattern: string, index: number): Escape | undefined {
  const letter = String.fromCodePoint(pattern.codePointAt(index + 1) ?? 0);
  const set = CLASSES.get(letter);
  if (set !== undefined) {
    return { set, length: 2 };
  }
  const control = CONTROLS.get(letter);
  if (control !== undefined) {
    return /^0\d/.test(pattern.slice(index + 1)) ? undefined : single(control, 2);
  }
  const rest = pattern.slice(index, index + 12);
  const hex =
    /^\\(?:x([\da-fA-F]{2})|u\{([\da-fA-F]{1,6})\}|u([dD][89abAB][\da-fA-F]{2})\\u([dD][c-fC-F][\da-fA-F]{2})|u([\da-fA-F]{4}))/.exec(
      rest,
    );
  if (hex !== null) {
    const [whole, byte, braced, high, low, unit] = hex;
    const code = high === undefined ? hexOf(byte ?? braced ?? unit) : pairOf(hexOf(high), hexOf(low));
    return single(code, whole.length);
  }
  if (letter === "c" && /^[a-zA-Z]/.test(pattern.slice(index + 2))) {
    return single(codePoint(pattern.slice(index + 2)) % 32, 3);
  }
  return /[\p{L}\d]/u.test(letter) ? undefined : single(codePoint(letter), 1 + letter.length);
}

function single(code: number, length: number): Escape {
  return { set: charSet([[code, code]]), length };
}

function hexOf(digits: string | undefined): number {
  return Number.parseInt(digits ?? "0", 16);
}

function pairOf(high: number, low: number): number {
  return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}
