import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { configSchema } from "../../src/config/schema.ts";
import { createLibrary } from "../../src/gateway/library.ts";
import type { LocalModel } from "../../src/models/index.ts";
import { createModelDirectory } from "../../src/routing/directory.ts";
import { LibraryError } from "../../src/routing/library.ts";
import { MODEL } from "../cli/doctor/support.ts";
import { servedModel } from "../fixtures/served-model.ts";
import { writeGguf } from "../models/support/gguf-writer.ts";
import { startHub } from "../models/support/hub.ts";
import { tempDir } from "../models/support/temp-dir.ts";

const NAME = "hf:owner/repo:Q8_0";
const FILE = "owner--repo--Q8_0.gguf";

async function createTestLibrary(given: readonly LocalModel[] = []) {
  const modelsDir = await tempDir();
  const { env } = await startHub({ "tiny-Q8_0.gguf": writeGguf() });
  const directory = createModelDirectory([]);
  const closed: string[] = [];
  const library = createLibrary({
    ...{ modelsDir, env, given: () => given, directory, config: () => configSchema.parse({}) },
    memory: { budgetBytes: 8 * 1024 ** 3, heldBytes: 1024, pinnedBytes: 0 },
    forget: async () => {},
    async serve({ id, aliases }) {
      directory.add(servedModel({ id, aliases, close: async () => void closed.push(id) }));
    },
  });
  const phases: string[] = [];
  const choices: string[] = [];
  const pull = (name: string, signal = new AbortController().signal) =>
    library.pull(name, {
      ...{ signal, onProgress: ({ phase }) => void phases.push(phase) },
      onChoice: (why) => void choices.push(why),
    });
  const files = async () => (await readdir(modelsDir)).filter((name) => name.endsWith(".gguf"));
  return { library, pull, phases, choices, directory, closed, modelsDir, files };
}

const faultOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "none",
    (error: unknown) => (error instanceof LibraryError ? error.fault : String(error)),
  );

describe("the models folder of a gateway", () => {
  it("takes a model from the hub, by Ollama's name for it too, and serves it", async () => {
    const { pull, phases, directory, files } = await createTestLibrary();
    const { id, isNew } = await pull("hf.co/owner/repo:Q8_0");
    expect([isNew, await files()]).toEqual([true, [FILE]]);
    expect(phases).toContain("downloading");
    expect(directory.resolve(id).id).toBe(id);
    expect(await pull(NAME)).toEqual({ id, isNew: false });
  });

  it("chooses a quantization by the memory that models may take, says why, and serves it by the short name too", async () => {
    const { library, pull, choices, directory, files } = await createTestLibrary();
    const { id } = await pull("hf:owner/repo");
    expect(choices).toEqual([expect.stringMatching(/^Q8_0 .* fits into the 8\.0 GiB of memory/)]);
    expect(await files()).toEqual([FILE]);
    expect(directory.resolve("hf:owner/repo").id).toBe(id);
    await library.remove("hf:owner/repo");
    expect(await files()).toEqual([]);
  });

  it("lists the catalogue and its own files, with what each needs and whether it is served", async () => {
    const { library, pull, modelsDir } = await createTestLibrary();
    const { id } = await pull(NAME);
    await writeFile(join(modelsDir, "broken.gguf"), "no model");
    const { entries, unusable, freeDiskBytes, memory } = await library.list();
    const [first] = entries;
    expect(first).toMatchObject({ name: "smollm2-135m-instruct", isDownloaded: false, isGiven: false });
    expect(first?.about?.license).toBe("Apache-2.0");
    expect(entries.at(-1)).toMatchObject({ name: id, isDownloaded: true, servedAs: id, isGiven: false });
    expect(entries.every(({ memoryBytes = 0, sizeBytes = 0 }) => memoryBytes > sizeBytes)).toBe(true);
    expect(unusable).toEqual([{ file: "broken.gguf", reason: expect.any(String) }]);
    expect(freeDiskBytes).toBeGreaterThan(0);
    expect(memory.budgetBytes).toBe(8 * 1024 ** 3);
  });

  it("ends a model that was pulled and removes its file", async () => {
    const { library, pull, directory, closed, files } = await createTestLibrary();
    const { id } = await pull(NAME);
    await library.remove(NAME);
    expect([closed, await files(), directory.list()]).toEqual([[id], [], []]);
    expect(await faultOf(library.remove(NAME))).toBe("unknown");
  });

  it("knows a model that it has pulled by the name in the lists, with its tag too", async () => {
    const { library, pull, files } = await createTestLibrary();
    const { id } = await pull(NAME);
    expect(await pull(id)).toEqual({ id, isNew: false });
    await library.remove(id.toUpperCase());
    expect(await files()).toEqual([]);
  });

  it("keeps what the gateway was started with", async () => {
    const first = await createTestLibrary();
    const { id } = await first.pull(NAME);
    const given = { ...MODEL, id, aliases: [], path: FILE };
    const { library, modelsDir, files } = await createTestLibrary([given]);
    await writeFile(join(modelsDir, FILE), writeGguf());
    expect(await faultOf(library.remove(NAME))).toBe("refused");
    expect(await files()).toEqual([FILE]);
  });

  it.each([
    "nobody",
    "",
    "./model.gguf",
    "/etc/passwd",
    "~/x.gguf",
    "https://example.com/m.gguf",
    "http://127.0.0.1:1/m.gguf",
    "hf:x",
  ])("knows no %j", async (name) => {
    const { library, pull, files } = await createTestLibrary();
    expect(await faultOf(pull(name))).toBe("unknown");
    expect(await faultOf(library.remove(name))).toBe("unknown");
    expect(await files()).toEqual([]);
  });

  it("says why a model can't be had", async () => {
    const { pull } = await createTestLibrary();
    expect(await faultOf(pull("hf:owner/other:Q8_0"))).toBe("failed");
  });

  it("pulls two at once, and no more", async () => {
    const { pull } = await createTestLibrary();
    const all = await Promise.all([pull(NAME), pull(NAME), pull(NAME)].map(faultOf));
    expect(all.toSorted()).toEqual(["busy", "none", "none"]);
    expect(await faultOf(pull(NAME))).toBe("none");
  });

  it("stops where nobody waits", async () => {
    const { pull, files } = await createTestLibrary();
    expect(await faultOf(pull(NAME, AbortSignal.abort("left")))).toBe("left");
    expect(await files()).toEqual([]);
  });
});
