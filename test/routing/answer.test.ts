import { describe, expect, it } from "vitest";
import type { Backend } from "../../src/generation/backend.ts";
import {
  ContextLengthExceededError,
  EngineCrashedError,
  InvalidSamplingError,
  NoTargetError,
  NotSupportedByModelError,
  OverloadedError,
  UpstreamError,
} from "../../src/generation/errors.ts";
import type { GenerationEvent } from "../../src/generation/event.ts";
import type { Generate } from "../../src/generation/layer.ts";
import type { News, RouteNews } from "../../src/generation/news.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import { createModelDirectory } from "../../src/routing/directory.ts";
import type { Route } from "../../src/routing/policy.ts";
import { route } from "../../src/routing/route.ts";
import { answerRoutes } from "../../src/routing/routed.ts";
import { createFakeClock } from "../fake-clock.ts";
import { aborted, collect, generationRequest } from "../fixtures/generation.ts";
import { servedModel } from "../fixtures/served-model.ts";

const FULL = new OverloadedError("The server already has 2 requests in progress.", 3_000);

function says(text: string): Generate {
  return async function* () {
    yield { type: "started", promptTokens: 3 };
    yield { type: "text", choice: 0, text };
    yield { type: "finished", choice: 0, reason: "stop" };
  };
}

/** Fails after these events. */
function fails(error: Error, ...before: readonly GenerationEvent[]): Generate {
  return async function* () {
    yield* before;
    throw error;
  };
}

/** Says nothing until nobody wants it any more. */
function hangs(ended?: () => void): Generate {
  return async function* ({ signal, observe }) {
    yield { type: "started" };
    await aborted(signal);
    observe?.({ type: "left", spent: { prompt: 7, cached: 0, completion: 1 } });
    ended?.();
    throw signal.reason;
  };
}

function upstreamError(status: number | undefined, code?: string): UpstreamError {
  return new UpstreamError({ status, message: "no", ...(code !== undefined && { code }) });
}

/** A route over targets that generate so, in order. */
function routed(targets: Readonly<Record<string, Generate | Partial<Backend>>>, more: Partial<Route> = {}) {
  const clock = createFakeClock();
  const backends = Object.entries(targets).map(([id, own]) =>
    servedModel({ id, ...(typeof own === "function" ? { generate: own } : own) }),
  );
  const own: Route = { name: "chat", targets: backends.map(({ id }) => ({ model: id })), ...more };
  const tenants = { namesOf: (tenant: string) => [tenant], usedShareOf: () => undefined };
  const directory = createModelDirectory(backends, { routes: [own] }, { tenants, clock, now: () => 0 });
  const layer = answerRoutes(directory.find, (request, next) => next(request));
  const generate: Generate = (request) => layer(request, route(directory));

  /** The text, what failed, and the last that was told of the route. */
  async function ask(overrides: Partial<GenerationRequest> = {}) {
    const news: News[] = [];
    const request = generationRequest({ model: "chat", observe: (one) => void news.push(one), ...overrides });
    const texts: string[] = [];
    let error: unknown;
    try {
      for await (const event of generate(request)) if (event.type === "text") texts.push(event.text);
    } catch (thrown) {
      error = thrown;
    }
    const last = news.findLast((one): one is RouteNews => one.type === "routed");
    const steps = last?.steps.map(({ target, outcome, reason }) => [target, outcome, reason].filter(Boolean).join(" "));
    return { text: texts.join(""), error, steps, news };
  }
  return { ask, clock, directory, generate };
}

