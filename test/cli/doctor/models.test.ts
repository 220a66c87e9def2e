import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lookAtFolder } from "../../../src/cli/doctor/disk.ts";
import { findModels } from "../../../src/cli/doctor/models.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-doctor-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe("findModels", () => {
  const find = (...names: readonly string[]) => findModels(names, { modelsDir: ".", cwd: folder, verify: false });

  it("shows the size of a catalogue model that isn't downloaded, once for all its names", async () => {
    expect(await find("smollm2-135m-instruct", "smollm2")).toEqual([
      { state: "absent", id: "smollm2-135m-instruct", sizeBytes: 98_362_432 },
    ]);
  });

  it("reports the same problem of a file as a start", async () => {
    writeFileSync(join(folder, "notes.gguf"), "not a model");
    expect(await find("./notes.gguf")).toMatchObject([
      { state: "unusable", name: "./notes.gguf", reason: expect.stringContaining("is not a GGUF file") },
    ]);
  });

  it("lists the available models for an unknown name, and moves on to the next", async () => {
    expect(await find("smolm2", "smollm2")).toMatchObject([
      { state: "unusable", reason: expect.stringContaining("Did you mean smollm2?") },
      { state: "absent" },
    ]);
  });
});

describe("lookAtFolder", () => {
  it("looks at a folder that is there", async () => {
    expect(await lookAtFolder(folder)).toEqual({
      path: folder,
      exists: true,
      writable: true,
      freeBytes: expect.any(Number),
    });
  });

  it("checks the parent of a missing folder, and creates nothing", async () => {
    const path = join(folder, "models", "deep");
    expect(await lookAtFolder(path)).toMatchObject({ path, exists: false, writable: true });
    expect((await lookAtFolder(path)).exists).toBe(false);
  });
});
