import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { identifyProcess, type ProcessIdentity } from "../../../src/engine/worker/process-identity.ts";
import { openScratchFolder } from "../../../src/engine/worker/scratch.ts";

const SCRATCH = new URL("../../../src/engine/worker/scratch.ts", import.meta.url).href;

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
  test("is new each time and readable by its user only", () => {
    openScratchFolder(parent);
    openScratchFolder(parent);
    const folders = readdirSync(parent);
    expect(folders).toHaveLength(2);
    for (const name of folders) expect(statSync(join(parent, name)).mode & 0o777).toBe(0o700);
  });

  test("gives each file a separate path, and removes files", () => {
    const files = openScratchFolder(parent);
    const [first, second] = [files.newPath(), files.newPath()];
    expect(first).not.toBe(second);
    writeFileSync(first, "keys and values");
    files.remove(first);
    files.remove(second);
    expect(existsSync(first)).toBe(false);
  });

  test("removes the folders of dead processes, and none of a living one", () => {
    const abandoned = join(parent, `sluice-prefixes-${NOBODY}-abc`);
    const alive = join(parent, `sluice-prefixes-${process.pid}-abc`);
    for (const folder of [abandoned, alive]) mkdirSync(folder);
    writeFileSync(join(abandoned, "0"), "a conversation");
    openScratchFolder(parent);
    expect(existsSync(abandoned)).toBe(false);
    expect(existsSync(alive)).toBe(true);
  });

  test("removes the folder of a dead process whose pid was reused, and never that of a living one", () => {
    const own = identifyProcess();
    const living = identifyProcess(process.ppid);
    const name = ({ pid, start = "0", namespace = "0" }: ProcessIdentity) =>
      `sluice-prefixes-${pid}-${start}-${namespace}-abc`;
    const before = { ...living, start: `${Number(living.start) - 1}` };
    const [kept, reused] = [living, before].map((owner) => join(parent, name(owner)));
    for (const folder of [kept, reused]) mkdirSync(folder ?? "");
    openScratchFolder(parent, own);
    expect(existsSync(kept ?? "")).toBe(true);
    // Elsewhere than on Linux nobody can tell the two apart.
    expect(existsSync(reused ?? "")).toBe(own.start === undefined);
  });

  test("leaves another container's folder alone while it is touched", () => {
    const own = { pid: process.pid, start: "1", namespace: "111" };
    const [lively, silent] = ["abc", "def"].map((end) => join(parent, `sluice-prefixes-${NOBODY}-5-222-${end}`));
    for (const folder of [lively, silent]) mkdirSync(folder ?? "");
    const longAgo = new Date(Date.now() - 25 * 60 * 60 * 1_000);
    utimesSync(silent ?? "", longAgo, longAgo);
    openScratchFolder(parent, own);
    expect(existsSync(lively ?? "")).toBe(true);
    expect(existsSync(silent ?? "")).toBe(false);
  });

  test("is removed at the next start if its process was killed", async () => {
    const code = `
      const { openScratchFolder } = await import(${JSON.stringify(SCRATCH)});
      openScratchFolder(${JSON.stringify(parent)});
      process.stdout.write("open");
      setInterval(() => {}, 1_000);`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", code], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    const [left] = readdirSync(parent);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(readdirSync(parent)).toEqual([left]);
    openScratchFolder(parent);
    expect(readdirSync(parent)).toHaveLength(1);
    expect(readdirSync(parent)).not.toContain(left);
  });

  test("fails with the system's error if no folder can be made", () => {
    const missing = join(parent, "missing");
    expect(() => openScratchFolder(missing)).toThrow("ENOENT");
  });
});
