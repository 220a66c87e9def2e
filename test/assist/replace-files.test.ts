import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text as readAll } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Change } from "../../src/assist/changes.ts";
import { openJournal } from "../../src/assist/journal.ts";
import { PathError } from "../../src/assist/paths.ts";
import { NotReplacedError, recover, replaceFiles } from "../../src/assist/replace-files.ts";

const CHILD = fileURLToPath(new URL("replace-files-child.ts", import.meta.url));

let root: string;
let state: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "sluice-replace-"));
  state = await mkdtemp(join(tmpdir(), "sluice-state-"));
});
afterEach(async () => {
  for (const folder of [root, state]) await rm(folder, { recursive: true, force: true });
});

/** All files of the folder, by their paths. */
async function tree(): Promise<Readonly<Record<string, string>>> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const texts = await Promise.all(
    files.map(async (file) => [file.slice(root.length + 1), await readFile(file, "utf8")]),
  );
  return Object.fromEntries(texts.toSorted());
}

const replace = (changes: readonly Change[]) =>
  replaceFiles(root, openJournal(state), changes, { command: "fix", now: new Date() });

async function undoLast(): Promise<void> {
  const last = (await openJournal(state).list()).at(-1);
  if (last === undefined) throw new Error("There is no run.");
  const changes = last.files.map(({ path, before, after }) => ({
    path,
    before: after ?? undefined,
    after: before ?? undefined,
  }));
  await replaceFiles(root, openJournal(state), changes, { command: "undo", undoes: last, now: new Date() });
}

const CHANGES: readonly Change[] = [
  { path: "a.txt", before: "one\n", after: "two\n" },
  { path: "made/deep/new.txt", before: undefined, after: "new\n" },
  { path: "b.sh", before: "old", after: "fresh" },
];
const BEFORE = { "a.txt": "one\n", "b.sh": "old" };
const AFTER = { "a.txt": "two\n", "b.sh": "fresh", "made/deep/new.txt": "new\n" };

async function writeBefore(): Promise<void> {
  for (const [path, text] of Object.entries(BEFORE)) await writeFile(join(root, path), text);
}

