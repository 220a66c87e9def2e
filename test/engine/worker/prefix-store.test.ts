import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PrefixStore } from "../../../src/engine/worker/prefix-store.ts";

const range = (length: number, from = 0) => Array.from({ length }, (_, index) => from + index);
const prefix = (tokens: number[]) => ({
  tokens,
  promptTokens: tokens.length,
  exactTokens: tokens.length,
  headTokens: 0,
});

function setUp(maxBytes: number) {
  const files = new Set<string>();
  let count = 0;
  const store = new PrefixStore({ newPath: () => String(count++), remove: (path) => files.delete(path) }, maxBytes);
  const save = async (path: string, sizeBytes: number) => {
    files.add(path);
    return sizeBytes;
  };
  return { store, files, save };
}

describe("the prefix store", () => {
  test("never exceeds its limit in bytes, and leaves no unknown file", async () => {
    const step = fc.record({
      from: fc.nat(3),
      length: fc.integer({ min: 1, max: 300 }),
      sizeBytes: fc.integer({ min: 1, max: 60 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const { store, files, save } = setUp(100);
        for (const { from, length, sizeBytes } of steps) {
          await store.store(prefix(range(length, from * 1000)), (path) => save(path, sizeBytes));
          expect(store.bytes).toBeLessThanOrEqual(100);
          expect(store.bytes).toBe(store.list().reduce((sum, entry) => sum + entry.sizeBytes, 0));
          expect(new Set(store.list().map((entry) => entry.path))).toEqual(files);
        }
      }),
    );
  });

  test("removes a conversation's earlier state when it stores a later one", async () => {
    const { store, save } = setUp(1000);
    await store.store(prefix(range(100)), (path) => save(path, 10));
    await store.store(prefix(range(150)), (path) => save(path, 15));
    expect(store.list().map(({ tokens }) => tokens.length)).toEqual([150]);
  });

  test("stores no prefix twice, and none that is faster to evaluate than to load", async () => {
    const { store, save } = setUp(1000);
    await store.store(prefix(range(150)), (path) => save(path, 15));
    await store.store(prefix(range(100)), (path) => save(path, 10));
    await store.store(prefix(range(20, 500)), (path) => save(path, 2));
    expect(store.list()).toHaveLength(1);
  });

  test("removes the least recently used entry", async () => {
    const { store, save } = setUp(25);
    await store.store(prefix(range(100, 0)), (path) => save(path, 10));
    await store.store(prefix(range(100, 1000)), (path) => save(path, 10));
    const first = store.list()[0];
    if (first !== undefined) store.touch(first);
    await store.store(prefix(range(100, 2000)), (path) => save(path, 10));
    expect(store.list().map(({ tokens }) => tokens[0])).toEqual([0, 2000]);
  });

  test("keeps working if the disk is full", async () => {
    const { store, files } = setUp(1000);
    await store.store(prefix(range(100)), async (path) => {
      files.add(path);
      throw new Error("ENOSPC");
    });
    expect(store.list()).toEqual([]);
    expect(files.size).toBe(0);
  });

  test("stores nothing with a limit of 0", async () => {
    const { store, save } = setUp(0);
    await store.store(prefix(range(100)), (path) => save(path, 10));
    expect(store.list()).toEqual([]);
  });
});
