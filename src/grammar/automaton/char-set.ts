/** A set of Unicode code points: inclusive ranges, ascending, with gaps between them. Never holds a surrogate. */
export type CharSet = readonly CharRange[];
export type CharRange = readonly [first: number, last: number];

/** Every code point that UTF-8 can write. */
export const ANY_CHAR: CharSet = [
  [0, 0xd7ff],
  [0xe000, 0x10ffff],
];

export const DIGITS: CharSet = [[0x30, 0x39]];

/** `\w` of a regular expression. */
export const WORD: CharSet = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
];

/** The set of the ranges, which may overlap, in any order. */
export function charSet(ranges: readonly CharRange[]): CharSet {
  const sorted = ranges.toSorted(([a], [b]) => a - b);
  const merged: [number, number][] = [];
  for (const [first, last] of sorted) {
    const previous = merged.at(-1);
    if (previous !== undefined && first <= previous[1] + 1) {
      previous[1] = Math.max(previous[1], last);
    } else {
      merged.push([first, last]);
    }
  }
  return intersectSets(merged, ANY_CHAR);
}

/** The set of the code points of `text`. */
export function charsOf(text: string): CharSet {
  return charSet(Array.from(text, (char): CharRange => [codePoint(char), codePoint(char)]));
}

export function unionSets(sets: readonly CharSet[]): CharSet {
  return charSet(sets.flat());
}

export function intersectSets(a: CharSet, b: CharSet): CharSet {
  const common: CharRange[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const [aFirst, aLast] = at(a, i);
    const [bFirst, bLast] = at(b, j);
    const first = Math.max(aFirst, bFirst);
    const last = Math.min(aLast, bLast);
    if (first <= last) {
      common.push([first, last]);
    }
    if (aLast < bLast) {
      i += 1;
    } else {
      j += 1;
    }
  }
  return common;
}

/** Every code point that is not in `set`. */
export function invertSet(set: CharSet): CharSet {
  const gaps: CharRange[] = [];
  let next = 0;
  for (const [first, last] of set) {
    if (first > next) {
      gaps.push([next, first - 1]);
    }
    next = last + 1;
  }
  gaps.push([next, 0x10ffff]);
  return intersectSets(
    gaps.filter(([first, last]) => first <= last),
    ANY_CHAR,
  );
}

export function setHas(set: CharSet, code: number): boolean {
  return set.some(([first, last]) => first <= code && code <= last);
}

function at(set: CharSet, index: number): CharRange {
  return set[index] ?? [0, -1];
}

/** The first code point of `char`. */
export function codePoint(char: string): number {
  return char.codePointAt(0) ?? 0;
}
