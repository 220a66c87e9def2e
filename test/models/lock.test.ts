import { mkdir, readdir, utimes } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { withLock } from "../../src/models/lock.ts";
import { tempDir } from "./support/temp-dir.ts";

const options = (changes = {}) => ({ signal: new AbortController().signal, onWait: () => {}, pollMs: 1, ...changes });

describe("withLock", () => {
  it("admits one at a time, and reports to the others that they wait", async () => {
    const path = join(await tempDir(), "x.lock");
    let inside = 0;
    let most = 0;
    let waits = 0;
    const task = async () => {
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside--;
    };
    const onWait = () => waits++;
    await Promise.all(Array.from({ length: 5 }, () => withLock(path, options({ onWait }), task)));
    expect(most).toBe(1);
    expect(waits).toBeGreaterThanOrEqual(1);
    expect(waits).toBeLessThanOrEqual(4);
  });

  it("leaves nothing behind, also when the task fails", async () => {
    const folder = await tempDir();
    const failing = withLock(join(folder, "x.lock"), options(), async () => {
      throw new Error("the task's own");
    });
    await expect(failing).rejects.toThrow("the task's own");
    expect(await readdir(folder)).toEqual([]);
  });

  it("takes over the lock of a process that was killed", async () => {
    const path = join(await tempDir(), "x.lock");
    await mkdir(path);
    const longAgo = new Date(Date.now() - 60_000);
    await utimes(path, longAgo, longAgo);
    const onWait = () => expect.unreachable("there is nobody to wait for");
    expect(await withLock(path, options({ onWait }), async () => "done")).toBe("done");
  });

  it("stops waiting when it is aborted", async () => {
    const path = join(await tempDir(), "x.lock");
    await mkdir(path);
    const controller = new AbortController();
    const onWait = () => controller.abort(new Error("stopped"));
    await expect(withLock(path, options({ signal: controller.signal, onWait }), async () => {})).rejects.toThrow(
      "stopped",
    );
  });

  it("fails at once when no lock can be created", async () => {
    const path = join(await tempDir(), "no", "such", "folder", "x.lock");
    await expect(withLock(path, options(), async () => {})).rejects.toThrow("ENOENT");
  });
});
