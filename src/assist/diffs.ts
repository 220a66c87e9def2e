import type { Repository } from "./repository.ts";
import { hasPrivateKey, isSecretPath, whySecret } from "./secrets.ts";
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

/** To look for secrets in whole files. */
const WHOLE_FILES = "--unified=1000000";
const MAX_WHOLE_BYTES = 32 * 1024 * 1024;

/** Reads a diff, one source for each file. Files with secrets are left out. Throws a GitError, such as for an unknown range. */
export async function readDiff({ git }: Pick<Repository, "git">, range: DiffRange): Promise<DiffParts> {
  const what = await wordsOf(git, range);
  const names = (await git(["diff", ...PLAIN, "--name-only", "-z", ...what, "--"])).text.split("\0");
  const secret = names.filter((name) => name !== "" && isSecretPath(name));
  const left = secret.map((name) => ({ what: name, why: "its name says that it holds secrets" }));
  const words = ["-c", "core.quotePath=false", "diff", ...PLAIN];
  const paths = ["--", ...(secret.length === 0 ? [] : [".", ...secret.map((name) => `:(exclude,literal)${name}`)])];
  const { text, isCut } = await git([...words, ...what, ...paths]);
  const whole = await git([...words, WHOLE_FILES, ...what, ...paths], { maxBytes: MAX_WHOLE_BYTES });
  const parts = partsOf(whole.text).slice(0, whole.isCut ? -1 : undefined);
  const whyOf = new Map(parts.map((part) => [titleOf(part), whySecretIn(part)]));
  const { sources, leftOut } = separate(partsOf(text), "changed", (title) =>
    whyOf.has(title) ? whyOf.get(title) : "its file is too large to be searched for secrets",
  );
  const cut = isCut
    ? [{ what: "the diff", why: "it is longer than 4 MiB, and what comes after that was not read" }]
    : [];
  return { sources, leftOut: [...left, ...leftOut, ...cut] };
}

/** The parts of a diff, one for each file. */
export function splitDiff(diff: string, reason: string): DiffParts {
  return separate(partsOf(diff), reason, (_, text) => (hasPrivateKey(text) ? "it holds a private key" : undefined));
}

function separate(
  parts: readonly string[],
  reason: string,
  whyNot: (title: string, text: string) => string | undefined,
): DiffParts {
  const [sources, leftOut]: [Source[], LeftOut[]] = [[], []];
  for (const text of parts) {
    const title = titleOf(text);
    const why = whyNot(title, text);
    if (why === undefined) sources.push({ title, reason, text, keeps: "begin" });
    else leftOut.push({ what: title, why });
  }
  return { sources, leftOut };
}

function partsOf(diff: string): readonly string[] {
  return diff.split(/^(?=diff --git )/m).filter((part) => part.trim() !== "");
}

/** What the lines of a file were and are, without the diff's marks. */
function whySecretIn(part: string): string | undefined {
  return whySecret(pathOf(part) ?? "", part.replaceAll(/^[ +-]/gm, ""));
}

/** Whether a text is a diff. */
export function isDiff(text: string): boolean {
  return /^(diff --git |@@ -\d+(,\d+)? \+\d+)/m.test(text);
}

function pathOf(part: string): string | undefined {
  return /^(?:\+\+\+ b|--- a)\/(.+?)\t?$/m.exec(part)?.[1] ?? /^diff --git a\/.* b\/(.+)$/m.exec(part)?.[1];
}

function titleOf(part: string): string {
  const path = pathOf(part);
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
