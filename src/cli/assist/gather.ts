import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { type DiffRange, readDiff } from "../../assist/diffs.ts";
import { type FileWord, parseFileWord } from "../../assist/file-words.ts";
import { readPipedOutput } from "../../assist/outputs.ts";
import { PathError, requireInside } from "../../assist/paths.ts";
import { type Repository, toRepositoryPath } from "../../assist/repository.ts";
import {
  type LeftOut,
  type Lines,
  NotReadError,
  readTextFile,
  type Source,
  sourceOf,
  type TextFile,
} from "../../assist/sources.ts";
import type { Flags } from "../../config/load.ts";
import { readPiped } from "../ask/input.ts";
import type { CliContext } from "../context.ts";
import { UsageError } from "../errors.ts";

const MAX_NAMED = 64;

/** What a command puts into its prompt, the most important first. */
export type Gathered = {
  readonly sources: readonly Source[];
  readonly leftOut: readonly LeftOut[];
  /** The files that somebody has named, as they were read. */
  readonly named: readonly TextFile[];
  /** Named files that don't exist yet. */
  readonly fresh: readonly string[];
  /** Files that the piped output names, as they were read. */
  readonly found: readonly TextFile[];
};

export type GatherOptions = {
  /** Files that are named without `--file`. */
  readonly words: readonly string[];
  /** The changes to read where `--diff` doesn't say which; none if absent. */
  readonly diff?: DiffRange;
  /** Whether a file may be named that doesn't exist yet. */
  readonly takesFresh?: boolean;
};

/** Reads what flags, words and the pipe name. Throws a UsageError for what can't be read. */
export async function gather(
  repository: Repository,
  flags: Flags,
  context: CliContext,
  { words, diff, takesFresh = false }: GatherOptions,
): Promise<Gathered> {
  const typed = [...words, ...(Array.isArray(flags.file) ? flags.file.map(String) : [])];
  if (typed.length > MAX_NAMED) throw new UsageError(`--file: at most ${MAX_NAMED} files can be named.`);
  const [named, fresh, sources]: [TextFile[], string[], Source[]] = [[], [], []];
  for (const word of typed) {
    const { path, lines, asked } = parseFileWord(word, (path) => existsSync(resolve(repository.cwd, path)));
    const file = await readNamed(repository, path, takesFresh);
    if (file === undefined) fresh.push(requirePath(repository, path));
    else {
      if (asked !== undefined) requireLines(file, asked);
      named.push(file);
      sources.push(sourceOf(file, "named", lines));
    }
  }
  const piped = await readPiped(context);
  const output =
    piped === undefined || piped.trim() === ""
      ? { sources: [], leftOut: [], files: [] }
      : await readPipedOutput(piped, repository);
  const range = rangeOf(flags.diff) ?? (output.sources.length > 0 ? undefined : diff);
  const changes = range === undefined ? { sources: [], leftOut: [] } : await readDiff(repository, range);
  const isNamed = ({ path }: Source) => named.some((file) => file.path === path);
  const [outputs, places] = [
    output.sources.filter(({ path }) => path === undefined),
    output.sources.filter((source) => source.path !== undefined && !isNamed(source)),
  ];
  return {
    sources: [...outputs, ...sources, ...changes.sources, ...places],
    leftOut: [...output.leftOut, ...changes.leftOut],
    ...{ named, fresh, found: output.files },
  };
}

/** A file that is named; undefined for one that may not exist yet, and doesn't. Throws a UsageError for one that isn't read. */
export async function readNamed(
  repository: Repository,
  path: FileWord["path"],
  takesFresh: boolean,
): Promise<TextFile | undefined> {
  const inside = requirePath(repository, path);
  if (takesFresh && !existsSync(resolve(repository.cwd, path))) return undefined;
  try {
    return await readTextFile(repository.root, inside);
  } catch (error) {
    if (!(error instanceof NotReadError)) throw error;
    throw new UsageError(`${path} isn't read: ${error.message}. If the model shall see it, pipe it in.`, {
      cause: error,
    });
  }
}

/** Throws a UsageError for a path that leads out of the repository. */
export function requirePath(repository: Repository, typed: string): string {
  const path = toRepositoryPath(repository, typed);
  if (path === undefined) throw new UsageError(`${typed} is not in the repository ${repository.root}.`);
  try {
    requireInside(path);
  } catch (error) {
    throw error instanceof PathError ? new UsageError(error.message, { cause: error }) : error;
  }
  return path;
}

/** Throws a UsageError for lines that a file doesn't have. */
function requireLines({ path, text }: TextFile, { from, to }: Lines): void {
  const count = text.split("\n").length - (text.endsWith("\n") || text === "" ? 1 : 0);
  if (from >= 1 && from <= to && from <= count) return;
  const asked = from === to ? `line ${from}` : `lines ${from}-${to}`;
  throw new UsageError(`${path} has no ${asked}: the file has ${count} ${count === 1 ? "line" : "lines"}.`);
}

/** What `--diff` means; undefined if it is absent. */
function rangeOf(given: Flags[string]): DiffRange | undefined {
  if (given === undefined || given === false) return undefined;
  if (given === true || given === "worktree") return { type: "worktree" };
  if (given === "staged") return { type: "staged" };
  return { type: "range", range: String(given) };
}
