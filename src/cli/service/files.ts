import { mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, parse, relative, sep } from "node:path";
import { CommandError, errorCode } from "../errors.ts";
import { MARK } from "./service.ts";

/** The service's file before the last change. */
export const formerOf = (path: string) => `${path}.old`;

/** What is in the service's file; undefined if there is none. Throws a CommandError for a file that Sluice has not written. */
export async function readOwn(path: string): Promise<string | undefined> {
  const text = await readText(path);
  if (text === undefined || text.includes(MARK)) return text;
  throw new CommandError(
    `${path} is there, and \`sluice service install\` has not written it. It stays as it is: move it away if it is no longer needed, and try again.`,
  );
}

/** Replaces a file as a whole, or not at all. */
export async function replaceFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const half = `${path}.${process.pid}.new`;
  try {
    const file = await open(half, "wx", 0o644);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(half, path);
  } catch (error) {
    await rm(half, { force: true });
    throw error;
  }
}

/** The first folder above a file, or the file, that not every user of the machine may read; undefined if all may. */
export async function findClosed(path: string): Promise<string | undefined> {
  const { root } = parse(path);
  let at = root;
  for (const name of relative(root, path).split(sep)) {
    at = at.endsWith(sep) ? at + name : at + sep + name;
    const { mode } = await stat(at);
    if ((mode & (at === path ? 0o004 : 0o001)) === 0) return at;
  }
  return undefined;
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
