import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OverloadedError, SupersededError } from "../../src/generation/errors.ts";
import type { GenerationEvent } from "../../src/generation/event.ts";
import { compose, type Generate } from "../../src/generation/layer.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import type { Terms } from "../../src/generation/terms.ts";
import { createLoadControl, type LoadControlOptions } from "../../src/queue/load-control.ts";
import { createFakeClock } from "../fake-clock.ts";
import { collect, generationRequest } from "../fixtures/generation.ts";

const TEXT: GenerationEvent = { type: "text", choice: 0, text: "a" };

const endless: Generate = async function* () {
  for (;;) {
    yield TEXT;
  }
};

function createBench(options: Partial<LoadControlOptions> = {}) {
  const clock = createFakeClock();
  const load = createLoadControl({
    ...{ maxPending: 2, maxPendingTokens: 1_000_000, maxWaitMs: 60_000, models: () => 1, clock, random: () => 0 },
    ...options,
  });
  const queueFor = () => load.queueFor({ slots: 64, minSlots: 1, targetItlMs: 250 });
  const queue = queueFor();

  function begin(overrides: Partial<GenerationRequest> = {}, terms: Partial<Terms> = {}, backend: Generate = endless) {
    const request = generationRequest({ terms: { tenant: "a", priority: "default", ...terms }, ...overrides });
    return compose([queue.gate, queue.turns], backend)(request)[Symbol.asyncIterator]();
  }
  return { clock, load, queue, queueFor, begin };
}

describe("the bound on requests in progress", () => {
  it("refuses a request beyond it, and accepts one again when another has ended", async () => {
    const { begin } = createBench({ maxPending: 2 });
    const [first, second] = [begin(), begin()];
    await Promise.all([first.next(), second.next()]);

    await expect(begin().next()).rejects.toThrow(OverloadedError);
    await first.return?.();
    expect((await begin().next()).value).toEqual(TEXT);
  });

  it("refuses a request before any inner layer sees it", async () => {
    const { begin, queue } = createBench({ maxPending: 1 });
    await begin().next();
    let isSeen = false;
    const refused = queue.gate(generationRequest(), () => {
      isSeen = true;
      return endless(generationRequest());
    });
    await expect(collect(refused)).rejects.toThrow(OverloadedError);
    expect(isSeen).toBe(false);
  });

  it("passes events and the backend's end on unchanged", async () => {
    const events: GenerationEvent[] = [
      { type: "started", promptTokens: 3, cachedTokens: 0 },
      TEXT,
      { type: "finished", choice: 0, reason: "stop", completionTokens: 2 },
    ];
    const { begin, load } = createBench();
    const source = begin({}, {}, async function* () {
      yield* events;
    });
    expect(await collect({ [Symbol.asyncIterator]: () => source })).toEqual(events);
    expect(load.counts).toEqual({ requests: 0, tokens: 0, superseding: 0 });
  });

  it("leaves the backend when it is left", async () => {
    let left = false;
    const events = createBench().begin({}, {}, async function* () {
      try {
        yield TEXT;
      } finally {
        left = true;
      }
    });
    await events.next();
    await events.return?.();
    expect(left).toBe(true);
  });

  it("estimates the wait from how long requests took and how many run", async () => {
    const { clock, begin } = createBench({ maxPending: 4 });
    const running = Array.from({ length: 4 }, () => begin());
    await Promise.all(running.map((events) => events.next()));
    clock.advance(8_000);
    await running[0]?.return?.();
    await begin().next();

    // Four at once, 8 s each: one ends every 2 s, and nine in ten do in 2.3 times as long.
    const refusal = begin().next();
    await expect(refusal).rejects.toMatchObject({ retryAfterMs: 4_600 });
    await expect(refusal).rejects.toThrow("already has 4 requests in progress. Please try again in 5s.");
  });

  it("says when to retry even before any request has ended", async () => {
    const { begin } = createBench({ maxPending: 1 });
    await begin().next();
    await expect(begin().next()).rejects.toMatchObject({ retryAfterMs: expect.any(Number) });
  });

  it("leaks no place, whatever the order in which requests begin, continue, fail, end and are left", async () => {
    const action = fc.record({
      kind: fc.constantFrom("begin", "next", "leave", "end", "fail", "abort"),
      which: fc.nat({ max: 30 }),
      supersedeId: fc.option(fc.constantFrom("x", "y"), { nil: undefined, freq: 2 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 5 }), fc.array(action, { maxLength: 60 }), async (bound, actions) => {
        const { begin: beginOn, load, queue, clock } = createBench({ maxPending: bound });
        const fates: { value: "go on" | "end" | "fail" }[] = [];
        const controllers: AbortController[] = [];
        const requests: AsyncIterator<GenerationEvent>[] = [];
        for (const [step, { kind, which, supersedeId }] of actions.entries()) {
          const index = requests.length === 0 ? 0 : which % requests.length;
          const request = requests[index];
          const fate = fates[index];
          if (kind === "begin" || request === undefined || fate === undefined) {
            const own: { value: "go on" | "end" | "fail" } = { value: "go on" };
            const controller = new AbortController();
            fates.push(own);
            controllers.push(controller);
            requests.push(
              beginOn(
                { id: String(step), signal: controller.signal },
                supersedeId === undefined ? {} : { supersedeId },
                async function* ({ signal }) {
                  while (own.value === "go on") {
                    signal.throwIfAborted();
                    yield TEXT;
                  }
                  if (own.value === "fail") {
                    throw new Error("the backend failed");
                  }
                },
              ),
            );
          } else if (kind === "next") {
            await request.next().catch(() => {});
          } else if (kind === "leave") {
            // Not awaited: others go on while it is being left.
            void request.return?.();
          } else if (kind === "abort") {
            controllers[index]?.abort();
          } else {
            fate.value = kind;
          }
        }
        await Promise.all(requests.map((request) => request.return?.()));
        expect(load.counts).toEqual({ requests: 0, tokens: 0, superseding: 0 });
        expect(queue.counts()).toMatchObject({ waiting: 0, running: 0, sequences: 0, waits: 0, debtors: 0 });
        expect(clock.pending).toBe(0);
      }),
      { numRuns: 200 },
    );
  });
});

