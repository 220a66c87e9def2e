import type { Lines } from "./sources.ts";

/** A file that somebody names, and which of its lines. */
export type FileWord = {
  readonly path: string;
  /** To be shown. */
  readonly lines?: Lines;
  /** As they were typed. */
  readonly asked?: Lines;
};

/** A single line is shown with so many before and after it. */
const AROUND = 20;

/** Reads `PATH`, `PATH:LINE` or `PATH:FROM-TO`; a file whose name has such an end is meant as it is. */
export function parseFileWord(word: string, exists: (path: string) => boolean): FileWord {
  const { path, from, to } = /^(?<path>.+):(?<from>\d{1,7})(?:-(?<to>\d{1,7}))?$/s.exec(word)?.groups ?? {};
  if (path === undefined || exists(word)) return { path: word };
  const [first, last] = [Number(from), Number(to ?? from)];
  const asked = { from: first, to: last };
  return { path, asked, lines: to === undefined ? around(first) : asked };
}

/** The lines about one of them. */
export function around(line: number, before = AROUND): Lines {
  return { from: Math.max(1, line - before), to: line + before };
}