describe("a route", () => {
  it("is answered by its first target, and tells so", async () => {
    const { ask } = routed({ a: says("A"), b: says("B") });
    expect(await ask()).toMatchObject({ text: "A", error: undefined, steps: ["a answered", "b spare"] });
  });

  it("asks each target as itself", async () => {
    const { generate, directory } = routed({
      a: async function* ({ model }) {
        yield { type: "text", choice: 0, text: model };
      },
    });
    expect(await collect(generate(generationRequest({ model: "chat" })))).toEqual([
      { type: "text", choice: 0, text: "a" },
    ]);
    expect(directory.list().map(({ id }) => id)).toEqual(["a"]);
    expect(directory.routes().map(({ id }) => id)).toEqual(["chat"]);
  });

  it("passes all events on in their order", async () => {
    const { generate } = routed({ a: fails(FULL, { type: "started" }), b: says("B") });
    const events = await collect(generate(generationRequest({ model: "chat" })));
    expect(events.map(({ type }) => type)).toEqual(["started", "text", "finished"]);
  });

  it.each([
    ["is full", FULL],
    ["has died", new EngineCrashedError(3)],
    ["can't be reached", upstreamError(undefined)],
    ["answers 500", upstreamError(500)],
    ["answers 429", upstreamError(429)],
    ["refuses the gateway's key", upstreamError(401)],
    ["lacks a capability that nobody knew of", new NotSupportedByModelError("a", "schemas")],
  ])("is answered by the next if a target %s before the first token", async (_, error) => {
    const { ask } = routed({ a: fails(error, { type: "started" }), b: says("B") });
    const { text, steps } = await ask();
    expect(text).toBe("B");
    expect(steps?.[0]).toBe("b answered");
    expect(steps?.[1]).toMatch(/^a failed \w+/);
  });

  it.each([
    ["a wrong value", new InvalidSamplingError("logitBias", "no such token")],
    ["what another server calls wrong", upstreamError(400)],
    ["a defect", new TypeError("oops")],
  ])("tells at once of %s", async (_, error) => {
    const { ask } = routed({ a: fails(error), b: says("B") });
    expect(await ask()).toMatchObject({ text: "", error });
  });

  it("tells of what breaks after the first token, and asks nobody else", async () => {
    const { ask } = routed({ a: fails(FULL, { type: "text", choice: 0, text: "A" }), b: says("B") });
    expect(await ask()).toMatchObject({ text: "A", error: FULL, steps: ["a answered", "b spare"] });
  });

  it("asks no other after a tool call has begun", async () => {
    const call = { type: "toolCall", choice: 0, index: 0, id: "call_1", name: "look" } as const;
    const { ask } = routed({ a: fails(FULL, call), b: says("B") });
    expect(await ask()).toMatchObject({ text: "", error: FULL });
  });

  it("sends a prompt that is too long only to targets with a longer context", async () => {
    const long = new ContextLengthExceededError(5_000, 4_096);
    const withContext = (contextTokens: number, generate: Generate) => ({
      generate,
      details: () => ({ contextTokens }),
    });
    const asked: string[] = [];
    const { ask } = routed({
      a: withContext(4_096, fails(long)),
      b: withContext(2_048, async function* () {
        asked.push("b");
        yield* [];
      }),
      c: withContext(8_192, says("C")),
    });
    expect(await ask()).toMatchObject({ text: "C" });
    expect(asked).toEqual([]);
    expect((await routed({ a: withContext(4_096, fails(long)), b: withContext(4_096, says("B")) }).ask()).error).toBe(
      long,
    );
    expect(
      (await routed({ a: withContext(10, fails(upstreamError(400, "context_length_exceeded"))), b: says("B") }).ask())
        .text,
    ).toBe("B");
  });

  it("tells the last error if all targets fail, but one that passes before one that lasts", async () => {
    const last = upstreamError(503);
    expect(await routed({ a: fails(FULL), b: fails(last) }).ask()).toMatchObject({
      error: last,
      steps: ["b failed status_503", "a failed server_overloaded"],
    });
    expect((await routed({ a: fails(FULL), b: fails(upstreamError(502)) }).ask()).error).toBe(FULL);
  });

  it("has no target for a request that none may answer, and says why", async () => {
    const there = {
      generate: says("A"),
      upstream: { name: "there", kind: "generic", gatewayId: () => undefined, isLocal: false },
    };
    const { ask } = routed({ a: there }, { targets: [{ model: "a" }, { model: "later" }] });
    const { error, steps } = await ask({ terms: { tenant: "t", priority: "default", localOnly: true } });
    expect(error).toBeInstanceOf(NoTargetError);
    expect(error).toMatchObject({ message: expect.stringContaining("a (local_only), later (not_served)") });
    expect(steps).toEqual(["a excluded local_only", "later excluded not_served"]);
  });

  it("says what all of its targets lack as a model would", async () => {
    const { can } = servedModel();
    const { ask } = routed({ a: { generate: says("A"), can: { ...can, schemas: false } } });
    expect((await ask({ output: { type: "json" } })).error).toMatchObject({ model: "chat", lacks: "schemas" });
  });

  it("sends no warm-up to another server", async () => {
    const { ask } = routed({
      a: {
        generate: says("A"),
        upstream: { name: "there", kind: "generic", gatewayId: () => undefined, isLocal: false },
      },
      b: says("B"),
    });
    expect((await ask({ terms: { tenant: "t", priority: "batch", isWarmUp: true } })).text).toBe("B");
  });

  it("finds a target that was added later, and leaves one out that was removed", async () => {
    const { ask, directory } = routed({ a: says("A") }, { targets: [{ model: "late" }, { model: "a" }] });
    expect(await ask()).toMatchObject({ text: "A", steps: ["a answered", "late excluded not_served"] });
    directory.add(servedModel({ id: "late", generate: says("L") }));
    expect((await ask()).text).toBe("L");
    directory.remove("late");
    expect((await ask()).text).toBe("A");
  });

  it("gives the next target what is left of the longest wait, and asks none when it is over", async () => {
    const waits: (number | undefined)[] = [];
    const terms = { tenant: "t", priority: "default", maxWaitMs: 1_000 } as const;
    const late = (ms: number): Generate =>
      async function* ({ terms: own }) {
        waits.push(own?.maxWaitMs);
        clock.advance(ms);
        yield* [];
        throw FULL;
      };
    const { ask, clock } = routed({ a: late(400), b: late(700), c: late(0) });
    expect((await ask({ terms })).error).toBe(FULL);
    expect(waits).toEqual([1_000, 600]);
  });

  it("repeats few requests that were worked on in vain, so that a storm of errors adds little load", async () => {
    const { ask } = routed({ a: fails(upstreamError(500)), b: says("B") });
    const texts: string[] = [];
    for (let count = 0; count < 100; count++) texts.push((await ask()).text);
    // Ten at first, and a fifth of all.
    expect(texts.filter((text) => text === "B").length).toBe(30);
  });

  it("sends all requests on that were refused without work", async () => {
    const { ask } = routed({ a: fails(FULL), b: says("B") });
    for (let count = 0; count < 100; count++) expect((await ask()).text).toBe("B");
  });

  it("asks a target for its workload at most every 50 ms", async () => {
    let asked = 0;
    const counted = {
      generate: says("A"),
      workload: () => {
        asked += 1;
        return undefined;
      },
    };
    const { ask, clock } = routed({ a: counted });
    await ask();
    await ask();
    expect(asked).toBe(1);
    clock.advance(50);
    await ask();
    expect(asked).toBe(2);
  });

  it("tries an idle target that seems a little late once a minute, so that it is measured again", async () => {
    const slow = {
      generate: says("A"),
      workload: () => ({ waiting: 0, running, firstTokenMs: 9_000 }),
      predictMs: () => predictedMs,
    };
    let [running, predictedMs] = [0, 5_000];
    const targets = [{ model: "a", spill: { after: 3_000 } }, { model: "b" }];
    const { ask, clock } = routed({ a: slow, b: says("B") }, { targets });
    const texts = async () => [(await ask()).text, (await ask()).text];
    expect(await texts()).toEqual(["A", "B"]);
    clock.advance(60_000);
    running = 1;
    expect(await texts()).toEqual(["B", "B"]);
    [running, predictedMs] = [0, 13_000];
    clock.advance(50);
    expect(await texts()).toEqual(["B", "B"]);
    predictedMs = 12_000;
    expect(await texts()).toEqual(["A", "B"]);
  });

  it("ends the target's work when the client leaves, and tells what it took", async () => {
    const ended = Promise.withResolvers<void>();
    const { generate } = routed({ a: hangs(ended.resolve), b: says("B") });
    const news: News[] = [];
    const leaving = new AbortController();
    const events = generate(
      generationRequest({ model: "chat", signal: leaving.signal, observe: (one) => void news.push(one) }),
    )[Symbol.asyncIterator]();
    const first = events.next();
    leaving.abort(new Error("gone"));
    await expect(first).rejects.toThrow("gone");
    await ended.promise;
    expect(news.map(({ type }) => type)).toContain("left");
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });
});

