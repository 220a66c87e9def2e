import { LRUCache } from "lru-cache";
import { type CharRange, type CharSet, charSet, charsOf, invertSet } from "../automaton/char-set.ts";

/** `\s`: ECMAScript's white space and line terminators. */
export const SPACE = charSet([
  ...charsOf("\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff"),
  [0x2000, 0x200a],
]);
/** `.` without the `s` flag. */
export const DOT = invertSet(charsOf("\n\r\u2028\u2029"));

/** A cache of the characters of the most recently used properties. */
const known = new LRUCache<string, CharSet>({ max: 32 });
const CHUNK = 0x8000;
const LAST = 0x10ffff;
/** All characters, in chunks; made on first use, since that takes longer than searching them. */
let characters: readonly string[] | undefined;

/** Returns the characters with a Unicode property, such as `L` or `Script=Greek`; undefined if ECMAScript has no such property. */
export function charactersWith(property: string): CharSet | undefined {
  const found = known.get(property) ?? find(property);
  if (found !== undefined) {
    known.set(property, found);
  }
  return found;
}

function find(property: string): CharSet | undefined {
  let runs: RegExp;
  try {
    runs = new RegExp(`\\p{${property}}+`, "gu");
  } catch {
    return undefined;
  }
  const ranges: CharRange[] = [];
  characters ??= Array.from({ length: (LAST + 1) / CHUNK }, (_, chunk) => writeChunk(chunk * CHUNK));
  for (const [chunk, text] of characters.entries()) {
    const first = chunk * CHUNK;
    const isWide = first > 0xffff;
    // Single surrogates aren't characters, and are removed from the set.
    for (const { index, 0: run } of text.matchAll(runs)) {
      const from = first + (isWide ? index / 2 : index);
      ranges.push([from, from + (isWide ? run.length / 2 : run.length) - 1]);
    }
  }
  return charSet(ranges);
}

function writeChunk(first: number): string {
  return Array.from({ length: CHUNK }, (_, index) => String.fromCodePoint(first + index)).join("");
}
