import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readDiff } from "../../src/assist/diffs.ts";
import { openRepository } from "../../src/assist/repository.ts";

const ENV = {
  ...{ PATH: process.env.PATH, HOME: "/nonexistent", GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null" },
  ...{ GIT_AUTHOR_NAME: "Ann", GIT_AUTHOR_EMAIL: "ann@example.com" },
  ...{ GIT_COMMITTER_NAME: "Ann", GIT_COMMITTER_EMAIL: "ann@example.com" },
};

let folder: string;
const git = (...words: readonly string[]) => execFileSync("git", words, { cwd: folder, env: ENV, stdio: "pipe" });
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-git-"));
  git("init", "--quiet", "--initial-branch=main");
  writeFileSync(join(folder, "a.txt"), "a\n");
  git("add", "--all");
  git("commit", "--quiet", "--message", "begin");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A program that leaves a mark when it runs. */
function trap(): { readonly program: string; readonly mark: string } {
  const [program, mark] = [join(folder, ".git", "trap.sh"), join(folder, ".git", "mark")];
  writeFileSync(program, `#!/bin/sh\ntouch '${mark}'\n`);
  chmodSync(program, 0o755);
  return { program, mark };
}

it("takes no folder for a repository that only looks like git's own", async () => {
  const planted = join(folder, "planted");
  mkdirSync(planted);
  cpSync(join(folder, ".git"), planted, { recursive: true });
  writeFileSync(join(planted, "config"), '[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = "."\n');
  expect(execFileSync("git", ["rev-parse", "--git-dir"], { cwd: planted, env: ENV }).toString().trim()).toBe(".");
  await expect(openRepository(planted, ENV)).rejects.toThrow("is in no git repository with a working tree");
});

it("runs no program that a repository's settings name, to read a diff", async () => {
  const { program, mark } = trap();
  writeFileSync(join(folder, "a.txt"), "b\n");
  writeFileSync(join(folder, ".gitattributes"), "*.txt diff=trap\n");
  for (const name of ["core.fsmonitor", "diff.external", "diff.trap.command", "diff.trap.textconv", "core.pager"])
    git("config", name, program);
  const { sources } = await readDiff(await openRepository(folder, ENV), { type: "worktree" });
  expect(sources.map(({ title }) => title)).toEqual(["Diff of a.txt"]);
  expect(existsSync(mark)).toBe(false);
  git("status");
  expect(existsSync(mark)).toBe(true);
});

it("leaves a change out of a diff where its file holds a secret elsewhere", async () => {
  const lines = Array.from({ length: 60 }, (_, index) => `line ${index}`);
  const key = ["-----BEGIN", "PRIVATE KEY-----"].join(" ");
  writeFileSync(join(folder, "key.txt"), [key, ...lines].join("\n"));
  git("add", "--all");
  git("commit", "--quiet", "--message", "key");
  lines[50] = "hush";
  writeFileSync(join(folder, "key.txt"), [key, ...lines].join("\n"));
  writeFileSync(join(folder, "a.txt"), "b\n");
  const { sources, leftOut } = await readDiff(await openRepository(folder, ENV), { type: "worktree" });
  expect(sources.map(({ title }) => title)).toEqual(["Diff of a.txt"]);
  expect(leftOut).toEqual([{ what: "Diff of key.txt", why: "it holds a private key" }]);
});
