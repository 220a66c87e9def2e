import type { Repository } from "./repository.ts";
import { hasPrivateKey, isSecretPath } from "./secrets.ts";
import type { LeftOut, Source } from "./sources.ts";

/** Which changes are meant: those that are staged, all of the working tree, or a range of commits. */
export type DiffRange =
  | { readonly type: "staged" }
  | { readonly type: "worktree" }
  | { readonly type: "range"; readonly range: string };

export type DiffParts = { readonly sources: readonly Source[]; readonly leftOut: readonly LeftOut[] };

/** What a diff looks like doesn't depend on the user's settings, and no program of theirs is run for it. */
const PLAIN = [
  ...["--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--unified=4"],
  ...["--src-prefix=a/", "--dst-prefix=b/", "--ignore-submodules=all"],
];

/** Reads a diff, one source for each file. Files with secrets are left out. Throws a GitError, such as for an unknown range. */
export async function readDiff({ git }: Pick<Repository, "git">, range: DiffRange): Promise<DiffParts> {
  const what = await wordsOf(git, range);
  const names = (await git(["diff", "--no-renames", "--name-only", "-z", ...what, "--"])).text.split("\0");
  const secret = names.filter((name) => name !== "" && isSecretPath(name));
  const left = secret.map((name) => ({ what: name, why: "its name says that it holds secrets" }));
  const { text, isCut } = await git([
    ...["-c", "core.quotePath=false", "diff", ...PLAIN, ...what, "--"],
    ...(secret.length === 0 ? [] : [".", ...secret.map((name) => `:(exclude,literal)${name}`)]),
  ]);
  const { sources, leftOut } = splitDiff(text, "changed");
  const cut = isCut
    ? [{ what: "the diff", why: "it is longer than 4 MiB, and what comes after that was not read" }]
    : [];
  return { sources, leftOut: [...left, ...leftOut, ...cut] };
}

/** The parts of a diff, one for each file. */
export function splitDiff(diff: string, reason: string): DiffParts {
  const parts = diff.split(/^(?=diff --git )/m).filter((part) => part.trim() !== "");
  const sources = parts.map((text): Source => ({ title: titleOf(text), reason, text, keeps: "begin" }));
  const isSafe = ({ text }: Source) => !hasPrivateKey(text);
  return {
    sources: sources.filter(isSafe),
    leftOut: sources
      .filter((source) => !isSafe(source))
      .map(({ title }) => ({ what: title, why: "it holds a private key" })),
  };
}

/** Whether a text is a diff. */
export function isDiff(text: string): boolean {
  return /^(diff --git |@@ -\d+(,\d+)? \+\d+)/m.test(text);
}

function titleOf(part: string): string {
  const path = /^(?:\+\+\+ b|--- a)\/(.+?)\t?$/m.exec(part)?.[1] ?? /^diff --git a\/.* b\/(.+)$/m.exec(part)?.[1];
  return path === undefined ? "Diff" : `Diff of ${path}`;
}

async function wordsOf(git: Repository["git"], range: DiffRange): Promise<readonly string[]> {
  switch (range.type) {
    case "staged":
      return ["--cached"];
    case "range":
      return ["--end-of-options", range.range];
    case "worktree":
      return [await lastCommit(git)];
  }
}

/** The last commit, or an empty tree before the first one. */
async function lastCommit(git: Repository["git"]): Promise<string> {
  const { exitCode } = await git(["rev-parse", "--quiet", "--verify", "HEAD"], { alsoOk: 1 });
  return exitCode === 0 ? "HEAD" : (await git(["hash-object", "-t", "tree", "--stdin"])).text.trim();
}
