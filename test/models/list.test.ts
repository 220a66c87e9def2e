import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadCatalogue } from "../../src/models/catalogue.ts";
import { listModels } from "../../src/models/list.ts";
import { tempDir } from "./support/temp-dir.ts";

const catalogue = await loadCatalogue();

describe("listModels", () => {
  it("lists the whole catalogue, even without a models folder", async () => {
    const listed = await listModels(catalogue, join(await tempDir(), "none"));
    expect(listed.map(({ name }) => name)).toEqual(catalogue.models.map(({ name }) => name));
    expect(listed.some(({ isDownloaded }) => isDownloaded)).toBe(false);
  });

  it("lists the downloaded models, whole or in parts, with their paths", async () => {
    const folder = await tempDir();
    const files = [
      "gemma-3-270m-Q4_K_M.gguf",
      "qwen3-8b-Q4_K_M-00001-of-00002.gguf",
      "qwen3-4b-Q8_0.gguf",
      "mine.gguf",
    ];
    for (const file of files) await writeFile(join(folder, file), "");
    const there = (await listModels(catalogue, folder)).filter(({ isDownloaded }) => isDownloaded);
    expect(there.map(({ name, path }) => [name, path])).toEqual([
      ["gemma-3-270m", join(folder, "gemma-3-270m-Q4_K_M.gguf")],
      ["qwen3-8b", join(folder, "qwen3-8b-Q4_K_M-00001-of-00002.gguf")],
    ]);
  });
});