describe("the bound on tokens", () => {
  const prompt = { type: "text", text: "word ".repeat(400) } as const;

  it("refuses a request that would exceed it, and always accepts one request alone", async () => {
    const { begin } = createBench({ maxPending: 10, maxPendingTokens: 600 });
    const first = begin({ prompt });
    await first.next();
    await expect(begin({ prompt }).next()).rejects.toThrow(OverloadedError);
    expect((await begin({ prompt: { type: "text", text: "short" } }).next()).done).toBe(false);
  });

  it("counts the tokens of a prompt that comes as tokens", async () => {
    const { begin, load } = createBench();
    await begin({ prompt: { type: "tokens", tokens: [1, 2, 3] } }).next();
    expect(load.counts.tokens).toBe(3);
  });
});

describe("several models", () => {
  it("leave room for each other: one alone can use up three quarters", async () => {
    const { begin, queueFor } = createBench({ maxPending: 4, models: () => 2 });
    await Promise.all([begin().next(), begin().next(), begin().next()]);
    await expect(begin().next()).rejects.toThrow(OverloadedError);
    const other = queueFor();
    const events = compose([other.gate, other.turns], endless)(generationRequest());
    expect((await events[Symbol.asyncIterator]().next()).value).toEqual(TEXT);
  });
});

describe("models that come and go", () => {
  it("leave their share of the bounds to the others, and take it back", async () => {
    let models = 2;
    const { begin } = createBench({ maxPending: 4, models: () => models });
    await Promise.all([begin().next(), begin().next(), begin().next()]);
    await expect(begin().next()).rejects.toThrow(OverloadedError);
    models = 1;
    const fourth = begin();
    expect((await fourth.next()).value).toEqual(TEXT);
    await fourth.return?.();
    models = 2;
    await expect(begin().next()).rejects.toThrow(OverloadedError);
  });
});

describe("superseding", () => {
  it("aborts the older request of the same tenant with the same id, and frees its room at once", async () => {
    const { begin, load } = createBench({ maxPending: 1 });
    const older = begin({ id: "one" }, { supersedeId: "cursor" });
    await older.next();
    const newer = begin({ id: "two" }, { supersedeId: "cursor" }, async function* () {
      yield TEXT;
    });
    expect((await newer.next()).value).toEqual(TEXT);
    expect(load.counts.requests).toBe(1);
  });

  it("passes the abort to the older request's backend", async () => {
    const { begin } = createBench();
    const older = begin({ id: "one" }, { supersedeId: "cursor" }, async function* ({ signal }) {
      yield TEXT;
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    });
    await older.next();
    const next = older.next();
    await begin({ id: "two" }, { supersedeId: "cursor" }).next();
    await expect(next).rejects.toThrow(SupersededError);
  });

  it("doesn't affect other tenants, other ids, or other parts of the same request", async () => {
    const { begin, load } = createBench({ maxPending: 10 });
    const all = [
      begin({ id: "one" }, { supersedeId: "cursor" }),
      begin({ id: "one" }, { supersedeId: "cursor" }),
      begin({ id: "two" }, { supersedeId: "other" }),
      begin({ id: "three" }, { supersedeId: "cursor", tenant: "b" }),
    ];
    for (const events of all) await events.next();
    expect(load.counts.requests).toBe(4);
    for (const events of all) await events.return?.();
    expect(load.counts).toEqual({ requests: 0, tokens: 0, superseding: 0 });
  });
});
