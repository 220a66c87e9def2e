import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keepInFlight } from "../../src/items/in-flight.ts";

const ANY_SIZE = { sizeOf: () => 1, maxSize: Number.POSITIVE_INFINITY };

async function* from<T>(values: readonly T[]): AsyncGenerator<T> {
  yield* values;
}

describe("inputs in flight", () => {
  it("give each its result once, in order where that is asked for, with no more of them held than may be", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 30 }),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 6 }),
        fc.boolean(),
        fc.array(fc.nat(3), { minLength: 1, maxLength: 5 }),
        async (delays, limit, maxSize, isOrdered, pauses) => {
          let working = 0;
          let most = 0;
          const pump = keepInFlight(
            from(delays.map((delay, index) => ({ delay, index }))),
            async ({ delay, index }) => {
              working += 1;
              most = Math.max(most, working, pump.held());
              for (let turn = 0; turn < delay; turn++) await Promise.resolve();
              working -= 1;
              return index;
            },
            { limit, isOrdered, sizeOf: () => 1, maxSize },
          );
          const results: number[] = [];
          for await (const result of pump.results) {
            results.push(result);
            const pause = pauses[results.length % pauses.length] ?? 0;
            for (let turn = 0; turn < pause; turn++) await Promise.resolve();
          }
          const all = delays.map((_, index) => index);
          expect(isOrdered ? results : results.toSorted((a, b) => a - b)).toEqual(all);
          expect(most).toBeLessThanOrEqual(limit);
        },
      ),
    );
  });

  it("take nothing more while results are not taken", async () => {
    let taken = 0;
    async function* endless(): AsyncGenerator<number> {
      for (;;) yield taken++;
    }
    const { results } = keepInFlight(endless(), async (value) => value, { limit: 3, isOrdered: false, ...ANY_SIZE });
    await results.next();
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
    expect(taken).toBeLessThanOrEqual(5);
    await results.return();
  });

  it("take nothing more while results are not taken that are large together, and go on when they are", async () => {
    let taken = 0;
    async function* endless(): AsyncGenerator<number> {
      for (;;) yield taken++;
    }
    const sizes = { sizeOf: () => 10, maxSize: 25 };
    const { results } = keepInFlight(endless(), async (value) => value, { limit: 100, isOrdered: true, ...sizes });
    await results.next();
    for (let turn = 0; turn < 200; turn++) await Promise.resolve();
    const held = taken;
    expect(held).toBeLessThanOrEqual(6);
    for (let n = 0; n < 20; n++) expect((await results.next()).value).toBe(n + 1);
    expect(taken).toBeGreaterThan(held);
    await results.return();
  });

  it("tell of a failed input after the results of all before it", async () => {
    async function* failing(): AsyncGenerator<number> {
      yield 1;
      yield 2;
      throw new Error("cut");
    }
    const { results } = keepInFlight(failing(), async (value) => value, { limit: 8, isOrdered: false, ...ANY_SIZE });
    const seen: number[] = [];
    const read = async () => {
      for await (const value of results) seen.push(value);
    };
    await expect(read()).rejects.toThrow("cut");
    expect(seen).toEqual([1, 2]);
  });
});
