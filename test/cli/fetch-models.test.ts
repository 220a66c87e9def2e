import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fetchModel, fetchModels, fetchServed } from "../../src/cli/fetch-models.ts";
import { pull } from "../../src/cli/pull.ts";
import { GgufError, UnknownModelError } from "../../src/models/index.ts";
import { writeGguf } from "../models/support/gguf-writer.ts";
import { fakeContext, fakeOutput } from "./fake-context.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-fetch-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function options(signal = new AbortController().signal) {
  return { modelsDir: "models", cwd: folder, env: {}, stderr: fakeOutput(), signal };
}

describe("fetchModels", () => {
  it("looks all names up before it fetches the first", async () => {
    writeFileSync(join(folder, "bad.gguf"), "not a model");
    await expect(fetchModels(["./bad.gguf", "no-such-model"], options())).rejects.toThrow(UnknownModelError);
  });

  it("resolves paths from the working folder, and reports problems of a file", async () => {
    writeFileSync(join(folder, "bad.gguf"), "not a model");
    const fetching = fetchModels(["./bad.gguf"], options());
    await expect(fetching).rejects.toThrow(GgufError);
    await expect(fetching).rejects.toThrow(join(folder, "bad.gguf"));
  });

  it("throws a signal's reason, and downloads nothing after it", async () => {
    const controller = new AbortController();
    const reason = new Error("stopped");
    controller.abort(reason);
    const reference = { type: "local", id: "x", aliases: [], path: join(folder, "x.gguf") } as const;
    await expect(fetchModel(reference, options(controller.signal))).rejects.toBe(reason);
  });
});

describe("fetchServed", () => {
  it("warns if all downloaded models are to be served and there are none", async () => {
    const warnings: string[] = [];
    const settings = { model: [], onDemand: ["downloaded"], adapters: [] };
    const served = await fetchServed(settings, options(), (message) => void warnings.push(message));
    expect(served).toEqual({ models: [], onDemand: [] });
    expect(warnings).toEqual([expect.stringContaining(`no model is in ${join(folder, "models")}`)]);
  });

  it("finds the models on demand by name and in the models folder, each once, and none that is loaded anyway", async () => {
    mkdirSync(join(folder, "models"));
    for (const path of ["a.gguf", "models/b.gguf", "models/c.gguf"]) writeFileSync(join(folder, path), writeGguf());
    writeFileSync(join(folder, "models", "bad.gguf"), "not a model");
    const warnings: string[] = [];
    const { models, onDemand } = await fetchServed(
      { model: ["./models/b.gguf"], onDemand: ["./a.gguf", "./models/c.gguf", "downloaded"], adapters: [] },
      options(),
      (message) => void warnings.push(message),
    );
    expect(models.map(({ id }) => id)).toEqual(["b"]);
    expect(onDemand.map(({ id }) => id)).toEqual(["a", "c"]);
    expect(warnings).toEqual([expect.stringContaining(join(folder, "models", "bad.gguf"))]);
  });
});

describe("pull", () => {
  it("continues with the next model when one fails, and exits with 1", async () => {
    const context = fakeContext({ cwd: folder });
    writeFileSync(join(folder, "a.gguf"), "not a model");
    writeFileSync(join(folder, "b.gguf"), "");
    expect(await pull(["./a.gguf", "./b.gguf"], {}, context)).toBe(1);
    const lines = context.stderr.text().trimEnd().split("\n");
    expect(lines[0]).toContain(`error: ${join(folder, "a.gguf")}`);
    expect(lines[1]).toContain(`error: ${join(folder, "b.gguf")}`);
    expect(context.stdout.text()).toBe("");
    expect(context.process.eventNames()).toEqual([]);
  });

  it("refuses an unknown name before any download", async () => {
    await expect(pull(["./a.gguf", "no-such-model"], {}, fakeContext({ cwd: folder }))).rejects.toThrow(
      "no-such-model",
    );
  });
});
