import { randomBytes } from "node:crypto";
import { constants, copyFile, mkdir, readFile, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { createTwoFilesPatch, FILE_HEADERS_ONLY } from "diff";
import { CommandError, errorCode } from "../errors.ts";

/** Settings files are small. */
const MAX_BYTES = 4_000_000;

/** A change of a file that isn't written yet. */
export type Change = {
  /** Where the file is, behind links. */
  readonly path: string;
  /** Undefined for a file that doesn't exist. */
  readonly before: string | undefined;
  readonly after: string;
};

/** Reads a file, and says what `edit` makes of it. Throws a CommandError if it can't be read. */
export async function planChange(file: string, edit: (text: string) => string): Promise<Change> {
  const path = await behindLinks(file);
  const before = await read(path);
  return { path, before, after: edit(before ?? "") };
}

/** The change as a diff, with the file's name above it. */
export function describeChange({ path, before = "", after }: Change): string {
  return createTwoFilesPatch(path, path, before, after, undefined, undefined, {
    context: 2,
    headerOptions: FILE_HEADERS_ONLY,
  });
}

/**
 * Writes a change, whole or not at all. Returns the path of the copy of what was there, if anything was. Throws a CommandError if the file has
 * changed since it was read, or can't be written.
 */
export async function writeChange({ path, before, after }: Change, now: Date): Promise<string | undefined> {
  const half = `${path}.${randomBytes(4).toString("hex")}.half`;
  try {
    await mkdir(dirname(path), { recursive: true });
    const copy = before === undefined ? undefined : `${path}.${stamp(now)}.bak`;
    if (copy !== undefined) await copyFile(path, copy, constants.COPYFILE_EXCL);
    // Settings may hold secrets of others: what the owner alone could read stays so.
    const mode = before === undefined ? 0o600 : (await stat(path)).mode & 0o777;
    await writeFile(half, after, { mode, flag: "wx" });
    if ((await read(path)) !== before)
      throw new CommandError(`${path} was changed meanwhile. Nothing was written: try again.`);
    await rename(half, path);
    return copy;
  } catch (error) {
    await rm(half, { force: true });
    if (error instanceof CommandError) throw error;
    throw new CommandError(`${path} can't be written: ${describe(error)}`, { cause: error });
  }
}

/** A link to a file that isn't there yet counts as the file. */
async function behindLinks(file: string): Promise<string> {
  try {
    return await realpath(file);
  } catch {
    return file;
  }
}

async function read(path: string): Promise<string | undefined> {
  try {
    const { size } = await stat(path);
    if (size > MAX_BYTES) throw new CommandError(`${path} is larger than ${MAX_BYTES} bytes: it is no settings file.`);
    return await readFile(path, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    if (error instanceof CommandError) throw error;
    throw new CommandError(`${path} can't be read: ${describe(error)}`, { cause: error });
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Such as `2026-11-29T14-05-09-123`, which all file systems take. */
function stamp(now: Date): string {
  return now.toISOString().slice(0, 23).replaceAll(/[:.]/g, "-");
}
