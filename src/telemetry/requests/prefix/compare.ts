import type { KindWord } from "./marks.ts";
import type { Outline, Section } from "./outline.ts";

/** Where two prompts differ first. */
export type Place = {
  readonly role: Section["role"];
  /** Of the message or the tool, from 0. */
  readonly index: number;
  /** From 1. */
  readonly line: number;
};

/** What differs there. */
export type Difference =
  | { readonly type: "kind"; readonly word: KindWord }
  | { readonly type: "text" }
  | { readonly type: "added" | "removed"; readonly pieces: number; readonly messages: number }
  /** The same pieces in another order. */
  | { readonly type: "order" };

/** What two prompts have in common. Lengths are in characters. */
export type Comparison = {
  /** The beginning that is the same. */
  readonly prefix: number;
  /** What comes after the first difference and is in both. */
  readonly after: number;
  /** Undefined if one is the beginning of the other. */
  readonly first: { readonly place: Place; readonly difference: Difference } | undefined;
};

/** An insertion or an omission of more pieces is not told as one. */
const MAX_SHIFT = 512;
/** Shorter pieces, such as empty lines and brackets, are in any two prompts. */
const LEAST_CHARS = 4;
/** So much of what follows has to be in both for a change of the order. */
const SAME_SHARE = 0.9;

/** Compares a prompt with an earlier one. */
export function compareOutlines(now: Outline, then: Outline): Comparison {
  let at = 0;
  let prefix = 0;
  while (at < now.hashes.length && at < then.hashes.length && now.hashes[at] === then.hashes[at]) {
    prefix += now.lengths[at] ?? 0;
    at += 1;
  }
  if (at === now.hashes.length || at === then.hashes.length) return { prefix, after: 0, first: undefined };
  const { same, rest } = commonAfter(now, then, at);
  const isMoved = then.hashes.includes(now.hashes[at] ?? 0, at) && now.hashes.includes(then.hashes[at] ?? 0, at);
  const isReordered = isMoved && same >= SAME_SHARE * rest;
  const difference = differenceAt(now, then, at, isReordered);
  return { prefix, after: same, first: { place: placeOf(now, at), difference } };
}

/** How much of what follows is in both, and the longer of the two rests. */
function commonAfter(now: Outline, then: Outline, from: number): { readonly same: number; readonly rest: number } {
  const counts = new Map<number, number>();
  let restThen = 0;
  for (let at = from; at < then.hashes.length; at++) {
    const piece = then.hashes[at] ?? 0;
    counts.set(piece, (counts.get(piece) ?? 0) + 1);
    restThen += then.lengths[at] ?? 0;
  }
  let same = 0;
  let restNow = 0;
  for (let at = from; at < now.hashes.length; at++) {
    const piece = now.hashes[at] ?? 0;
    const length = now.lengths[at] ?? 0;
    const count = counts.get(piece) ?? 0;
    restNow += length;
    if (count === 0 || length < LEAST_CHARS) continue;
    counts.set(piece, count - 1);
    same += length;
  }
  return { same, rest: Math.max(restNow, restThen) };
}

function differenceAt(now: Outline, then: Outline, at: number, isReordered: boolean): Difference {
  const kind = kindAt(now, then, at);
  if (kind !== undefined) return { type: "kind", word: kind };
  // What only changed its place is neither new nor gone.
  if (isReordered) return { type: "order" };
  // A single changed line is told as that, and not as one added and one removed.
  if (isSameAt(now, at + 1, then, at + 1)) return { type: "text" };
  const added = shiftOf(now, then, at);
  if (added > 0) return { type: "added", pieces: added, messages: messagesIn(now, at, at + added) };
  const removed = shiftOf(then, now, at);
  if (removed > 0) return { type: "removed", pieces: removed, messages: messagesIn(then, at, at + removed) };
  return { type: "text" };
}

/** The kind of what changed in a piece that is otherwise the same. */
function kindAt(now: Outline, then: Outline, at: number): KindWord | undefined {
  const [mine, theirs] = [now.marks.get(at), then.marks.get(at)];
  if (mine === undefined || theirs === undefined || mine.rest !== theirs.rest) return undefined;
  return mine.kinds.find(([word, hash]) => theirs.kinds.find(([other]) => other === word)?.[1] !== hash)?.[0];
}

function isSameAt(one: Outline, at: number, other: Outline, otherAt: number): boolean {
  const hash = one.hashes[at];
  return hash !== undefined && hash === other.hashes[otherAt];
}

/** After how many more pieces `long` goes on as `short` does at `at`; 0 if it doesn't. */
function shiftOf(long: Outline, short: Outline, at: number): number {
  for (let shift = 1; shift <= MAX_SHIFT && at + shift < long.hashes.length; shift++) {
    if ((short.lengths[at] ?? 0) >= LEAST_CHARS && isSameAt(long, at + shift, short, at)) return shift;
  }
  return 0;
}

/** How many sections begin and end in a range of pieces; 0 if the range isn't made of whole ones. */
function messagesIn({ sections, hashes }: Outline, from: number, until: number): number {
  const starts = sections.map(({ first }) => first);
  const isWhole = starts.includes(from) && (starts.includes(until) || until === hashes.length);
  return isWhole ? starts.filter((start) => start >= from && start < until).length : 0;
}

function placeOf({ sections, lines }: Outline, at: number): Place {
  const section = sections.findLast(({ first }) => first <= at);
  return { role: section?.role ?? "text", index: section?.index ?? 0, line: lines[at] ?? 1 };
}
