import { basename, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { readRegularFile } from "../../read-file.ts";
import { describeError, UsageError } from "../errors.ts";

/** Two chapters of a novel of 1865; models/README.md tells where they are from. */
const SAMPLE = fileURLToPath(new URL("../../../models/sample-text.txt", import.meta.url));

const MAX_BYTES = 16 * 1024 * 1024;

/** Reads the text that models are scored with, or the one that comes with Sluice. Throws a UsageError. */
export async function readText(
  path: string | undefined,
  cwd: string,
): Promise<{ readonly name: string; readonly text: string }> {
  const file = path === undefined ? SAMPLE : resolve(cwd, path);
  try {
    const { bytes } = await readRegularFile(file, MAX_BYTES);
    return {
      name: path === undefined ? "Alice's Adventures in Wonderland, chapters I and II" : basename(file),
      text: new TextDecoder("utf-8", { fatal: true }).decode(bytes),
    };
  } catch (error) {
    const reason = error instanceof TypeError ? "it is not UTF-8 text." : describeError(error);
    throw new UsageError(`--text: ${path ?? SAMPLE} can't be read: ${reason}`, { cause: error });
  }
}
