import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Count, createCounters } from "../../src/keys/counters.ts";
import { WINDOWS } from "../../src/keys/windows.ts";
import { createLink, type LinkOptions } from "../../src/redis/link.ts";
import { fakeRedis } from "../redis/fake-redis.ts";
import { silent } from "./support.ts";

const [perMinute, perDay] = WINDOWS;
if (perMinute === undefined || perDay === undefined) throw new Error("There are no windows.");

async function connected(url: string, logger: LinkOptions["logger"] = silent) {
  const link = createLink({ url, timeoutMs: 200, pauseMs: 1, logger, meanwhile: "" });
  await link.open();
  return { ...link, [Symbol.dispose]: link.close };
}

describe("counters in memory", () => {
  it("count each key and each window separately, and take back", async () => {
    const { add } = createCounters({ now: () => 1_000 });
    await add(perMinute, "a", 5);
    await add(perMinute, "b", 1);
    await add(perDay, "a", 7);
    const count = await add(perMinute, "a", -2);
    expect(count.used).toBe(3);
    expect(count.endsMs).toBeGreaterThan(60_000);
    expect(count.endsMs).toBeLessThanOrEqual(61_000);
    expect((await add(perDay, "a", 0)).used).toBe(7);
  });

  it("start again when a window has ended, and are never negative", async () => {
    const clock = { ms: 1_000 };
    const { add } = createCounters({ now: () => clock.ms });
    expect(await add(perMinute, "a", 5)).toEqual({ used: 5, endsMs: 61_000 });
    clock.ms = 60_999;
    expect(await add(perMinute, "a", 1)).toEqual({ used: 6, endsMs: 61_000 });
    clock.ms = 61_000;
    expect(await add(perMinute, "a", -3)).toEqual({ used: 0, endsMs: 121_000 });
    expect(await add(perMinute, "a", 4)).toEqual({ used: 1, endsMs: 121_000 });
  });

  it("forget no running window, however many keys there are", async () => {
    const KEYS = 1_500;
    const steps = fc.array(
      fc.record({
        key: fc.integer({ min: 0, max: 2 * KEYS }),
        points: fc.integer({ min: 1, max: 100 }),
        ms: fc.integer({ min: 0, max: 20_000 }),
      }),
      { minLength: 100, maxLength: 200 },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (steps) => {
        const clock = { ms: 0 };
        const { add } = createCounters({ now: () => clock.ms });
        const expected = new Map<number, Count>();
        const expectCount = async (key: number, points: number) => {
          const before = expected.get(key);
          const isOver = before === undefined || before.endsMs <= clock.ms;
          const count = isOver
            ? { used: points, endsMs: clock.ms + 60_000 }
            : { ...before, used: before.used + points };
          expected.set(key, count);
          expect(await add(perMinute, String(key), points)).toEqual(count);
        };
        for (let key = 0; key < KEYS; key++) await expectCount(key, 1);
        for (const { key, points, ms } of steps) {
          clock.ms += ms;
          await expectCount(key, points);
        }
        for (let key = KEYS; key < 3 * KEYS; key++) await expectCount(key, 1);
        for (const key of expected.keys()) await expectCount(key, 1);
      }),
      { numRuns: 10 },
    );
  });
});

describe("counters in Redis", () => {
  it("are shared by all gateways", async () => {
    await using redis = await fakeRedis();
    using first = await connected(redis.url);
    using second = await connected(redis.url);
    const [one, other] = [createCounters({ redis: first }), createCounters({ redis: second })];
    await one.add(perMinute, "a", 5);
    expect((await other.add(perMinute, "a", 3)).used).toBe(8);
    expect([...redis.counts.keys()]).toEqual(["sluice:rpm:a"]);
  });

  it("that reply too late are skipped until they reply again", async () => {
    await using redis = await fakeRedis();
    const back = Promise.withResolvers<void>();
    using link = await connected(redis.url, { warn: () => {}, info: () => back.resolve() });
    const { add } = createCounters({ redis: link });
    await add(perMinute, "a", 5);
    redis.mute(true);
    expect((await add(perMinute, "a", 1)).used).toBe(1);
    expect((await add(perMinute, "a", 1)).used).toBe(2);
    redis.mute(false);
    await back.promise;
    // The one that was given up had been counted all the same.
    expect((await add(perMinute, "a", 1)).used).toBe(7);
  });

  it("that are unreachable are replaced by counts in memory", async () => {
    using link = await connected("redis://127.0.0.1:1");
    const { add } = createCounters({ redis: link });
    expect((await add(perMinute, "a", 4)).used).toBe(4);
    expect((await add(perMinute, "a", 4)).used).toBe(8);
  });
});
