import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { answerRepeats } from "../../src/cache/layer.ts";
import { controlCache, createCacheCounter } from "../../src/cache/stats.ts";
import { createAnswerStore } from "../../src/cache/store.ts";
import type { CacheNews } from "../../src/generation/cache.ts";
import { ContextLengthExceededError } from "../../src/generation/errors.ts";
import { compose, type Generate } from "../../src/generation/layer.ts";
import { formatCacheStatus } from "../../src/http/answer-headers.ts";
import { decodeCacheWish } from "../../src/http/cache-control.ts";
import { watchCache } from "../../src/http/cache-news.ts";
import { answerWith, createTestApp, jsonInit, loopTurn, script } from "./support.ts";
import { PROTOCOLS } from "./waiting-support.ts";

type Fields = Readonly<Record<string, unknown>>;

function createCachedApp(generate: Generate = script(answerWith(["Hello", " there", "!"]))) {
  const clock = { ms: 1_000_000 };
  const now = () => clock.ms;
  const store = createAnswerStore({ maxBytes: 1_000_000, ttlMs: 60_000, now, random: () => 0 });
  let generated = 0;
  const { app, log } = createTestApp({
    settings: { corsOrigins: ["*"] },
    generate: compose([answerRepeats({ store, identify: (model) => model, now })], (request) => {
      generated += 1;
      return generate(request);
    }),
  });
  return {
    log,
    generated: () => generated,
    later: (ms: number) => {
      clock.ms += ms;
    },
    async send(path: string, body: Fields, headers: Readonly<Record<string, string>> = {}) {
      const init = jsonInit({ ...body, temperature: 0 });
      const response = await app.request(path, { ...init, headers: { ...init.headers, ...headers } });
      return { response, text: await response.text() };
    },
  };
}

const PREVIOUSLY = { type: "message", role: "user", content: "Hi" };

describe.each(PROTOCOLS)("$name that was answered before", ({ path, body, codeOf }) => {
  it.each([
    ["whole", "whole", false, false],
    ["whole", "streamed", false, true],
    ["streamed", "whole", true, false],
    ["streamed", "streamed", true, true],
  ])("%s is answered from the cache %s, and says so", async (_, __, first, second) => {
    const { send, generated, later } = createCachedApp();
    const filled = await send(path, { ...body, stream: first });
    expect(filled.response.headers.get("cache-status")).toBe("sluice; fwd=miss; stored");
    expect(filled.response.headers.get("age")).toBeNull();
    later(12_600);
    const { response, text } = await send(path, { ...body, stream: second });
    expect(response.status).toBe(200);
    expect(response.headers.get("cache-status")).toBe("sluice; hit; ttl=47");
    expect(response.headers.get("age")).toBe("12");
    expect(text).toContain(second ? '" there"' : "Hello there!");
    expect(generated()).toBe(1);
  });

  it("is the same answer except for ids, times and usage", async () => {
    for (const stream of [false, true]) {
      const { send } = createCachedApp();
      const plain = async () => withoutIds((await send(path, { ...body, stream })).text);
      const filled = await plain();
      expect(await plain()).toBe(filled);
    }
  });

  it("is generated again with no-cache, and not at all with only-if-cached", async () => {
    const { send, generated, log } = createCachedApp();
    const refused = await send(path, body, { "cache-control": "only-if-cached" });
    expect(refused.response.status).toBe(504);
    expect(refused.response.headers.get("cache-status")).toBe("sluice; detail=only-if-cached");
    expect(refused.response.headers.get("x-should-retry")).toBe("false");
    expect(["not_cached", "timeout_error", undefined]).toContain(codeOf(JSON.parse(refused.text)));
    expect(refused.text).toContain("only-if-cached");
    await send(path, body);
    const statuses = [];
    for (const directive of ["no-store", "no-cache", "max-age=0", "only-if-cached, max-age=60"]) {
      const { response } = await send(path, body, { "cache-control": directive });
      statuses.push(response.headers.get("cache-status"));
    }
    expect(statuses).toEqual([
      "sluice; fwd=bypass",
      "sluice; fwd=request; stored",
      "sluice; hit; ttl=60",
      "sluice; hit; ttl=60",
    ]);
    expect(generated()).toBe(3);
    await loopTurn();
    expect(log.map(({ cache }) => cache)).toEqual(["none", "miss", "bypass", "request", "hit", "hit"]);
  });

  it("is refused when a header of Sluice's is invalid", async () => {
    const { send } = createCachedApp();
    const { response, text } = await send(path, body, { "sluice-replay": "slow" });
    expect(response.status).toBe(400);
    expect(text).toContain("sluice-replay");
    expect((await send(path, body, { "sluice-replay": "fast" })).response.status).toBe(200);
  });
});

