import { lstat } from "node:fs/promises";
import { join } from "node:path";

/** A path at which nothing is read or written. The message says why. */
export class PathError extends Error {
  override readonly name = "PathError";
}

const MAX_LENGTH = 1_024;

/**
 * Requires that a path stays within the repository and out of git's own folder on every system: also where letters' case, ignorable characters, and
 * dots or spaces at a name's end don't count, and where `\` separates names. Throws a PathError.
 */
export function requireInside(path: string): void {
  const fault = faultOf(path);
  if (fault !== undefined) throw new PathError(`${JSON.stringify(path.slice(0, MAX_LENGTH))} ${fault}.`);
}

/** Whether `requireInside` takes a path. */
export function isInside(path: string): boolean {
  return faultOf(path) === undefined;
}

function faultOf(path: string): string | undefined {
  if (path === "" || path.length > MAX_LENGTH) return "is no path of a file";
  if (/[\p{Cc}\p{Bidi_Control}]/u.test(path)) return "has control characters";
  if (path.startsWith("/") || path.includes("\\") || path.includes(":")) return "is no path within the repository";
  const names = path.split("/");
  if (names.some((name) => name === "" || name === "." || name === "..")) return "leads out of the repository";
  if (names.some((name) => /[. ]$/.test(name))) return "has a name that ends with a dot or a space";
  if (names.some(isGits)) return "is in git's own folder";
  return undefined;
}

/** As file systems that fold names see it: https://git-scm.com/docs/git-config#Documentation/git-config.txt-coreprotectHFS */
function isGits(name: string): boolean {
  const folded = name
    .normalize("NFKC")
    .replaceAll(/[\p{Cf}\p{Default_Ignorable_Code_Point}]/gu, "")
    .toLowerCase();
  return folded === ".git" || /^git~\d+$/.test(folded);
}

/**
 * The absolute path of a file in the repository, which may not exist yet. No link is followed. Throws a PathError for a link, for what is no
 * file, and as `requireInside`.
 */
export async function locate(root: string, path: string): Promise<string> {
  requireInside(path);
  const names = path.split("/");
  for (let length = 1; length <= names.length; length++) {
    const part = names.slice(0, length);
    const stats = await statOf(join(root, ...part));
    if (stats === undefined) break;
    if (stats.isSymbolicLink()) throw new PathError(`${part.join("/")} is a link, and links are not followed.`);
    const isLast = length === names.length;
    if (isLast ? !stats.isFile() : !stats.isDirectory()) {
      throw new PathError(`${part.join("/")} is no ${isLast ? "file" : "folder"}.`);
    }
  }
  return join(root, ...names);
}

async function statOf(path: string) {
  try {
    return await lstat(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
