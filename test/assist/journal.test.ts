import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { newId, openJournal } from "../../src/assist/journal.ts";
import { lastRun, NotReplacedError, recover, replaceFiles } from "../../src/assist/replace-files.ts";

let base: string;
let root: string;
let state: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), "sluice-journal-"));
  [root, state] = [join(base, "root"), join(base, "state")];
  await mkdir(root);
  await writeFile(join(base, "precious.txt"), "precious");
});
afterEach(() => rm(base, { recursive: true, force: true }));

const ID = newId(new Date(0));
const entryOf = (more: object = {}) => ({
  ...{ version: 1, id: ID, command: "fix", state: "begun", undoes: null, folders: [] },
  ...{ files: [{ path: "a.txt", before: "one", after: "two" }], ...more },
});

/** Puts an entry where runs are kept, as somebody else might. */
async function plant(entry: object, { name = `${ID}.json`, mode = 0o600, folderMode = 0o700 } = {}): Promise<void> {
  const folder = join(state, "assist");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(join(folder, name), JSON.stringify(entry), { mode });
  await chmod(join(folder, name), mode);
  await chmod(folder, folderMode);
}

const hostile = (path: string) => ({ path, before: null, after: "precious" });

describe("an entry that this user's own runs can't have written", () => {
  it.each<[string, object, object?]>([
    ["leads out of the repository", entryOf({ files: [hostile("../precious.txt")] })],
    ["leads into git's own folder", entryOf({ files: [hostile(".git/config")] })],
    ["has folders elsewhere", entryOf({ folders: ["../state"] })],
    ["has folders that aren't around its files", entryOf({ folders: ["b"] })],
    ["has another id than its file", entryOf({ id: newId(new Date(1)) })],
    ["has an id that is a path", entryOf({ id: "x/../y" }), { name: "x.json" }],
    ["takes back what is no run", entryOf({ undoes: "../x" })],
    ["may be read by others", entryOf(), { mode: 0o644 }],
    ["is in a folder that others may write to", entryOf(), { folderMode: 0o777 }],
  ])("is neither read nor recovered: it %s", async (_, entry, how) => {
    await plant(entry, how);
    await writeFile(join(root, "a.txt"), "two");
    await recover(root, openJournal(state));
    expect(await openJournal(state).list()).toEqual([]);
    expect(await readFile(join(base, "precious.txt"), "utf8")).toBe("precious");
    expect(await readdir(root)).toEqual(["a.txt"]);
    await expect(lastRun(openJournal(state))).rejects.toThrow("its entry can't be read");
  });

  it("names no files beside its own: other names in it don't count", async () => {
    const file = { path: "a.txt", before: "one", after: "two", fresh: "../precious.txt", kept: "../precious.txt" };
    await plant(entryOf({ files: [file] }));
    await writeFile(join(root, "a.txt"), "two");
    await recover(root, openJournal(state));
    expect(await readFile(join(base, "precious.txt"), "utf8")).toBe("precious");
    expect(await readFile(join(root, "a.txt"), "utf8")).toBe("two");
  });

  it("follows no link to a file outside", async () => {
    await symlink(base, join(root, "link"));
    await plant(entryOf({ files: [hostile("link/precious.txt")] }));
    await recover(root, openJournal(state));
    expect(await readFile(join(base, "precious.txt"), "utf8")).toBe("precious");
    expect(await openJournal(state).list()).toEqual([]);
  });
});

describe("a run that was killed before it kept anything", () => {
  it("is ended, also when what it would have written was written by hand", async () => {
    await plant(entryOf());
    await writeFile(join(root, "a.txt"), "two");
    await recover(root, openJournal(state));
    expect(await readFile(join(root, "a.txt"), "utf8")).toBe("two");
    expect(await openJournal(state).list()).toEqual([]);
  });
});

describe("a run that can't be undone later", () => {
  it("changes nothing: it is too large to be read again", async () => {
    const big = "\u0001".repeat(3 * 1024 * 1024);
    const changes = [0, 1].map((n) => ({ path: `${n}.txt`, before: undefined, after: big }));
    const run = replaceFiles(root, openJournal(state), changes, { command: "fix", now: new Date() });
    await expect(run).rejects.toThrow("Nothing was changed: to be undone, a change can have 32 MiB at most.");
    expect(await readdir(root)).toEqual([]);
    expect(await readdir(join(state, "assist"))).toEqual([]);
  });

  it("keeps older ones from being taken back in its place", async () => {
    await writeFile(join(root, "a.txt"), "one");
    const changes = [{ path: "a.txt", before: "one", after: "two" }];
    await replaceFiles(root, openJournal(state), changes, { command: "fix", now: new Date() });
    const broken = join(state, "assist", `${newId(new Date(Date.now() + 1_000))}.json`);
    await writeFile(broken, "{", { mode: 0o600 });
    await expect(lastRun(openJournal(state))).rejects.toThrow(NotReplacedError);
    await rm(broken);
    expect((await lastRun(openJournal(state)))?.files).toEqual(changes);
  });
});