describe("a failure", () => {
  it("is never reported as stored", async () => {
    const { send } = createCachedApp(
      script(async function* () {
        yield* [];
        throw new ContextLengthExceededError(5_000, 4_096);
      }),
    );
    const { response } = await send("/v1/chat/completions", PROTOCOLS[0].body);
    expect(response.status).toBe(400);
    expect(response.headers.get("cache-status")).toBe("sluice; fwd=miss");
  });
});

describe("/admin/cache", () => {
  const FROM_HERE = { incoming: { socket: { remoteAddress: "127.0.0.1" } } };
  const FROM_ELSEWHERE = { incoming: { socket: { remoteAddress: "192.168.1.5" } } };

  function createKept() {
    const store = createAnswerStore({ maxBytes: 1_000_000, ttlMs: 60_000 });
    const counter = createCacheCounter();
    const layer = answerRepeats({ store, identify: (model) => model, onNews: counter.note });
    const { app } = createTestApp({
      generate: compose([layer], script(answerWith(["Hello"]))),
      cache: controlCache(store, counter, 1_000_000),
    });
    const init = (temperature: number) => jsonInit({ ...PROTOCOLS[0].body, temperature });
    return { app, ask: (temperature: number) => app.request("/v1/chat/completions", init(temperature)) };
  }

  it("shows its contents and its counts, and can be cleared", async () => {
    const { app, ask } = createKept();
    for (const temperature of [0, 0, 1]) await (await ask(temperature)).text();
    const show = async () => (await app.request("/admin/cache", {}, FROM_HERE)).json();
    expect(await show()).toEqual({
      object: "cache",
      entries: 1,
      bytes: expect.any(Number),
      max_bytes: 1_000_000,
      hits: 1,
      semantic_hits: 0,
      misses: 1,
      collapsed: 0,
      bypassed: 1,
      warm_up: { waiting: 0, running: false, answers: 0, prefixes: 0 },
    });
    const forget = async (query: string) =>
      (await app.request(`/admin/cache${query}`, { method: "DELETE" }, FROM_HERE)).json();
    expect(await forget("?model=other")).toEqual({ object: "cache", deleted: 0 });
    expect(await forget("?key=key_1")).toEqual({ object: "cache", deleted: 0 });
    expect(await forget("?key=local")).toEqual({ object: "cache", deleted: 1 });
    expect(await show()).toMatchObject({ entries: 0, bytes: 0 });
  });

  it("is only for this machine when there are no keys", async () => {
    const { app } = createKept();
    for (const [method, path] of [
      ["GET", ""],
      ["DELETE", ""],
      ["POST", "/warm"],
    ] as const) {
      expect((await app.request(`/admin/cache${path}`, { method }, FROM_ELSEWHERE)).status).toBe(403);
    }
  });
});

