import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadCatalogue } from "../../src/models/catalogue.ts";
import { listDownloaded } from "../../src/models/downloaded.ts";
import { readChatTemplate } from "../../src/models/gguf/chat-template.ts";
import { TINY_METADATA, text, writeGguf } from "./support/gguf-writer.ts";
import { tempDir } from "./support/temp-dir.ts";

const catalogue = await loadCatalogue();

describe("the models in a models folder", () => {
  it("have the names by which they were downloaded, and those of their files", async () => {
    const folder = await tempDir();
    for (const name of ["qwen3-8b-Q4_K_M.gguf", "owner--repo--Q8_0.gguf", "mine.gguf"]) {
      await writeFile(join(folder, name), writeGguf());
    }
    const { models, unusable } = await listDownloaded(catalogue, folder);
    expect(models.map(({ id }) => id).sort()).toEqual(["mine", "owner/repo:Q8_0", "qwen3-8b"]);
    expect(unusable).toEqual([]);
  });

  it("leave out what can't be loaded, and say why", async () => {
    const folder = await tempDir();
    await writeFile(join(folder, "broken.gguf"), "not a model");
    await writeFile(join(folder, "notes.txt"), "");
    // The catalogue has another size for it.
    await writeFile(join(folder, "gemma-3-270m-Q4_K_M.gguf"), writeGguf());
    const { models, unusable } = await listDownloaded(catalogue, folder);
    expect(models).toEqual([]);
    expect(unusable.map(({ path }) => path)).toEqual([
      join(folder, "broken.gguf"),
      join(folder, "gemma-3-270m-Q4_K_M.gguf"),
    ]);
    expect(unusable[1]?.reason).toContain("another file");
  });

  it("are none where there is no folder", async () => {
    expect(await listDownloaded(catalogue, join(await tempDir(), "none"))).toEqual({ models: [], unusable: [] });
  });
});

describe("a model's chat template", () => {
  it("is read whole from its file", async () => {
    const path = join(await tempDir(), "model.gguf");
    const template = "{% for message in messages %}é{% endfor %}".repeat(100);
    const others = TINY_METADATA.filter(([key]) => key !== "tokenizer.chat_template");
    await writeFile(path, writeGguf({ metadata: [...others, ["tokenizer.chat_template", text(template)]] }));
    expect(await readChatTemplate(path)).toBe(template);
    await writeFile(path, writeGguf({ metadata: others }));
    expect(await readChatTemplate(path)).toBeUndefined();
  });
});
