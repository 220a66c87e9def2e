import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { parseSplitName, splitName, splitPaths } from "./gguf/split-name.ts";

/** Lists the file names in a models folder; none if it doesn't exist. */
export async function listModelsDir(modelsDir: string): Promise<readonly string[]> {
  try {
    return await readdir(modelsDir);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

/** Finds the model with this stem in a folder, and returns its path, of the first part if there are several. */
export function findInstalled(modelsDir: string, fileNames: readonly string[], stem: string): string | undefined {
  const whole = `${stem}.gguf`;
  if (fileNames.includes(whole)) return join(modelsDir, whole);
  const first = fileNames.find((fileName) => {
    const split = parseSplitName(fileName);
    return split !== undefined && split.index === 1 && split.prefix === stem;
  });
  return first === undefined ? undefined : join(modelsDir, first);
}

/** Returns the file names of a model in `count` parts. */
export function targetNames(stem: string, count: number): readonly string[] {
  if (count === 1) return [`${stem}.gguf`];
  return Array.from({ length: count }, (_, i) => splitName(stem, i + 1, count));
}

/** Removes all parts of a model. */
export async function removeModel({ path }: { readonly path: string }): Promise<void> {
  await Promise.all(splitPaths(path).map((part) => rm(part, { force: true })));
}
