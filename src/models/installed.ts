import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { parseSplitName, splitName, splitPaths } from "./gguf/split-name.ts";

/** The file names of a models folder; none when there is no such folder. */
export async function listModelsDir(modelsDir: string): Promise<readonly string[]> {
  try {
    return await readdir(modelsDir);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

/** The path of the model with this stem among a folder's files, the first part's if it is in several; undefined when it isn't there. */
export function findInstalled(modelsDir: string, fileNames: readonly string[], stem: string): string | undefined {
  const whole = `${stem}.gguf`;
  if (fileNames.includes(whole)) return join(modelsDir, whole);
  const first = fileNames.find((fileName) => {
    const split = parseSplitName(fileName);
    return split !== undefined && split.index === 1 && split.prefix === stem;
  });
  return first === undefined ? undefined : join(modelsDir, first);
}

/** The file names that a model in `count` parts gets. */
export function targetNames(stem: string, count: number): readonly string[] {
  if (count === 1) return [`${stem}.gguf`];
  return Array.from({ length: count }, (_, i) => splitName(stem, i + 1, count));
}

/** Removes a model's file, all parts of it. */
export async function removeModel({ path }: { readonly path: string }): Promise<void> {
  await Promise.all(splitPaths(path).map((part) => rm(part, { force: true })));
}
