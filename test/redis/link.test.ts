import { describe, expect, it } from "vitest";
import { createLink } from "../../src/redis/link.ts";
import { fakeRedis } from "./fake-redis.ts";

/** A link whose log can be waited for. */
function linkTo(url: string, timeoutMs = 100) {
  const told: string[] = [];
  const waiting = new Map<string, () => void>();
  const tell = (_: unknown, text?: unknown) => {
    const message = String(text ?? _);
    told.push(message);
    for (const [part, resolve] of waiting) if (message.includes(part)) resolve();
  };
  const link = createLink({ url, timeoutMs, pauseMs: 1, logger: { warn: tell, info: tell }, meanwhile: "all goes on" });
  return {
    ...link,
    told,
    hears: (part: string) => new Promise<void>((resolve) => void waiting.set(part, resolve)),
    [Symbol.dispose]: link.close,
  };
}

describe("a link to Redis", () => {
  it("runs commands while it is connected", async () => {
    await using redis = await fakeRedis();
    using link = linkTo(redis.url);
    expect(await link.run((client) => client.ping())).toBeUndefined();
    await link.open();
    expect(link.isUp()).toBe(true);
    expect(await link.run((client) => client.ping())).toBe("OK");
    expect(link.told).toEqual([]);
  });

  it("that hangs costs its time limit once, releases all waiting callers, and is used again when it replies", async () => {
    await using redis = await fakeRedis();
    using link = linkTo(redis.url);
    await link.open();
    redis.mute(true);
    const waiting = [1, 2, 3].map(() => link.run((client) => client.get("a")));
    expect(await Promise.all(waiting)).toEqual([undefined, undefined, undefined]);
    expect(link.isUp()).toBe(false);
    const isAtOnce = Symbol("at once");
    const tick = new Promise<typeof isAtOnce>((resolve) => setImmediate(() => resolve(isAtOnce)));
    expect(await Promise.race([link.run((client) => client.get("a")), tick])).toBeUndefined();
    const back = link.hears("back");
    redis.mute(false);
    await back;
    expect(link.isUp()).toBe(true);
    expect(link.told).toHaveLength(2);
  });

  it("that is unreachable is one warning, and costs nothing", async () => {
    using link = linkTo("redis://127.0.0.1:1");
    await link.open();
    expect(link.isUp()).toBe(false);
    expect(await link.run((client) => client.get("a"))).toBeUndefined();
    expect(link.told).toEqual([expect.stringContaining("can't be had")]);
  });

  it("is closed for good, in any state", async () => {
    await using redis = await fakeRedis();
    const link = linkTo(redis.url, 10_000);
    await link.open();
    redis.mute(true);
    const waiting = link.run((client) => client.get("a"));
    link.close();
    expect(await waiting).toBeUndefined();
    expect(link.isUp()).toBe(false);
    expect(link.told).toEqual([]);
    link.close();
  });
});
