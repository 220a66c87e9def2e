import { isAbsolute, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { Repository } from "./repository.ts";

/** A line of a file of the repository. */
export type Place = { readonly path: string; readonly line: number };

const MAX_PLACES = 12;
/** Only so much of a long output is searched, from its end, where failures are. */
const MAX_CHARS = 1_000_000;
const MAX_LINE_CHARS = 2_000;

const NAME = "[\\p{L}\\p{N}_@+~.\\-/\\\\]";
/** How compilers, test runners and stack traces name a place. */
const FORMS: readonly RegExp[] = [
  // Python: File "app/main.py", line 12
  /File "(?<path>[^"\n]{1,500})", line (?<line>\d{1,7})/gu,
  // JavaScript: at f (file:///home/me/app/main.js:12:3)
  new RegExp(`(?<path>file://${NAME}{1,500}):(?<line>\\d{1,7})`, "gu"),
  // TypeScript, C#: main.ts(12,3)
  new RegExp(`(?<path>${NAME}{1,500}\\.\\w{1,10})\\((?<line>\\d{1,7}),\\d`, "gu"),
  // Most others: src/main.rs:12:3, main.go:12, Main.java:12
  new RegExp(`(?<path>(?:[A-Za-z]:)?${NAME}{1,500}\\.\\w{1,10}):(?<line>\\d{1,7})`, "gu"),
];

/** Finds the places that a program's output names in files of the repository, in the order in which they stand there. */
export function findPlaces(
  output: string,
  repository: Pick<Repository, "root" | "cwd">,
  files: readonly string[],
): readonly Place[] {
  const known = new Set(files);
  const byName = Map.groupBy(files, (path) => path.slice(path.lastIndexOf("/") + 1));
  const found = new Map<string, Place>();
  for (const line of output.slice(-MAX_CHARS).split("\n")) {
    if (found.size >= MAX_PLACES) break;
    for (const { path, line: number } of placesIn(line.slice(0, MAX_LINE_CHARS))) {
      const file = fileOf(path, repository, known, byName);
      if (file !== undefined && found.size < MAX_PLACES) found.set(`${file}:${number}`, { path: file, line: number });
    }
  }
  return [...found.values()];
}

function placesIn(line: string): readonly Place[] {
  return FORMS.flatMap((form) =>
    Array.from(line.matchAll(form), ({ groups }) => ({ path: groups?.path ?? "", line: Number(groups?.line) })),
  ).filter(({ line: number }) => number > 0);
}

/** The repository's file for a name in an output: by its whole path, or by its end if only one file ends so. */
function fileOf(
  written: string,
  { root, cwd }: Pick<Repository, "root" | "cwd">,
  known: ReadonlySet<string>,
  byName: ReadonlyMap<string, readonly string[]>,
): string | undefined {
  const name = toPath(written);
  for (const base of [cwd, root]) {
    const path = relative(root, resolve(base, name)).split(sep).join("/");
    if (known.has(path)) return path;
  }
  if (isAbsolute(name)) return undefined;
  const end = name.replace(/^(\.\/)+/, "");
  const [only, ...others] = (byName.get(end.slice(end.lastIndexOf("/") + 1)) ?? []).filter((path) =>
    `/${path}`.endsWith(`/${end}`),
  );
  return others.length === 0 ? only : undefined;
}

function toPath(written: string): string {
  if (!written.startsWith("file://")) return sep === "/" ? written.replaceAll("\\", "/") : written;
  try {
    return fileURLToPath(written);
  } catch {
    return written;
  }
}
