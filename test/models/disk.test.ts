import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { diskFailure, freeDiskBytes, moveIntoPlace, requireDiskSpace } from "../../src/models/disk.ts";
import { tempDir } from "./support/temp-dir.ts";

const MARGIN = 128 * 1024 * 1024;

describe("requireDiskSpace", () => {
  it("wants room for the file and a margin, to the byte", async () => {
    await requireDiskSpace("/models", 1_000, async () => MARGIN + 1_000);
    await expect(requireDiskSpace("/models", 1_001, async () => MARGIN + 1_000)).rejects.toThrow(
      "the disk is too full",
    );
  });

  it("needs no space when nothing is left to download", async () => {
    await requireDiskSpace("/models", 0, async () => 0);
  });
});

describe("freeDiskBytes", () => {
  it("finds room on this machine's disk", async () => {
    expect(await freeDiskBytes(await tempDir())).toBeGreaterThan(0);
  });
});

describe("diskFailure", () => {
  it("knows a disk that filled up from another failure", () => {
    expect(diskFailure(Object.assign(new Error("write"), { code: "ENOSPC" }))?.advice).toContain("--models-dir");
    expect(diskFailure(Object.assign(new Error("write"), { code: "EIO" }))).toBeUndefined();
    expect(diskFailure("ENOSPC")).toBeUndefined();
  });
});

describe("moveIntoPlace", () => {
  it("puts the file into its place, over an existing one", async () => {
    const folder = await tempDir();
    await writeFile(join(folder, "from"), "new");
    await writeFile(join(folder, "to"), "old");
    await moveIntoPlace(join(folder, "from"), join(folder, "to"));
    expect(await readFile(join(folder, "to"), "utf8")).toBe("new");
  });
});