describe("an answer in one protocol", () => {
  it("serves the same request in the others", async () => {
    const { send, generated } = createCachedApp();
    const messages = [{ role: "user", content: "Hi" }];
    const model = "smollm2-135m-instruct";
    await send("/v1/chat/completions", { model, messages, max_tokens: 9 });
    const response = await send("/v1/responses", { model, input: [PREVIOUSLY], max_output_tokens: 9 });
    const message = await send("/v1/messages", { model, messages, max_tokens: 9 });
    expect(generated()).toBe(1);
    expect(JSON.parse(response.text).usage).toMatchObject({
      input_tokens: 12,
      input_tokens_details: { cached_tokens: 12 },
    });
    expect(JSON.parse(message.text).usage).toMatchObject({
      input_tokens: 0,
      cache_read_input_tokens: 12,
      output_tokens: 4,
    });
  });

  it("can be read by web pages, with the cache's headers", async () => {
    const { send } = createCachedApp();
    const { response } = await send("/v1/chat/completions", PROTOCOLS[0].body, { origin: "https://chat.example" });
    const exposed = response.headers.get("access-control-expose-headers")?.split(",");
    expect(exposed).toEqual(expect.arrayContaining(["cache-status", "age"]));
  });

  it("has no cache headers without a cache", async () => {
    const { app } = createTestApp();
    const { headers } = await app.request("/v1/chat/completions", jsonInit({ ...PROTOCOLS[0].body, temperature: 0 }));
    expect(headers.get("cache-status")).toBeNull();
  });

  it("of several prompts is from the cache only when all of them are", async () => {
    const { send, generated, later } = createCachedApp();
    const ask = async (prompt: unknown) =>
      (await send("/v1/completions", { model: "smollm2", prompt })).response.headers;
    await ask("a");
    later(5_000);
    expect((await ask(["a", "b"])).get("cache-status")).toBe("sluice; fwd=miss; stored");
    later(5_000);
    const both = await ask(["b", "a"]);
    expect(both.get("cache-status")).toBe("sluice; hit; ttl=50");
    expect(both.get("age")).toBe("10");
    expect(generated()).toBe(2);
  });
});

/** Without what differs from one answer to the next: ids, times, sequences, what was cached. */
function withoutIds(text: string): string {
  return text
    .replaceAll(/"(?:[a-z]+_id|id)":"[^"]*"/g, '"id":""')
    .replaceAll(/"(?:created|created_at|completed_at)":\d+/g, '"created":0')
    .replaceAll(/"(?:cached_tokens|input_tokens|cache_read_input_tokens)":\d+/g, '"cached":0');
}

describe("decodeCacheWish", () => {
  const decode = (cacheControl?: string, pace?: string) =>
    decodeCacheWish((name) => (name === "cache-control" ? cacheControl : pace));

  it("reads HTTP's directives, in any case, quoted or not, and ignores unknown ones", () => {
    expect(decode()).toEqual({});
    expect(decode("No-Cache, NO-STORE ,only-if-cached")).toEqual({ noCache: true, noStore: true, onlyIfCached: true });
    expect(decode('max-age="60", stale-while-revalidate=30, no-transform, min-fresh=3, x="no-store"')).toEqual({
      maxAgeSeconds: 60,
      staleWhileRevalidateSeconds: 30,
    });
    expect(decode("max-age=5, max-age=9", "natural")).toEqual({ maxAgeSeconds: 5, isPaced: true });
  });

  it("treats an invalid number as the strictest, and limits a large one", () => {
    for (const text of ["max-age", "max-age=", "max-age=x", "max-age=-1", "max-age=1.5"]) {
      expect(decode(text)).toEqual({ maxAgeSeconds: 0 });
    }
    expect(decode(`max-age=${"9".repeat(40)}`)).toEqual({ maxAgeSeconds: 2 ** 31 });
  });

  it("accepts any header", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const { maxAgeSeconds = 0 } = decode(text);
        expect(Number.isSafeInteger(maxAgeSeconds)).toBe(true);
      }),
    );
  });
});

describe("formatCacheStatus", () => {
  it.each<[CacheNews, string]>([
    [{ type: "hit", ageSeconds: 1, ttlSeconds: 9.9 }, "sluice; hit; ttl=9"],
    [{ type: "hit", ageSeconds: 9, ttlSeconds: -0.5 }, "sluice; hit; ttl=-1"],
    [{ type: "forward", reason: "stale", stored: true, collapsed: true }, "sluice; fwd=stale; stored; collapsed"],
    [{ type: "forward", reason: "bypass", stored: false, collapsed: false }, "sluice; fwd=bypass"],
  ])("writes %j as %s", (news, text) => {
    expect(formatCacheStatus(news)).toBe(text);
  });
});

describe("watchCache", () => {
  it("has no outcome before the first report", () => {
    expect(watchCache().known()).toBeUndefined();
  });
});
