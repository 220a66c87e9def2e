import { spawn } from "node:child_process";

/** A git command that failed. Its message is what git wrote. */
export class GitError extends Error {
  override readonly name = "GitError";
}

type Options = {
  readonly input?: string;
  /** More of the output is cut off; 4 MiB if absent. */
  readonly maxBytes?: number;
  /** An exit code other than 0 that is an answer too. */
  readonly alsoOk?: number;
};

type GitOutput = { readonly text: string; readonly isCut: boolean; readonly exitCode: number };

/** Runs git in one folder. Rejects with a GitError. */
export type Git = (args: readonly string[], options?: Options) => Promise<GitOutput>;

const MAX_BYTES = 4 * 1024 * 1024;
const MAX_MESSAGE_BYTES = 64 * 1024;

/** What is asked of git reads and takes no locks, so that it disturbs no other git that runs in the repository. */
const QUIET = { GIT_OPTIONAL_LOCKS: "0", GIT_PAGER: "cat" };

/** A folder that only looks like git's own came with somebody's files: its settings don't count, and no program is run for what is read. */
const WARY = ["-c", "safe.bareRepository=explicit", "-c", "core.fsmonitor=false", "-c", "core.pager=cat"];

export function createGit(cwd: string, env: NodeJS.ProcessEnv): Git {
  return (args, { input, maxBytes = MAX_BYTES, alsoOk = 0 } = {}) =>
    new Promise((resolve, reject) => {
      const child = spawn("git", [...WARY, ...args], {
        ...{ cwd, env: { ...env, ...QUIET } },
        stdio: ["pipe", "pipe", "pipe"],
      });
      const pieces: Buffer[] = [];
      let size = 0;
      let message = "";
      child.stdout.on("data", (piece: Buffer) => {
        if (size < maxBytes) pieces.push(piece);
        size += piece.length;
        if (size > maxBytes) child.kill();
      });
      child.stderr.setEncoding("utf8").on("data", (piece: string) => {
        if (message.length < MAX_MESSAGE_BYTES) message += piece;
      });
      // Git may end before it has read everything.
      child.stdin.on("error", () => {});
      child.stdin.end(input ?? "");
      child.on("error", (error: NodeJS.ErrnoException) => {
        reject(new GitError(error.code === "ENOENT" ? "git is not installed, or not in PATH." : error.message));
      });
      child.on("close", (exitCode) => {
        const isCut = size > maxBytes;
        if (!isCut && exitCode !== 0 && exitCode !== alsoOk)
          return reject(new GitError(message.trim() || `git ${args[0]} failed.`));
        resolve({ text: Buffer.concat(pieces).subarray(0, maxBytes).toString(), isCut, exitCode: exitCode ?? 0 });
      });
    });
}
