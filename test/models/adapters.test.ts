import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { findAdapters, type LocalModel } from "../../src/models/index.ts";
import { MODEL } from "../cli/doctor/support.ts";
import { writeAdapter } from "./support/adapter-writer.ts";
import { writeGguf } from "./support/gguf-writer.ts";
import { tempDir } from "./support/temp-dir.ts";

const PARENT: LocalModel = { ...MODEL, id: "owner/small:Q4", aliases: ["small"], sha256: "0".repeat(64) };

async function folderWith(files: Readonly<Record<string, Buffer>>): Promise<string> {
  const folder = await tempDir();
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes);
  return folder;
}

describe("an adapter", () => {
  it("is a model with its parent's file and the names of both, found by any name of its parent", async () => {
    const bytes = writeAdapter([{ name: "blk.0.attn_q.weight", from: 4, to: 4, value: 1 }]);
    const cwd = await folderWith({ "pirate.gguf": bytes });
    const [found] = await findAdapters(["SMALL+pirate = pirate.gguf"], [PARENT], cwd);
    expect(found).toEqual({
      ...{ id: "owner/small:Q4+pirate", aliases: ["small+pirate"], path: PARENT.path, gguf: PARENT.gguf },
      sizeBytes: PARENT.sizeBytes + bytes.length,
      adapter: { path: join(cwd, "pirate.gguf"), sizeBytes: bytes.length, parent: "owner/small:Q4" },
    });
  });

  it.each([
    ["other+a=a.gguf", "adapters: other+a: the model other is not served. Served on this machine: owner/small:Q4."],
    ["small+a=none.gguf", "none.gguf does not exist. Check the path of the adapter."],
    ["small+a=model.gguf", "is not a LoRA adapter"],
    ["small+a=foreign.gguf", "another architecture than the model's (llama)"],
    ["small+a=cut.gguf", "is cut short"],
  ])("is refused as %s, with what is wrong", async (entry, message) => {
    const tensor = { name: "blk.0.attn_q.weight", from: 4, to: 4, value: 1 };
    const cwd = await folderWith({
      "model.gguf": writeGguf(),
      "foreign.gguf": writeAdapter([tensor], "gemma3"),
      "cut.gguf": writeAdapter([tensor]).subarray(0, -8),
    });
    await expect(findAdapters([entry], [PARENT], cwd)).rejects.toThrow(message);
  });

  it("is refused twice under one name", async () => {
    const bytes = writeAdapter([{ name: "blk.0.attn_q.weight", from: 4, to: 4, value: 1 }]);
    const cwd = await folderWith({ "a.gguf": bytes });
    await expect(findAdapters(["small+a=a.gguf", "Small+A=a.gguf"], [PARENT], cwd)).rejects.toThrow(
      "owner/small:Q4+A is there twice",
    );
  });
});
