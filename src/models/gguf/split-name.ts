import { basename, dirname, join } from "node:path";

/** The parsed name of one part of a split model. `index` counts from 1, as in the file's name. */
export type SplitName = { readonly prefix: string; readonly index: number; readonly count: number };

const SPLIT_NAME = /^(?<prefix>.+)-(?<index>\d{5})-of-(?<count>\d{5})\.gguf$/i;

/** Parses a name such as `model-00002-of-00003.gguf`; undefined for any other name. */
export function parseSplitName(path: string): SplitName | undefined {
  const groups = SPLIT_NAME.exec(basename(path))?.groups;
  if (groups === undefined) return undefined;
  const index = Number(groups.index);
  const count = Number(groups.count);
  if (index < 1 || count < 1 || index > count) return undefined;
  return { prefix: groups.prefix ?? "", index, count };
}

/** Returns the file name of part `index` (from 1) of `count`, like llama.cpp's `llama_split_path`. */
export function splitName(prefix: string, index: number, count: number): string {
  const digits = (value: number) => String(value).padStart(5, "0");
  return `${prefix}-${digits(index)}-of-${digits(count)}.gguf`;
}

/** Returns the paths of all parts of the model with the part `path`, in order; only `path` if the model isn't split. */
export function splitPaths(path: string): readonly string[] {
  const split = parseSplitName(path);
  if (split === undefined) return [path];
  return Array.from({ length: split.count }, (_, i) =>
    join(dirname(path), splitName(split.prefix, i + 1, split.count)),
  );
}
