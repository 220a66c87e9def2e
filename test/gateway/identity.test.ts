import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createResponseCache } from "../../src/cache/cache.ts";
import { identifyFile, identityOf, type ModelIdentity } from "../../src/gateway/identity.ts";
import { compose } from "../../src/generation/layer.ts";
import { greedy, NOT_SHARED, saying } from "../cache/support.ts";
import { collect } from "../fixtures/generation.ts";

const IDENTITY: ModelIdentity = {
  file: { path: "/models/one.gguf", sizeBytes: 100, modifiedMs: 5 },
  chatTemplate: "{{ messages }}",
  contextTokens: 4_096,
  settings: { flashAttention: "auto", gpu: "off" },
  version: "1.0.0",
};

describe("identityOf", () => {
  it("changes with the file, its adapter, its template, the context, the settings and the version", () => {
    const { file } = IDENTITY;
    const changed: ModelIdentity[] = [
      { ...IDENTITY, file: { ...file, path: "/models/two.gguf" } },
      { ...IDENTITY, file: { ...file, sizeBytes: 101 } },
      { ...IDENTITY, file: { ...file, modifiedMs: 6 } },
      { ...IDENTITY, file: { ...file, sha256: "a".repeat(64) } },
      { ...IDENTITY, chatTemplate: "{{ messages[0] }}" },
      { ...IDENTITY, chatTemplate: undefined },
      { ...IDENTITY, contextTokens: 2_048 },
      { ...IDENTITY, settings: { ...IDENTITY.settings, flashAttention: "off" } },
      { ...IDENTITY, version: "1.0.1" },
      { ...IDENTITY, adapter: { path: "/a.gguf", sizeBytes: 1, modifiedMs: 1 } },
      { ...IDENTITY, adapter: { path: "/b.gguf", sizeBytes: 1, modifiedMs: 1 } },
      { ...IDENTITY, adapter: { path: "/a.gguf", sizeBytes: 2, modifiedMs: 1 } },
      { ...IDENTITY, adapter: { path: "/a.gguf", sizeBytes: 1, modifiedMs: 2 } },
    ];
    expect(new Set([IDENTITY, ...changed].map(identityOf)).size).toBe(1 + changed.length);
  });

  it("is that of the file's hash where it is known, wherever the file lies", () => {
    const here = { ...IDENTITY.file, sha256: "a".repeat(64) };
    const there = { ...here, path: "/elsewhere/one.gguf", modifiedMs: 9 };
    expect(identityOf({ ...IDENTITY, file: here })).toBe(identityOf({ ...IDENTITY, file: there }));
  });
});

describe("a model with an adapter", () => {
  it("has another identity when it is loaded with another file in the adapter's place, and none without one", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sluice-identity-"));
    const [path, adapterPath] = [join(folder, "one.gguf"), join(folder, "adapter.gguf")];
    await writeFile(path, "weights");
    await writeFile(adapterPath, "a");
    let info = { contextTokens: 4096 };
    const identify = identifyFile({
      ...{ file: { path, sizeBytes: 8 }, adapterPath, settings: {}, version: "1" },
      info: () => info,
    });
    const first = identify();
    await writeFile(adapterPath, "another");
    expect(identify()).toBe(first);
    info = { ...info };
    const second = identify();
    expect([typeof first, typeof second]).toEqual(["string", "string"]);
    expect(second).not.toBe(first);
    await rm(adapterPath);
    info = { ...info };
    expect(identify()).toBeUndefined();
    await rm(folder, { recursive: true });
  });
});

describe("a model whose file is another when its engine comes back", () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-identity-"));
  });

  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  it.each([{}, { sha256: "a".repeat(64) }])("has none of its answers, with %j known", async (known) => {
    const path = join(folder, "one.gguf");
    await writeFile(path, "weights");
    let info: { readonly contextTokens: number } | undefined;
    const identify = identifyFile({
      file: { path, sizeBytes: 7, ...known },
      info: () => info,
      settings: { flashAttention: "auto", gpu: "off", prefillChunk: 64 },
      version: "1",
    });
    const { layers } = createResponseCache({
      config: {
        cacheBytes: 1_000_000,
        cacheTtlSeconds: 60,
        cacheFile: "",
        ...NOT_SHARED,
      },
      identify,
      logger: { warn: () => {}, info: () => {} },
    });
    let generated = 0;
    const generate = compose(layers, async function* () {
      generated += 1;
      yield* saying("Hi");
    });
    const askTwice = async () => {
      for (let count = 0; count < 2; count++) await collect(generate(greedy()));
      return generated;
    };
    const load = () => {
      info = { contextTokens: 4096 };
    };

    // Nothing is known of it as long as it loads.
    expect(await askTwice()).toBe(2);
    load();
    expect(await askTwice()).toBe(3);
    load();
    expect(await askTwice()).toBe(3);
    await utimes(path, 1, 1);
    expect(await askTwice()).toBe(3);
    load();
    expect(await askTwice()).toBe(4);
    // Its hash is still that of another file.
    load();
    expect(await askTwice()).toBe(4);
  });
});