describe("files that are replaced", () => {
  it("change at once, keep their modes, and are as before after an undo", async () => {
    await writeBefore();
    await chmod(join(root, "b.sh"), 0o751);
    await replace(CHANGES);
    expect(await tree()).toEqual(AFTER);
    expect((await lstat(join(root, "b.sh"))).mode & 0o777).toBe(0o751);
    await undoLast();
    expect(await tree()).toEqual(BEFORE);
    expect((await lstat(join(root, "b.sh"))).mode & 0o777).toBe(0o751);
    expect(await readdir(root)).toEqual(["a.txt", "b.sh"]);
    expect(await openJournal(state).list()).toEqual([]);
  });

  it.each([
    ["a file has changed since", "a.txt", "other\n"],
    ["a new file is there already", "made/deep/new.txt", "mine\n"],
  ])("stay as they are if %s", async (_, path, text) => {
    await writeBefore();
    await mkdir(join(root, "made/deep"), { recursive: true });
    await writeFile(join(root, path), text);
    await expect(replace(CHANGES)).rejects.toThrow(`Nothing was changed: ${path} has changed since it was read.`);
    expect(await tree()).toEqual({ ...BEFORE, [path]: text });
    expect(await openJournal(state).list()).toEqual([]);
  });

  it("are not taken back once somebody has changed one of them", async () => {
    await writeBefore();
    await replace(CHANGES);
    await writeFile(join(root, "b.sh"), "mine");
    await expect(undoLast()).rejects.toThrow(NotReplacedError);
    expect(await tree()).toEqual({ ...AFTER, "b.sh": "mine" });
  });

  it.each([
    "../out.txt",
    "/tmp/out.txt",
    ".git/hooks/pre-commit",
    ".GIT/config",
    "a\\..\\out.txt",
    "C:/out.txt",
    "link",
    "folder/out.txt",
  ])("are never outside of the folder, behind a link or in git's own folder: %s", async (path) => {
    const outside = join(state, "outside.txt");
    await writeFile(outside, "safe");
    await symlink(outside, join(root, "link"));
    await symlink(state, join(root, "folder"));
    for (const before of [undefined, "safe"])
      await expect(replace([{ path, before, after: "pwned" }])).rejects.toThrow(PathError);
    expect(await readFile(outside, "utf8")).toBe("safe");
    expect((await readdir(root)).sort()).toEqual(["folder", "link"]);
  });

  it("keep the last 20 runs", async () => {
    await writeFile(join(root, "n.txt"), "0");
    for (let n = 0; n < 22; n++) await replace([{ path: "n.txt", before: String(n), after: String(n + 1) }]);
    const runs = await openJournal(state).list();
    expect(runs).toHaveLength(20);
    for (const _ of runs) await undoLast();
    expect(await tree()).toEqual({ "n.txt": "2" });
  });

  it("are as before after any changes and their undo, byte for byte", async () => {
    const name = fc.constantFrom("a", "b", "c/d", "c/e/f");
    const text = fc.option(fc.string({ unit: "grapheme" }), { nil: undefined });
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.tuple(name, text, fc.string({ unit: "grapheme" })), {
          selector: ([path]) => path,
          minLength: 1,
        }),
        async (files) => {
          await rm(root, { recursive: true });
          await mkdir(root);
          for (const [path, before] of files) {
            if (before === undefined) continue;
            await mkdir(join(root, path, ".."), { recursive: true });
            await writeFile(join(root, path), before);
          }
          const before = await readdir(root, { recursive: true });
          const texts = await tree();
          await replace(
            files.map(([path, before, after]) => ({
              path,
              before: before?.toWellFormed(),
              after: after.toWellFormed(),
            })),
          );
          await undoLast();
          expect(await tree()).toEqual(texts);
          expect((await readdir(root, { recursive: true })).sort()).toEqual(before.sort());
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe("several files at once or none", () => {
  /** Changes the files in a process of its own, in which one call of the file system fails or kills it; returns how it ended. */
  async function changeWithFault(fault: "fail" | "kill", at: number): Promise<string> {
    const child = spawn(
      process.execPath,
      [
        CHILD,
        root,
        state,
        fault,
        String(at),
        JSON.stringify(CHANGES.map((change) => ({ ...change, before: change.before ?? null }))),
      ],
      {
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    const [said, [, signal]] = await Promise.all([readAll(child.stdout), once(child, "close")]);
    return signal ?? said.trim();
  }

  it.each(["fail", "kill"] as const)("after a %s at any call of the file system", async (fault) => {
    const endings = new Set<string>();
    for (let at = 1; !endings.has("all calls done"); at++) {
      expect(at).toBeLessThan(100);
      await rm(root, { recursive: true });
      await rm(state, { recursive: true, force: true });
      await mkdir(root);
      await writeBefore();
      const ending = await changeWithFault(fault, at);
      endings.add(ending);
      // The lock of a killed process lapses after 10 s.
      await rm(join(state, "assist.lock"), { recursive: true, force: true });
      await recover(root, openJournal(state));
      const now = await tree();
      const runs = await openJournal(state).list();
      const label = `${fault} at call ${at}: ${ending}`;
      expect([BEFORE, AFTER], label).toContainEqual(now);
      expect(
        runs.map((run) => run.state),
        label,
      ).toEqual(now["a.txt"] === "two\n" ? ["done"] : []);
      expect((await readdir(root)).sort(), label).toEqual(
        now["a.txt"] === "two\n" ? ["a.txt", "b.sh", "made"] : ["a.txt", "b.sh"],
      );
      if (ending === "refused") expect(now, label).toEqual(BEFORE);
    }
    expect(endings.has(fault === "fail" ? "refused" : "SIGKILL")).toBe(true);
  });
});
