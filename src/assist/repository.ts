import { realpath } from "node:fs/promises";
import { isAbsolute, relative, resolve, sep } from "node:path";
import { createGit, type Git, GitError } from "./run-git.ts";

/** More files are not looked at. */
const MAX_FILES = 50_000;
const MAX_LIST_BYTES = 16 * 1024 * 1024;

/** A git repository's working tree. Paths in it are relative to its root, with `/`. */
export type Repository = {
  /** Behind links. */
  readonly root: string;
  /** The folder in which the command stands, behind links. */
  readonly cwd: string;
  /** Runs git at the root. */
  readonly git: Git;
  /** A folder for Sluice in git's own folder, which git leaves alone. */
  readonly stateFolder: string;
};

/** Finds the repository around a folder. Throws a GitError if there is none. */
export async function openRepository(folder: string, env: NodeJS.ProcessEnv): Promise<Repository> {
  const cwd = await realpath(folder);
  const here = createGit(cwd, env);
  let lines: readonly string[];
  try {
    const { text } = await here(["rev-parse", "--show-toplevel", "--git-path", "sluice"]);
    lines = text.split("\n");
  } catch (error) {
    if (!(error instanceof GitError) || error.message.startsWith("git is not installed")) throw error;
    throw new GitError(`${cwd} is in no git repository with a working tree. Change to one, or make one: git init`, {
      cause: error,
    });
  }
  const [top = "", state = ""] = lines;
  const root = await realpath(top);
  return { root, cwd, git: createGit(root, env), stateFolder: resolve(cwd, state) };
}

/** The files that git tracks or would track, those that no .gitignore names, by their paths. */
export async function listFiles({ git }: Repository): Promise<readonly string[]> {
  const { text } = await git(["ls-files", "-co", "--exclude-standard", "-z", "--deduplicate"], {
    maxBytes: MAX_LIST_BYTES,
  });
  return text.split("\0").slice(0, -1).sort().slice(0, MAX_FILES);
}

/** Whether .gitignore leaves a file out; a tracked file is never left out. */
export async function isIgnored({ git }: Repository, path: string): Promise<boolean> {
  const { exitCode } = await git(["check-ignore", "-q", "--", path], { alsoOk: 1 });
  return exitCode === 0;
}

/** A path that somebody typed, as the repository has it; undefined if it leads out of the repository. */
export function toRepositoryPath({ root, cwd }: Pick<Repository, "root" | "cwd">, typed: string): string | undefined {
  const path = relative(root, resolve(cwd, typed));
  if (path === "" || path === ".." || path.startsWith(`..${sep}`) || isAbsolute(path)) return undefined;
  return path.split(sep).join("/");
}
