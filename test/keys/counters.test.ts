import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { createCounters } from "../../src/keys/counters.ts";
import { closeRedis, connectRedis } from "../../src/keys/redis.ts";
import { WINDOWS } from "../../src/keys/windows.ts";
import { fakeRedis } from "./fake-redis.ts";
import { silent } from "./support.ts";

const [perMinute, perDay] = WINDOWS;
if (perMinute === undefined || perDay === undefined) throw new Error("There are no windows.");

async function connected(url: string) {
  const client = await connectRedis(url, silent);
  if (!client.isReady) await once(client, "ready");
  return { client, [Symbol.dispose]: () => closeRedis(client) };
}

describe("counters in memory", () => {
  it("count each key and each window apart, and take back", async () => {
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
});

describe("counters in Redis", () => {
  it("are shared by all gateways", async () => {
    await using redis = await fakeRedis();
    using first = await connected(redis.url);
    using second = await connected(redis.url);
    const [one, other] = [createCounters({ redis: first.client }), createCounters({ redis: second.client })];
    await one.add(perMinute, "a", 5);
    expect((await other.add(perMinute, "a", 3)).used).toBe(8);
    expect([...redis.counts.keys()]).toEqual(["sluice:rpm:a"]);
  });

  it("that answer too late are given up, and left alone for a while", async () => {
    await using redis = await fakeRedis();
    using connection = await connected(redis.url);
    const clock = { ms: 0 };
    const { add } = createCounters({ redis: connection.client, timeoutMs: 200, now: () => clock.ms });
    await add(perMinute, "a", 5);
    redis.mute(true);
    expect((await add(perMinute, "a", 1)).used).toBe(1);
    expect((await add(perMinute, "a", 1)).used).toBe(2);
    redis.mute(false);
    expect((await add(perMinute, "a", 1)).used).toBe(3);
    clock.ms += 2_000;
    // The one that was given up had been counted all the same.
    expect((await add(perMinute, "a", 1)).used).toBe(7);
  });

  it("that are not there don't keep anybody from counting", async () => {
    const client = await connectRedis("redis://127.0.0.1:1", silent);
    const { add } = createCounters({ redis: client });
    expect((await add(perMinute, "a", 4)).used).toBe(4);
    expect((await add(perMinute, "a", 4)).used).toBe(8);
    closeRedis(client);
  });
});
