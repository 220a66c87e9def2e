import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type EnsureOptions, ensureModel, findModel } from "../../src/models/ensure.ts";
import { ModelUnavailableError } from "../../src/models/errors.ts";
import { resolveModel } from "../../src/models/resolve.ts";
import { writeGguf } from "./support/gguf-writer.ts";
import { startHub } from "./support/hub.ts";
import { tempDir } from "./support/temp-dir.ts";

const NAME = "hf:owner/repo";
const reference = resolveModel(NAME, { models: [] });

async function prepare(files: Readonly<Record<string, Buffer>>) {
  const modelsDir = join(await tempDir(), "models");
  const hub = await startHub(files);
  const reasons: string[] = [];
  const options: EnsureOptions = {
    ...{ modelsDir, env: hub.env, retryDelayMs: () => 0, pollMs: 2, freeBytes: async () => 1e15 },
    memoryBytes: 8 * 1024 ** 3,
    onChoice: (why) => void reasons.push(why),
  };
  return { modelsDir, hub, reasons, options };
}

const FILES = { "tiny-Q4_K_M.gguf": writeGguf(), "tiny-Q8_0.gguf": writeGguf(), "tiny-F16.gguf": writeGguf() };

describe("hf:owner/repo without a quantization", () => {
  it("takes the one of the hub's that fits, says why, and answers to the short name too", async () => {
    const { modelsDir, reasons, options } = await prepare(FILES);
    const model = await ensureModel(reference, options);
    expect(model.id).toBe("owner/repo:Q8_0");
    expect(model.aliases).toContain(NAME);
    expect(reasons).toEqual([expect.stringMatching(/^Q8_0 \(.*\): the best up to Q8_0 .* fits into the 8\.0 GiB/)]);
    expect(await readdir(modelsDir)).toContain("owner--repo--Q8_0.gguf");
  });

  it("takes the one that is here, without asking the hub, whatever else would fit", async () => {
    const { modelsDir, hub, reasons, options } = await prepare(FILES);
    await mkdir(modelsDir);
    await writeFile(join(modelsDir, "owner--repo--Q2_K.gguf"), writeGguf());
    await writeFile(join(modelsDir, "owner--repo-other--Q4_K_M.gguf"), writeGguf());
    const model = await ensureModel(reference, options);
    expect(model.id).toBe("owner/repo:Q2_K");
    expect(reasons).toEqual(["Q2_K: it is here already"]);
    expect(hub.api.requests).toEqual([]);
    expect((await findModel(reference, modelsDir))?.id).toBe("owner/repo:Q2_K");
  });

  it("takes the usual one if several are here", async () => {
    const { modelsDir, options } = await prepare(FILES);
    await mkdir(modelsDir);
    for (const name of ["F16", "Q4_K_M", "Q2_K"])
      await writeFile(join(modelsDir, `owner--repo--${name}.gguf`), writeGguf());
    expect((await ensureModel(reference, options)).id).toBe("owner/repo:Q4_K_M");
  });

  it("downloads none if none fits, and says so", async () => {
    const { modelsDir, options } = await prepare(FILES);
    const failing = ensureModel(reference, { ...options, memoryBytes: 1024 });
    await expect(failing).rejects.toThrow(ModelUnavailableError);
    await expect(failing).rejects.toThrow(/none fits into the 0 MiB of memory.*\n.*\n.*Name a quantization/);
    expect(await readdir(modelsDir).catch(() => [])).not.toContain("owner--repo--Q8_0.gguf");
  });

  it("tells what the download tells if the hub can't be asked, or has no model there", async () => {
    const { options } = await prepare({ "readme.md": Buffer.from("no model") });
    await expect(ensureModel(reference, options)).rejects.toThrow(/has no \.gguf file that is a model/);
    await expect(ensureModel(resolveModel("hf:nobody/nothing", { models: [] }), options)).rejects.toThrow(
      /The model nobody\/nothing:Q4_K_M could not be downloaded/,
    );
  });

  it("asks nobody where a model is only looked for", async () => {
    const { modelsDir, hub } = await prepare(FILES);
    expect(await findModel(reference, modelsDir)).toBeUndefined();
    expect(hub.api.requests).toEqual([]);
  });

  it("leaves names with a quantization alone", async () => {
    const { reasons, options } = await prepare(FILES);
    const model = await ensureModel(resolveModel("hf:owner/repo:F16", { models: [] }), options);
    expect(model.id).toBe("owner/repo:F16");
    expect(reasons).toEqual([]);
  });
});
