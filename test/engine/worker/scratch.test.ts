import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openScratchFolder } from "../../../src/engine/worker/scratch.ts";

let parent: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "sluice-test-"));
});
afterEach(() => {
  rmSync(parent, { recursive: true, force: true });
});

/** No process has this number: Linux's largest is 2²² − 1. */
const NOBODY = 2 ** 22 + 1;

describe("the scratch folder", () => {
  test("is new each time and its user's alone", () => {
    openScratchFolder(parent);
    openScratchFolder(parent);
    const folders = readdirSync(parent);
    expect(folders).toHaveLength(2);
    for (const name of folders) expect(statSync(join(parent, name)).mode & 0o777).toBe(0o700);
  });

  test("gives a path of its own for each file, and removes files", () => {
    const files = openScratchFolder(parent);
    const [first, second] = [files.newPath(), files.newPath()];
    expect(first).not.toBe(second);
    writeFileSync(first, "keys and values");
    files.remove(first);
    files.remove(second);
    expect(existsSync(first)).toBe(false);
  });

  test("removes what a process left behind that is gone, and nothing of one that lives", () => {
    const abandoned = join(parent, `sluice-prefixes-${NOBODY}-abc`);
    const alive = join(parent, `sluice-prefixes-${process.pid}-abc`);
    for (const folder of [abandoned, alive]) mkdirSync(folder);
    writeFileSync(join(abandoned, "0"), "a conversation");
    openScratchFolder(parent);
    expect(existsSync(abandoned)).toBe(false);
    expect(existsSync(alive)).toBe(true);
  });

  test("says so where no folder can be made", () => {
    const missing = join(parent, "missing");
    expect(() => openScratchFolder(missing)).toThrow("ENOENT");
  });
});