describe("a route that hedges", () => {
  const hedge = { after: 2_000, most: 0.5, class: ["interactive"] } as const;
  const terms = { tenant: "t", priority: "interactive" } as const;

  /** Resolves when a target was asked. */
  function asking(generate: Generate) {
    const asked = Promise.withResolvers<void>();
    const wrapped: Generate = (request) => {
      asked.resolve();
      return generate(request);
    };
    return { wrapped, asked: asked.promise };
  }

  it("asks a second target when the first token is late, takes the first answer, and ends the other", async () => {
    const ended = Promise.withResolvers<void>();
    const slow = asking(hangs(ended.resolve));
    const { ask, clock } = routed({ a: slow.wrapped, b: says("B") }, { hedge });
    const asked = ask({ terms });
    await slow.asked;
    clock.advance(2_000);
    const { text, steps, news } = await asked;
    expect(text).toBe("B");
    expect(steps).toEqual(["b answered", "a failed slower"]);
    await ended.promise;
    // The loser's work is nobody's bill.
    expect(news.filter(({ type }) => type === "left")).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it("asks one target only where the answer begins in time, or the class does not hedge", async () => {
    const { ask, clock } = routed({ a: says("A"), b: fails(new Error("asked")) }, { hedge });
    expect(await ask({ terms })).toMatchObject({ text: "A", steps: ["a answered", "b spare"] });
    expect((await ask({ terms: { tenant: "t", priority: "default" } })).text).toBe("A");
    expect(clock.pending).toBe(0);
  });

  it("takes the first target's answer if the second fails", async () => {
    const go = Promise.withResolvers<void>();
    const slow = asking(async function* () {
      await go.promise;
      yield { type: "text", choice: 0, text: "A" };
    });
    const failing = asking(fails(upstreamError(500)));
    const { ask, clock } = routed({ a: slow.wrapped, b: failing.wrapped }, { hedge });
    const asked = ask({ terms });
    await slow.asked;
    clock.advance(2_000);
    await failing.asked;
    go.resolve();
    expect((await asked).text).toBe("A");
  });

  it("asks the third target if both fail", async () => {
    const go = Promise.withResolvers<void>();
    const slow = asking(async function* () {
      await go.promise;
      yield* [];
      throw FULL;
    });
    const failing = asking(fails(FULL));
    const { ask, clock } = routed({ a: slow.wrapped, b: failing.wrapped, c: says("C") }, { hedge });
    const asked = ask({ terms });
    await slow.asked;
    clock.advance(2_000);
    await failing.asked;
    go.resolve();
    expect(await asked).toMatchObject({
      text: "C",
      steps: ["c answered", "a failed server_overloaded", "b failed server_overloaded"],
    });
  });

  it("sends no more than its share of requests twice", async () => {
    let asked = 0;
    const { ask, clock } = routed(
      {
        a: async function* ({ signal }) {
          asked += 1;
          // Late, and then it answers all the same.
          await Promise.race([
            aborted(signal),
            nextTurn()
              .then(() => clock.advance(2_000))
              .then(nextTurn),
          ]);
          yield { type: "text", choice: 0, text: "A" };
        },
        b: says("B"),
      },
      { hedge: { ...hedge, most: 0.05 } },
    );
    const texts: string[] = [];
    for (let count = 0; count < 200; count++) texts.push((await ask({ terms })).text);
    expect(asked).toBe(200);
    expect(texts.filter((text) => text === "B").length).toBe(11);
  });
});

describe("a route that continues broken answers", () => {
  const BROKEN = upstreamError(undefined);

  /** Says these texts and breaks off. */
  const breaks = (...texts: readonly string[]) =>
    fails(
      BROKEN,
      { type: "started", promptTokens: 3 },
      ...texts.map((text) => ({ type: "text", choice: 0, text }) as const),
    );

  /** Notes what it is asked, and says these texts. */
  function continues(...texts: readonly string[]) {
    const asked: GenerationRequest[] = [];
    const generate: Generate = async function* (request) {
      asked.push(request);
      yield { type: "started", promptTokens: 9 };
      for (const text of texts) yield { type: "text", choice: 0, text };
      yield { type: "finished", choice: 0, reason: "stop", completionTokens: texts.length + 1 };
    };
    return { asked, generate };
  }

  it("asks the next target for the rest, and tells so", async () => {
    const { asked, generate } = continues(" there", "!");
    const { ask } = routed({ a: breaks("Hel", "lo"), b: generate }, { continue: true });
    const { text, error, steps, news } = await ask({ maxTokens: 50 });
    expect(text).toBe("Hello there!");
    expect(error).toBeUndefined();
    expect(steps).toEqual(["b answered", "a failed broken_off"]);
    expect(news).toContainEqual({ type: "continued", target: "b" });
    expect(asked).toMatchObject([
      {
        model: "b",
        maxTokens: 48,
        prompt: {
          continueFinal: true,
          messages: [
            { role: "user", content: "Hi" },
            { role: "assistant", content: "Hello" },
          ],
        },
      },
    ]);
  });

  it("is one answer: it starts once, and has the tokens of both parts", async () => {
    const { generate: whole } = routed({ a: breaks("Hel", "lo"), b: continues("!").generate }, { continue: true });
    const events = await collect(whole(generationRequest({ model: "chat" })));
    expect(events.map(({ type }) => type)).toEqual(["started", "text", "text", "text", "finished"]);
    expect(events.at(-1)).toMatchObject({ type: "finished", completionTokens: 4 });
  });

  it("says whitespace once that templates trim at the end of a part", async () => {
    const { asked, generate } = continues(" ", " there");
    const { ask } = routed({ a: breaks("Hello  "), b: generate }, { continue: true });
    expect((await ask()).text).toBe("Hello  there");
    expect(asked[0]?.prompt).toMatchObject({ messages: [{}, { content: "Hello" }] });
  });

  it("continues what continues a text already", async () => {
    const { asked, generate } = continues("!");
    const { ask } = routed({ a: breaks("lo"), b: generate }, { continue: true });
    const messages = [{ role: "assistant", content: "Hel" }] as const;
    expect((await ask({ prompt: { type: "chat", messages, continueFinal: true } })).text).toBe("lo!");
    expect(asked[0]?.prompt).toMatchObject({ messages: [{ role: "assistant", content: "Hello" }] });
  });

  it("may be continued more than once", async () => {
    const { generate } = continues("c");
    const { ask } = routed({ a: breaks("a"), b: breaks("b"), c: generate }, { continue: true });
    expect((await ask()).text).toBe("abc");
  });

  it.each<[string, Partial<GenerationRequest>, GenerationEvent[]]>([
    ["a call", {}, [{ type: "toolCall", choice: 0, index: 0, id: "c", name: "look" }]],
    ["reasoning", {}, [{ type: "reasoning", choice: 0, text: "Hm" }]],
    ["a refusal", {}, [{ type: "refusal", choice: 0, text: "No" }]],
    ["an answer that has ended", {}, [{ type: "finished", choice: 0, reason: "stop" }]],
    ["a format", { output: { type: "json" } }, []],
    ["several choices", { choices: 2 }, []],
    ["log-probabilities", { logprobs: 0 }, []],
    ["a text without a conversation", { prompt: { type: "text", text: "Hi" } }, []],
    ["an answer that is as long as it may be", { maxTokens: 1 }, []],
  ])("doesn't continue %s", async (_, request, events) => {
    const { asked, generate } = continues("!");
    const first = fails(BROKEN, { type: "text", choice: 0, text: "Hello" }, ...events);
    const { ask } = routed({ a: first, b: generate }, { continue: true });
    expect(await ask(request)).toMatchObject({ text: "Hello", error: BROKEN });
    expect(asked).toEqual([]);
  });

  it("tells the first error if nobody can continue, and asks nobody unless the route says so", async () => {
    expect(await routed({ a: breaks("a"), b: fails(FULL) }, { continue: true }).ask()).toMatchObject({ error: BROKEN });
    expect(await routed({ a: breaks("a"), b: says("b") }).ask()).toMatchObject({ text: "a", error: BROKEN });
  });
});

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

describe("a conversation", () => {
  it("stays with the target that answers it while the first one's wait is near the limit", async () => {
    let firstTokenMs = 1_200;
    const a = { generate: says("A"), workload: () => ({ waiting: 1, running: 1, firstTokenMs }) };
    const { ask, clock } = routed(
      { a, b: says("B") },
      { targets: [{ model: "a", spill: { after: 1_000 } }, { model: "b" }] },
    );
    const askAt = async (ms: number, session: string) => {
      firstTokenMs = ms;
      clock.advance(60);
      return (await ask({ terms: { tenant: "local", priority: "default", session } })).text;
    };
    expect(await askAt(1_200, "one")).toBe("B");
    expect(await askAt(900, "one")).toBe("B");
    expect(await askAt(900, "another")).toBe("A");
    expect(await askAt(700, "one")).toBe("A");
    expect(await askAt(900, "one")).toBe("A");
  });
});
