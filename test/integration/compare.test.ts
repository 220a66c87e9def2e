import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { cp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { findDevice } from "../../src/cli/compare/device.ts";
import { toJson } from "../../src/cli/compare/json.ts";
import { makeVariant } from "../../src/cli/compare/quantizations.ts";
import { findModel, type LocalModel, resolveModel } from "../../src/models/index.ts";
import type { Report } from "../../src/store/comparison-report.ts";
import { openKeyState } from "../../src/store/state.ts";

const folder = mkdtempSync(join(tmpdir(), "sluice-compare-test-"));
const stateFile = join(folder, "state.db");
const model = join(folder, "tiny-Q4_1.gguf");
/** What is there while a variant is made, and must not be there after. */
const leftovers = () =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => /quantizing/.test(name));

function kept(): Report {
  const state = openKeyState(stateFile);
  try {
    const report = state.comparisons.latest();
    if (report === undefined) throw new Error("No comparison was kept.");
    return report;
  } finally {
    state.close();
  }
}

/** One thread: two would wait for each other's turns where other programs run. */
const QUICKLY = ["--threads", "1", "--gpu", "off", "--contexts", "32", "--repeats", "1", "--tokens", "1024"];

async function compare(...words: readonly string[]) {
  const args = ["src/main.ts", "compare", "--models-dir", folder, "--state-file", stateFile, ...words];
  try {
    return { exitCode: 0, ...(await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 24 })) };
  } catch (error) {
    if (error instanceof Error && "code" in error && "stdout" in error && "stderr" in error) {
      return { exitCode: error.code, stdout: String(error.stdout), stderr: String(error.stderr) };
    }
    throw error;
  }
}

async function local(path: string): Promise<LocalModel> {
  const found = await findModel(resolveModel(path, { models: [] }), folder);
  if (found === undefined) throw new Error(`${path} is not there.`);
  return found;
}

