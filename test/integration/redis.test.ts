import { describe, expect, test } from "vitest";
import { answerRepeats } from "../../src/cache/layer.ts";
import { createSecondLevel } from "../../src/cache/second-level/second-level.ts";
import { createAnswerStore } from "../../src/cache/store.ts";
import { compose } from "../../src/generation/layer.ts";
import { type Counters, createCounters } from "../../src/keys/counters.ts";
import { WINDOWS } from "../../src/keys/windows.ts";
import { createLink } from "../../src/redis/link.ts";
import { greedy, saying } from "../cache/support.ts";
import { collect } from "../fixtures/generation.ts";
import { until, untilStored, withRedis } from "../fixtures/redis-client.ts";
import { redisOfTests } from "../fixtures/redis-server.ts";

const TIMEOUT_MS = 250;
const [perMinute] = WINDOWS;
if (perMinute === undefined) throw new Error("There are no windows.");

const redis = redisOfTests();

/** The part of a gateway that counts limits, connected. */
async function gateway(url = redis().url) {
  const told: string[] = [];
  const tell = (_: unknown, text?: unknown) => void told.push(String(text ?? _));
  const link = createLink({
    url,
    timeoutMs: TIMEOUT_MS,
    pauseMs: 20,
    logger: { warn: tell, info: tell },
    meanwhile: "all goes on",
  });
  await link.open();
  const { add } = createCounters({ redis: link });
  return { link, add, told, [Symbol.dispose]: link.close };
}

const usedOf = async ({ add }: Counters, points: number, key = "a") => (await add(perMinute, key, points)).used;

describe("gateways that count the limits of keys in one Redis", () => {
  test("count together, and each alone while Redis is down", async () => {
    using one = await gateway();
    using other = await gateway();
    expect(await usedOf(one, 5)).toBe(5);
    expect(await usedOf(other, 3)).toBe(8);
    expect(await usedOf(one, 1, "b")).toBe(1);
    expect(await usedOf(other, -2)).toBe(6);
    await redis().kill();
    expect(await usedOf(one, 1)).toBe(1);
    expect(await usedOf(other, 2)).toBe(2);
    expect(await usedOf(other, 2)).toBe(4);
    await redis().restart();
    await until(() => one.link.isUp() && other.link.isUp());
    expect(await usedOf(one, 4)).toBe(4);
    expect(await usedOf(other, 4)).toBe(8);
    for (const { told } of [one, other])
      expect(told).toEqual([expect.stringContaining("can't be had"), "Redis is back"]);
  });

  test("lose no count, however many requests they count at once", async () => {
    using one = await gateway();
    using other = await gateway();
    const sent = Array.from({ length: 1_000 }, (_, index) => usedOf(index % 2 === 0 ? one : other, 1));
    expect((await Promise.all(sent)).toSorted((a, b) => a - b)).toEqual(sent.map((_, index) => index + 1));
    expect([...one.told, ...other.told]).toEqual([]);
  });

  test("have a window of a minute that begins with the first use, and add an end to a count without one", async () => {
    using one = await gateway();
    const beforeMs = Date.now();
    const { endsMs } = await one.add(perMinute, "a", 1);
    expect(endsMs).toBeGreaterThanOrEqual(beforeMs + 60_000 - TIMEOUT_MS);
    expect(endsMs).toBeLessThanOrEqual(Date.now() + 60_000);
    await withRedis(redis().url, async (client) => {
      await client.pExpire("sluice:rpm:a", 10_000);
      expect((await one.add(perMinute, "a", 1)).endsMs).toBeLessThanOrEqual(Date.now() + 10_000);
      await client.persist("sluice:rpm:a");
      expect((await one.add(perMinute, "a", 1)).used).toBe(3);
      expect(await client.pTTL("sluice:rpm:a")).toBeGreaterThan(10_000);
      await client.pExpire("sluice:rpm:a", 1);
      await until(async () => (await client.exists("sluice:rpm:a")) === 0);
    });
    expect(await usedOf(one, 2)).toBe(2);
  });

  test("wait once for a Redis that hangs, and use it again when it continues", async () => {
    using one = await gateway();
    redis().freeze(true);
    const startedMs = performance.now();
    for (let used = 1; used <= 50; used++) expect(await usedOf(one, 1)).toBe(used);
    // Less than if each of the fifty had waited.
    expect(performance.now() - startedMs).toBeLessThan(49 * TIMEOUT_MS);
    redis().freeze(false);
    await until(() => one.link.isUp());
    // The abandoned command is counted, since the server already had it.
    expect(await usedOf(one, 1)).toBe(2);
    expect(one.told).toEqual([expect.stringContaining("can't be had"), "Redis is back"]);
  });

  test("count separately when it refuses commands, and log it once", async () => {
    using one = await gateway();
    await withRedis(redis().url, async (client) => {
      await client.hSet("sluice:rpm:a", "not", "a number");
      await client.configSet({ maxmemory: "1", "maxmemory-policy": "noeviction" });
    });
    for (const key of ["a", "b"]) for (const used of [1, 2]) expect(await usedOf(one, 1, key)).toBe(used);
    expect(one.told).toEqual([expect.stringContaining("refuses")]);
    expect(one.link.isUp()).toBe(true);
  });

  test("need only the permissions that the documentation lists", async () => {
    const rules = ["on", ">secret", "~sluice:*", "+@read", "+@write", "+@scripting", "+@connection"];
    await withRedis(redis().url, (client) => client.sendCommand(["ACL", "SETUSER", "sluice", "reset", ...rules]));
    using one = await gateway(redis().url.replace("redis://", "redis://sluice:secret@"));
    using other = await gateway();
    expect(await usedOf(one, 2)).toBe(2);
    expect(await usedOf(other, 2)).toBe(4);
    const store = createAnswerStore({ maxBytes: 1_000_000, ttlMs: 60_000 });
    const shared = createSecondLevel({ link: one.link, followMs: 1_000, ttlMs: 60_000, store });
    const layer = answerRepeats({ store, identify: (model) => model, tiers: [shared.tier], leases: shared.leases });
    const run = compose([layer], () => ReadableStream.from(saying("Hello")));
    await collect(run(greedy()));
    await untilStored(redis().url, 1);
    await shared.settled();
    expect(await shared.clear({})).toEqual({ deleted: 1, isComplete: true });
    expect(one.told).toEqual([]);
  });

  test("work without a Redis that rejects their password, and never log it", async () => {
    await withRedis(redis().url, (client) => client.configSet("requirepass", "the right one"));
    const url = redis().url.replace("redis://", "redis://:a-wrong-password@");
    using one = await gateway(url);
    expect(await usedOf(one, 7)).toBe(7);
    expect(one.told).toEqual([expect.stringContaining("can't be had")]);
    expect(JSON.stringify(one.told)).not.toContain("a-wrong-password");
  });
});
