import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createResponseCache, type ResponseCacheOptions } from "../../src/cache/cache.ts";
import { readAnswers, writeAnswers } from "../../src/cache/file.ts";
import { createAnswerStore, type StoredEntry } from "../../src/cache/store.ts";
import { NOT_SHARED, saying } from "./support.ts";

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-answers-"));
  path = join(folder, "deep", "answers");
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

const TTL_MS = 1_000_000;

function createStore(now: () => number = () => 5_000) {
  return createAnswerStore({ maxBytes: 1_000_000, ttlMs: TTL_MS, now, random: () => 0 });
}

function filledStore(...keys: readonly string[]) {
  const store = createStore();
  for (const key of keys) {
    const events = saying(`${key} \u2028 é\n`).map((event) => ({ event, afterMs: 1 }));
    store.put(key, events, { model: "one", scope: "tenant:a", ...(key === "b" && { preset: "p" }) });
  }
  return store;
}

async function all(from: string): Promise<StoredEntry[]> {
  const entries: StoredEntry[] = [];
  for await (const entry of readAnswers(from, 1_000_000)) entries.push(entry);
  return entries;
}

describe("a file of answers", () => {
  it("returns what was written, in the order of last use, and only its owner can read it", async () => {
    const store = filledStore("a", "b", "c");
    store.get("a");
    await writeAnswers(path, store.entries());
    const again = createStore();
    for (const entry of await all(path)) again.restore(entry);
    expect([...again.entries()]).toEqual([...store.entries()]);
    expect([...again.entries()].map(({ key }) => key)).toEqual(["b", "c", "a"]);
    expect(again.get("b")?.events()).toEqual(store.get("b")?.events());
    expect((await stat(path)).mode & 0o077).toBe(0);
    expect(await readdir(join(folder, "deep"))).toEqual(["answers"]);
  });

  it("returns nothing that is too old or from the future", async () => {
    await writeAnswers(path, filledStore("a").entries());
    for (const [ms, count] of [
      [5_000 + 2 * TTL_MS, 0],
      [4_999, 0],
      [5_000 + 2 * TTL_MS - 1, 1],
    ] as const) {
      const store = createStore(() => ms);
      for (const entry of await all(path)) store.restore(entry);
      expect(store.size().entries).toBe(count);
    }
  });

  it("returns no wrong answer wherever it is damaged or cut off", async () => {
    const store = filledStore("a", "b", "c");
    await writeAnswers(path, store.entries());
    const whole = await all(path);
    const bytes = await readFile(path);
    const damaged = join(folder, "damaged");
    await fc.assert(
      fc.asyncProperty(
        fc.nat(bytes.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.boolean(),
        async (at, bits, isCut) => {
          const changed = Buffer.from(isCut ? bytes.subarray(0, at) : bytes);
          if (!isCut) changed[at] = (changed[at] ?? 0) ^ bits;
          await writeFile(damaged, changed);
          const read = await all(damaged);
          expect(read).toEqual(whole.slice(0, read.length));
          expect(read.length).toBeLessThan(whole.length);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("stays unchanged if a new one can't be written", async () => {
    await writeAnswers(path, filledStore("a").entries());
    function* failing(): Generator<StoredEntry> {
      yield* filledStore("b").entries();
      throw new Error("The disk is full.");
    }
    await expect(writeAnswers(path, failing())).rejects.toThrow("The disk is full.");
    expect((await all(path)).map(({ key }) => key)).toEqual(["a"]);
    expect(await readdir(join(folder, "deep"))).toEqual(["answers"]);
  });
});

describe("the response cache's file", () => {
  function createCache(cacheFile: string, warnings: string[] = []) {
    const config = {
      ...{
        cacheBytes: 1_000_000,
        cacheTtlSeconds: 60,
        cacheFile,
        ...NOT_SHARED,
      },
    };
    const options: ResponseCacheOptions = {
      ...{ config, identify: () => undefined },
      logger: { warn: (_: unknown, message?: unknown) => void warnings.push(String(message)), info: () => {} },
    };
    return createResponseCache(options);
  }

  it("keeps answers across a restart", async () => {
    const store = createStore(Date.now);
    store.put("a", [], { model: "one", scope: "public" });
    await writeAnswers(path, store.entries());
    for (let restarts = 0; restarts < 2; restarts++) {
      const cache = createCache(path);
      await cache.load();
      expect(cache.control?.stats().entries).toBe(1);
      await cache.save();
    }
  });

  it("doesn't stop the gateway if it can't be used", async () => {
    const warnings: string[] = [];
    await mkdir(path, { recursive: true });
    const cache = createCache(path, warnings);
    await cache.load();
    await cache.save();
    expect(warnings).toEqual([expect.stringContaining("can't be read"), expect.stringContaining("can't be written")]);
  });
});