beforeAll(() => cp(inject("modelPath"), model));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("sluice compare, on the real model", () => {
  let report: Report;

  test("makes quantizations of a model, measures all, and says which to take", async () => {
    const svg = join(folder, "picture.svg");
    const { stdout, stderr, exitCode } = await compare(
      model,
      "--quantize",
      "Q8_0,Q2_K",
      "--json",
      "--svg",
      svg,
      ...QUICKLY,
    );
    expect(stderr).toContain("is quantized already (Q4_1)");
    expect(exitCode).toBe(0);
    report = kept();
    expect(JSON.parse(stdout)).toEqual(toJson(report));
    expect(JSON.parse(stdout)).toMatchObject({
      is_quiet: report.isQuiet,
      models: [{ size_bytes: expect.any(Number) }, {}, {}],
    });
    expect(stderr).toMatch(/All of it takes about .*--repeats, --contexts and --tokens/);
    const [own, large, small] = report.models;
    expect(report.models.map(({ id }) => id)).toEqual(["tiny-Q4_1", "tiny-Q8_0-from-Q4_1", "tiny-Q2_K-from-Q4_1"]);
    expect(report.reference).toBe("tiny-Q8_0-from-Q4_1");
    expect(large?.quantization).toBe("Q8_0");
    expect(large?.bitsPerWeight).toBeCloseTo(8.5, 1);
    expect(own?.bitsPerWeight).toBeCloseTo(5.74, 1);
    expect(small?.sizeBytes).toBeLessThan(own?.sizeBytes ?? 0);
    // Its rows of 576 don't fill blocks of 256.
    expect(small?.notes.join(" ")).toMatch(/180 of 272 tensors are in a larger type/);
    for (const { points, loadMs, memoryBytes } of report.models) {
      expect(points).toMatchObject([{ tokens: 32 }]);
      expect(points[0]?.decode.value).toBeGreaterThan(0);
      expect(loadMs).toBeGreaterThan(0);
      expect(memoryBytes).toBeGreaterThan(50e6);
    }
  });

  test("finds the 8 bits made of 4 nearly the same, and the 2 bits further off, by each measure", () => {
    const [own, large, small] = report.models.map(({ quality }) => quality);
    expect(large?.divergence?.value).toBe(0);
    expect(own?.divergence?.value).toBeGreaterThan(0);
    expect(own?.divergence?.value).toBeLessThan(0.02);
    expect(small?.divergence?.low).toBeGreaterThan(10 * (own?.divergence?.high ?? Number.NaN));
    expect(own?.agreement?.value).toBeGreaterThan(0.9);
    expect(small?.agreement?.high).toBeLessThan(own?.agreement?.low ?? 0);
    expect(small?.rise.low).toBeGreaterThan(0.1);
    expect(Math.abs((own?.perplexity.value ?? 0) / (large?.perplexity.value ?? 1) - 1)).toBeLessThan(0.05);
    expect(report.text.scored).toBe(2 * 255);
    // So few tokens may not tell which of the two others to take.
    expect(report.verdict.take).not.toBe("tiny-Q2_K-from-Q4_1");
    expect(report.verdict.sentence).not.toContain("Q2_K");
  });

  test("leaves nothing unfinished, keeps the result, and shows it again", async () => {
    expect(leftovers()).toEqual([]);
    const again = await compare("--last", "--json");
    expect(JSON.parse(again.stdout)).toEqual(toJson(report));
    const table = await compare("--last");
    expect(table.stdout).toMatch(/^tiny-Q2_K-from-Q4_1 /m);
    expect(table.stdout.trimEnd().endsWith(report.verdict.sentence.slice(1))).toBe(true);
  });

  test("finds a quantization that is there already, and doesn't make it again", async () => {
    const device = await findDevice({ gpu: "off", threads: 1 });
    const shares: number[] = [];
    const onProgress = (share: number) => void shares.push(share);
    const options = { modelsDir: folder, device, signal: new AbortController().signal, onProgress };
    const { model: found } = await makeVariant(await local(model), "Q8_0", options);
    expect(found.gguf.quantization).toBe("Q8_0");
    expect(shares).toEqual([]);
  });

  test("tells before it begins that a disk is too full, and what would be needed", async () => {
    const device = await findDevice({ gpu: "off", threads: 1 });
    const options = { modelsDir: folder, device, signal: new AbortController().signal, onProgress: () => {} };
    await expect(makeVariant(await local(model), "Q6_K", { ...options, freeBytes: async () => 100e6 })).rejects.toThrow(
      /too full for tiny-Q6_K-from-Q4_1\.gguf: it needs 194 MiB and 128 MiB to spare, and 95\.4 MiB are free/,
    );
    expect(leftovers()).toEqual([]);
  });

  test("leaves nothing behind if it is stopped while it quantizes", async () => {
    const device = await findDevice({ gpu: "off", threads: 1 });
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error("stopped"));
    await expect(
      makeVariant(await local(model), "Q6_K", { modelsDir: folder, device, signal: controller.signal, onProgress }),
    ).rejects.toThrow("stopped");
    expect(leftovers()).toEqual([]);
    expect(readdirSync(folder)).not.toContain("tiny-Q6_K-from-Q4_1.gguf");
  });

  test("ends with 130 at Ctrl-C, and its measuring process with it", async () => {
    const args = [
      "src/main.ts",
      "compare",
      model,
      "--models-dir",
      folder,
      "--state-file",
      stateFile,
      "--repeats",
      "100",
    ];
    const child = spawn(process.execPath, [...args, "--threads", "1"], { stdio: ["ignore", "pipe", "pipe"] });
    await once(child.stderr, "data");
    let stderr = "";
    child.stderr.on("data", (chunk) => {
      stderr += String(chunk);
    });
    child.kill("SIGINT");
    // The pipes close only when no process holds them any more.
    const [exitCode] = await once(child, "close");
    expect(exitCode).toBe(130);
    expect(stderr).toContain("no figures of this comparison were kept");
  });

  test.each([
    ["a quantization that isn't one", [model, "--quantize", "Q9"], 2, /"Q9" is none that can be made/],
    ["a file that isn't a model", [join(folder, "notes.gguf")], 1, /notes\.gguf is not a GGUF file/],
    ["a model that isn't here", ["gemma-3-1b-it"], 4, /is not in .*pull/],
    ["a text that isn't there", [model, "--text", join(folder, "no.txt")], 2, /--text: .*no\.txt can't be read/],
    ["a picture that can't be written", [model, "--svg", join(folder, "no", "x.svg")], 2, /--svg: .*can't be written/],
    ["a name that was not pulled", ["hf:foo/bar:Q4_K_M"], 4, /is not in .*pull/],
    ["a state file that can't be used", [model, "--state-file", join(model, "state.db")], 1, /state/],
    ["no model at all", [], 2, /Name the models to compare/],
  ])("refuses %s, and says what to do", async (_, words, exitCode, message) => {
    writeFileSync(join(folder, "notes.gguf"), "These are notes and no model.");
    const result = await compare(...words);
    expect(result.stderr).toMatch(message);
    expect(result.exitCode).toBe(exitCode);
  });
});
