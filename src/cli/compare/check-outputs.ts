import { access, constants, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { describeError, UsageError } from "../errors.ts";

/** Throws a UsageError if `--svg` names a file that can't be written. Writes nothing. */
export async function checkPicture(path: string | undefined, cwd: string): Promise<void> {
  if (path === undefined) return;
  const file = resolve(cwd, path);
  try {
    const found = await stat(file).catch(() => undefined);
    if (found?.isDirectory()) throw new UsageError("it is a folder.");
    await access(found === undefined ? dirname(file) : file, constants.W_OK);
  } catch (error) {
    throw new UsageError(`--svg: ${path} can't be written: ${describeError(error)}`, { cause: error });
  }
}
