import { stripVTControlCharacters } from "node:util";
import { isDiff, splitDiff } from "./diffs.ts";
import { around } from "./file-words.ts";
import { findPlaces, type Place } from "./places.ts";
import { listFiles, type Repository } from "./repository.ts";
import {
  type LeftOut,
  type Lines,
  NotReadError,
  readTextFile,
  type Source,
  sourceOf,
  type TextFile,
} from "./sources.ts";

/** A file up to this length is shown whole, and of a longer one the lines about each place. */
const WHOLE_CHARS = 6_000;
const LINES_AROUND = 30;
/** What is piped in leaves room for the code that it is about. */
const SHARE = 0.4;

export type Piped = {
  readonly sources: readonly Source[];
  readonly leftOut: readonly LeftOut[];
  /** The files that the output names a place in, as they were read. */
  readonly files: readonly TextFile[];
};

/** What is piped in, and the code at the places that it names in files of the repository. */
export async function readPipedOutput(piped: string, repository: Repository): Promise<Piped> {
  const text = stripVTControlCharacters(piped).replaceAll("\r\n", "\n");
  if (isDiff(text)) return { ...splitDiff(text, "piped in"), files: [] };
  const output: Source = { title: "Piped in", reason: "piped in", text, keeps: "end", share: SHARE };
  const places = findPlaces(text, repository, await listFiles(repository));
  const files: TextFile[] = [];
  const sources: Source[] = [];
  const leftOut: LeftOut[] = [];
  for (const [path, found] of Map.groupBy(places, (place) => place.path)) {
    try {
      const file = await readTextFile(repository.root, path);
      files.push(file);
      sources.push(...atPlaces(file, found));
    } catch (error) {
      if (!(error instanceof NotReadError)) throw error;
      leftOut.push({ what: path, why: error.message });
    }
  }
  return { sources: [output, ...sources], leftOut, files };
}

function atPlaces(file: TextFile, places: readonly Place[]): readonly Source[] {
  const reason = `the output names line ${[...new Set(places.map(({ line }) => line))].join(", ")}`;
  if (file.text.length <= WHOLE_CHARS) return [sourceOf(file, reason)];
  const count = file.text.split("\n").length;
  return merge(places.filter(({ line }) => line <= count).map(({ line }) => around(line, LINES_AROUND))).map((lines) =>
    sourceOf(file, reason, lines),
  );
}

/** Ranges that touch become one. */
function merge(ranges: readonly Lines[]): readonly Lines[] {
  const merged: Lines[] = [];
  for (const range of ranges.toSorted((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last === undefined || range.from > last.to + 1) merged.push(range);
    else merged[merged.length - 1] = { from: last.from, to: Math.max(last.to, range.to) };
  }
  return merged;
}
