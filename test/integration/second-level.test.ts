import { describe, expect, test } from "vitest";
import { answerRepeats } from "../../src/cache/layer.ts";
import { answerName } from "../../src/cache/second-level/names.ts";
import { createSecondLevel } from "../../src/cache/second-level/second-level.ts";
import { createAnswerStore } from "../../src/cache/store.ts";
import { compose, type Generate } from "../../src/generation/layer.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import { createLink } from "../../src/redis/link.ts";
import { byHand, greedy, noting, saying, withoutCost } from "../cache/support.ts";
import { collect } from "../fixtures/generation.ts";
import { until, untilStored, withRedis } from "../fixtures/redis-client.ts";
import { redisOfTests } from "../fixtures/redis-server.ts";

const EVENTS = saying("Hel", "lo", "!");
const REMOTE = expect.objectContaining({ type: "hit", detail: "REMOTE" });
const MISS = expect.objectContaining({ type: "forward", reason: "miss", collapsed: false });
const TIMEOUT_MS = 250;

const redis = redisOfTests();

async function* play() {
  yield* EVENTS;
}

type Options = { readonly followMs?: number; readonly generate?: Generate };

/** The cache of a gateway, connected. */
async function gateway({ followMs = 20_000, generate = play }: Options = {}) {
  const told: string[] = [];
  const waiting = new Map<string, () => void>();
  const tell = (_: unknown, text?: unknown) => {
    const message = String(text ?? _);
    told.push(message);
    for (const [part, resolve] of waiting) if (message.includes(part)) resolve();
  };
  const ttlMs = 100_000;
  const store = createAnswerStore({ maxBytes: 8_000_000, ttlMs, random: () => 0 });
  const logger = { warn: tell, info: tell };
  const link = createLink({ url: redis().url, timeoutMs: TIMEOUT_MS, pauseMs: 20, logger, meanwhile: "" });
  await link.open();
  const shared = createSecondLevel({ link, followMs, ttlMs, store });
  const close = async () => {
    await shared.settled();
    link.close();
  };
  let runs = 0;
  const layer = answerRepeats({ store, identify: (model) => model, tiers: [shared.tier], leases: shared.leases });
  const run = compose([layer], (request) => {
    runs += 1;
    return generate(request);
  });
  return {
    run,
    store,
    shared,
    told,
    runs: () => runs,
    hears: (part: string) =>
      new Promise<void>((resolve) => {
        if (told.some((message) => message.includes(part))) resolve();
        waiting.set(part, resolve);
      }),
    /** Sends a request, and returns its outcome. */
    async ask(overrides: Partial<GenerationRequest> = {}) {
      const { asked, news } = noting(overrides.cache);
      const events = await collect(run(greedy({ ...overrides, ...asked })));
      return { events, news: news[0] };
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function of(tenant: string) {
  return { terms: { tenant, priority: "default" } as const };
}

describe("two gateways that share a Redis", () => {
  test("find each other's answers, and then have them in memory", async () => {
    await using one = await gateway();
    await using other = await gateway();
    expect((await one.ask()).news).toEqual(MISS);
    await untilStored(redis().url, 1);
    const { events, news } = await other.ask();
    expect(withoutCost(events)).toEqual(withoutCost(EVENTS));
    expect(news).toEqual(REMOTE);
    expect(events[0]).toMatchObject({ isReplay: true });
    expect((await other.ask()).news).toEqual({
      type: "hit",
      ageSeconds: expect.any(Number),
      ttlSeconds: expect.any(Number),
    });
    expect([one.runs(), other.runs()]).toEqual([1, 0]);
    expect(other.shared.stats()).toEqual({ isUp: true, found: 1, missed: 0 });
  });

  test("never give one tenant's answers to another, but give public answers to all", async () => {
    await using one = await gateway();
    await using other = await gateway();
    await one.ask(of("a"));
    await one.ask({ ...of("a"), cache: { isPublic: true } });
    await untilStored(redis().url, 2);
    expect((await other.ask(of("b"))).news).toEqual(MISS);
    expect((await other.ask(of("a"))).news).toEqual(REMOTE);
    expect((await other.ask({ ...of("b"), cache: { isPublic: true } })).news).toEqual(REMOTE);
  });

  test("generate an answer once if both are asked at once, and count it in full for both", async () => {
    const engine = byHand();
    await using one = await gateway({ generate: engine.generate });
    await using other = await gateway({ generate: engine.generate });
    const first = one.ask();
    await until(() => one.runs() === 1);
    const second = other.ask();
    for (const event of EVENTS) engine.say(event);
    engine.end();
    expect((await first).events).toEqual(EVENTS);
    const { events, news } = await second;
    expect(withoutCost(events)).toEqual(withoutCost(EVENTS));
    expect(events[0]).toMatchObject({ isReplay: false });
    expect(news).toEqual(expect.objectContaining({ type: "forward" }));
    expect([one.runs(), other.runs()]).toEqual([1, 0]);
    expect((await other.ask()).news).toMatchObject({ type: "hit" });
  });

  test("pass the lease to the other when a generation fails, or its client leaves", async () => {
    for (const cut of ["fail", "leave"] as const) {
      const engine = byHand();
      await using one = await gateway({ generate: engine.generate });
      await using other = await gateway();
      const prompt = { type: "text", text: cut } as const;
      const gone = new AbortController();
      const first = one.ask({ prompt, signal: gone.signal });
      first.catch(() => {});
      await until(() => one.runs() === 1);
      const second = other.ask({ prompt });
      engine.say({ type: "started", promptTokens: 3, cachedTokens: 0 });
      if (cut === "fail") engine.fail(new Error("Broken."));
      else gone.abort(new Error("Gone."));
      await expect(first).rejects.toThrow();
      expect((await second).events).toEqual(EVENTS);
      expect(other.runs()).toBe(1);
    }
    await untilStored(redis().url, 2);
  });

  test("wait only as long as allowed for one that is gone, and not at all for a request that wants a new answer", async () => {
    const engine = byHand();
    const one = await gateway({ generate: engine.generate });
    await using other = await gateway({ followMs: 100 });
    const first = one.ask();
    first.catch(() => {});
    await until(() => one.runs() === 1);
    expect((await other.ask({ cache: { noCache: true } })).events).toEqual(EVENTS);
    await untilStored(redis().url, 1);
    await other.shared.clear({});
    other.store.clear();
    expect((await other.ask({ terms: { tenant: "local", priority: "batch" } })).events).toEqual(EVENTS);
    await other.shared.clear({});
    other.store.clear();
    expect((await other.ask()).events).toEqual(EVENTS);
    expect(other.runs()).toBe(3);
    engine.fail(new Error("Gone."));
    await expect(first).rejects.toThrow();
    await one.close();
  });

  test("clear shared answers by model, by key and by preset", async () => {
    await using one = await gateway();
    for (const model of ["one", "two"]) for (const tenant of ["a", "b"]) await one.ask({ model, ...of(tenant) });
    await untilStored(redis().url, 4);
    expect(await one.shared.clear({ model: "three" })).toEqual({ deleted: 0, isComplete: true });
    expect(await one.shared.clear({ model: "one", scope: "tenant:b" })).toEqual({ deleted: 1, isComplete: true });
    expect(await one.shared.clear({ scope: "tenant:a" })).toEqual({ deleted: 2, isComplete: true });
    expect(await one.shared.clear({})).toEqual({ deleted: 1, isComplete: true });
    for (const preset of ["greet", "rate"])
      await one.ask({ prompt: { type: "text", text: preset }, cache: { preset } });
    await untilStored(redis().url, 2);
    expect(await one.shared.clear({ preset: "rate" })).toEqual({ deleted: 1, isComplete: true });
    await redis().kill();
    expect(await one.shared.clear({})).toEqual({ deleted: 0, isComplete: false });
  });

  test("ignore a record that is damaged, or that belongs under another name", async () => {
    await using one = await gateway();
    const label = { model: "one", scope: "tenant:local" };
    const asked = (text: string) => ({ prompt: { type: "text", text } as const });
    for (const text of ["a", "b"]) await one.ask(asked(text));
    const names = [...one.store.entries()].map(({ key }) => answerName(key, label));
    await untilStored(redis().url, 2);
    await withRedis(redis().url, async (client) => {
      await client.append(names[0] ?? "", "x");
      await client.copy(names[0] ?? "", names[1] ?? "", { REPLACE: true });
    });
    for (const text of ["a", "b"]) {
      await using other = await gateway();
      expect((await other.ask(asked(text))).news).toEqual(MISS);
    }
    await withRedis(redis().url, async (client) => {
      await client.copy(names[0] ?? "", names[1] ?? "", { REPLACE: true });
      await client.del(names[0] ?? "");
      await client.hSet(names[0] ?? "", "not", "text");
    });
    for (const text of ["a", "b"]) {
      await using other = await gateway();
      expect((await other.ask(asked(text))).events).toEqual(EVENTS);
    }
  });
});

describe("a Redis", () => {
  const asked = (number: number) => ({ prompt: { type: "text", text: `Number ${number}` } as const });

  test("that dies and comes back fails no request", async () => {
    await using one = await gateway();
    await one.ask(asked(0));
    await redis().kill();
    await one.hears("can't be had");
    for (let number = 1; number < 20; number++) expect((await one.ask(asked(number))).events).toEqual(EVENTS);
    await redis().restart();
    await one.hears("Redis is back");
    await one.ask(asked(21));
    await untilStored(redis().url, 1);
    await using other = await gateway();
    expect((await other.ask(asked(21))).news).toEqual(REMOTE);
  });

  test("that hangs costs its time limit once, also at a stop", async () => {
    await using one = await gateway();
    redis().freeze(true);
    const startedMs = performance.now();
    for (let number = 0; number < 50; number++) expect((await one.ask(asked(number))).events).toEqual(EVENTS);
    // Less than if each of the fifty had waited.
    expect(performance.now() - startedMs).toBeLessThan(49 * TIMEOUT_MS);
    expect(one.told).toEqual([expect.stringContaining("can't be had")]);
    redis().freeze(false);
    await one.hears("Redis is back");
    const leaving = await gateway();
    redis().freeze(true);
    const last = leaving.ask(asked(100));
    await leaving.close();
    expect((await last).events).toEqual(EVENTS);
    redis().freeze(false);
  });

  test("that is full is logged once, and its answers are still found", async () => {
    await using one = await gateway();
    await one.ask(asked(0));
    await untilStored(redis().url, 1);
    await withRedis(redis().url, (client) => client.configSet({ maxmemory: "1", "maxmemory-policy": "noeviction" }));
    await using other = await gateway();
    expect((await other.ask(asked(0))).news).toEqual(REMOTE);
    for (let number = 1; number < 4; number++) expect((await other.ask(asked(number))).events).toEqual(EVENTS);
    await other.hears("refuses");
    expect(other.told).toHaveLength(1);
    expect(other.shared.stats().isUp).toBe(true);
  });

  test("that is missing at the start is a warning", async () => {
    await redis().kill();
    await using one = await gateway();
    expect(one.told).toHaveLength(1);
    expect((await one.ask()).events).toEqual(EVENTS);
    await redis().restart();
    await one.hears("Redis is back");
  });
});
