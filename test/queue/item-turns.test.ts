import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  composeEmbed,
  type Embed,
  EmbeddingRefusedError,
  type EmbeddingRequest,
  type EmbeddingResult,
} from "../../src/generation/embedding.ts";
import { OverloadedError, SupersededError } from "../../src/generation/errors.ts";
import type { News } from "../../src/generation/news.ts";
import { PRIORITIES, type Priority, type Terms } from "../../src/generation/terms.ts";
import { createLoadControl, type LoadControlOptions } from "../../src/queue/load-control.ts";
import { createFakeClock } from "../fake-clock.ts";
import { generationRequest } from "../fixtures/generation.ts";

type Asked = {
  readonly tenant: string;
  readonly tokens: number;
  readonly answered: PromiseWithResolvers<EmbeddingResult>;
};

/** A model that makes one vector at a time, when the test says so, and takes a millisecond for each token. */
function createBench(options: Partial<LoadControlOptions> = {}) {
  const clock = createFakeClock();
  const load = createLoadControl({
    ...{ maxPending: 256, maxPendingTokens: 1_000_000, maxWaitMs: 60_000, models: () => 0, clock, random: () => 0 },
    ...options,
  });
  const { gate, turns, workload } = load.embeddingQueueFor({ isReady: () => true });
  const asked: Asked[] = [];
  const model: Embed = ({ items, terms, signal }) => {
    const answered = Promise.withResolvers<EmbeddingResult>();
    const [item] = items;
    expect(items).toHaveLength(1);
    asked.push({ tenant: terms?.tenant ?? "", tokens: item?.type === "tokens" ? item.tokens.length : 0, answered });
    signal.addEventListener("abort", () => answered.reject(signal.reason), { once: true });
    return answered.promise;
  };
  const embed = composeEmbed([gate, turns], model);
  let answers = 0;

  return {
    ...{ clock, load, asked, workload },
    /** Asks for items with so many tokens each. */
    ask(tenant: string, tokens: readonly number[], terms: Partial<Terms> = {}, more: Partial<EmbeddingRequest> = {}) {
      const items = tokens.map(
        (count) => ({ type: "tokens", tokens: Array.from({ length: count }, () => 1) }) as const,
      );
      const result = embed({
        ...{ id: `req-${Math.random()}`, model: "one", items, dimensions: undefined },
        ...{ terms: { tenant, priority: "default", ...terms }, signal: new AbortController().signal },
        ...more,
      });
      result.catch(() => {});
      return result;
    },
    get tenants(): string {
      return asked.map(({ tenant }) => tenant).join("");
    },
    /** Lets the model answer what it was asked, and returns when it has the next. */
    async answer(): Promise<Asked | undefined> {
      const current = asked[answers];
      if (current === undefined) return undefined;
      answers += 1;
      clock.advance(current.tokens);
      current.answered.resolve({ vectors: [Float32Array.of(current.tokens)], tokens: current.tokens });
      await settle();
      return current;
    },
  };
}

/** What follows on what was settled has happened. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

describe("requests", () => {
  it("take turns item by item, so that a long list delays no one", async () => {
    const bench = createBench();
    const long = bench.ask("a", [101, 102, 103]);
    const short = bench.ask("a", [20]);
    while ((await bench.answer()) !== undefined);
    expect(bench.asked.map(({ tokens }) => tokens)).toEqual([101, 20, 102, 103]);
    expect((await long).vectors.map(([number]) => number)).toEqual([101, 102, 103]);
    expect(await short).toEqual({ vectors: [Float32Array.of(20)], tokens: 20 });
    expect(bench.load.counts).toEqual({ requests: 0, tokens: 0, superseding: 0 });
  });

  it("wait for only one of another tenant's two thousand texts, in one request or in many", async () => {
    const bench = createBench();
    bench.ask(
      "a",
      Array.from({ length: 1_800 }, () => 500),
    );
    for (let index = 0; index < 200; index++) bench.ask("a", [500]);
    for (let index = 0; index < 10; index++) await bench.answer();
    bench.ask("b", [1]);
    const before = bench.asked.length;
    await bench.answer();
    expect(bench.tenants.slice(before)).toBe("b");
  });

  it("get the index of an item that the model refused, and other requests go on", async () => {
    const bench = createBench();
    const refused = bench.ask("a", [20, 30]);
    const other = bench.ask("b", [40]);
    await bench.answer();
    await bench.answer();
    bench.asked.at(-1)?.answered.reject(new EmbeddingRefusedError(0, { code: "empty" }));
    await expect(refused).rejects.toMatchObject({ index: 1, refusal: { code: "empty" } });
    expect((await other).vectors).toHaveLength(1);
  });

  it("leave at once when they are aborted, waiting or not", async () => {
    const bench = createBench();
    const leaving = new AbortController();
    const running = bench.ask("a", [20, 20], {}, { signal: leaving.signal });
    const waiting = bench.ask("a", [20], {}, { signal: leaving.signal });
    const stays = bench.ask("b", [30]);
    leaving.abort(new Error("gone"));
    await expect(running).rejects.toThrow("gone");
    await expect(waiting).rejects.toThrow("gone");
    await settle();
    expect(bench.tenants).toBe("ab");
    expect(bench.load.counts.requests).toBe(1);
    bench.asked.at(-1)?.answered.resolve({ vectors: [Float32Array.of(1)], tokens: 30 });
    await stays;
    expect(bench.workload()).toMatchObject({ waiting: 0, running: 0 });
    expect(bench.clock.pending).toBe(0);
  });
});

describe("the bounds", () => {
  it("refuse a request beyond them with a time to retry, and accept one again when another has ended", async () => {
    const bench = createBench({ maxPending: 1 });
    const first = bench.ask("a", [20]);
    await expect(bench.ask("a", [20])).rejects.toBeInstanceOf(OverloadedError);
    await bench.answer();
    await first;
    bench.ask("a", [20]);
    expect(bench.tenants).toBe("aa");
  });

  it("also count generations", async () => {
    const bench = createBench({ maxPending: 2, models: () => 1 });
    const queue = bench.load.queueFor({ slots: 4, minSlots: 1, targetItlMs: 250 });
    const begin = () =>
      queue
        .gate(generationRequest(), async function* () {
          yield { type: "text", choice: 0, text: "a" } as const;
        })
        [Symbol.asyncIterator]();
    await begin().next();
    await begin().next();
    await expect(bench.ask("a", [20])).rejects.toBeInstanceOf(OverloadedError);
  });

  it("accept a list with more tokens than the bound, beside other requests", async () => {
    const bench = createBench({ maxPendingTokens: 1_000 });
    const short = bench.ask("a", [20]);
    const long = bench.ask("b", [600, 600]);
    while ((await bench.answer()) !== undefined);
    expect((await short).vectors).toHaveLength(1);
    expect((await long).vectors).toHaveLength(2);
  });

  it("leave room for a tenant that has few requests, however many another has", async () => {
    const bench = createBench({ maxPending: 16 });
    bench.ask("b", [20]);
    const greedy = Array.from({ length: 40 }, () => bench.ask("a", [500, 500]));
    const refused = (await Promise.allSettled(greedy.slice(20))).filter(({ status }) => status === "rejected");
    expect(refused).toHaveLength(20);
    bench.ask("c", [1]);
    for (let count = 0; count < 3; count++) await bench.answer();
    expect(bench.tenants).toContain("c");
  });
});

describe("a request's terms", () => {
  it("make it refused at once, with a time to retry, if its turn would come too late", async () => {
    const bench = createBench();
    for (let index = 0; index < 5; index++) bench.ask("a", [200]);
    await bench.answer();
    const refused = bench.ask("a", [20], { maxWaitMs: 300 });
    await expect(refused).rejects.toThrow(/would come after about .*, later than the 300 ms/);
    await expect(refused).rejects.toMatchObject({ retryAfterMs: expect.any(Number) });
    bench.ask("b", [20], { maxWaitMs: 300 });
    await bench.answer();
    expect(bench.tenants).toBe("aab");
  });

  it("end its wait at the deadline, even if its turn was expected before", async () => {
    const bench = createBench();
    bench.ask("a", [500]);
    const late = bench.ask("b", [20], { maxWaitMs: 100 });
    bench.clock.advance(100);
    await expect(late).rejects.toThrow("The request waited 100 ms for its turn, as long as it may.");
    await bench.answer();
    expect(bench.tenants).toBe("a");
  });

  it("let a later request supersede it", async () => {
    const bench = createBench();
    const earlier = bench.ask("a", [20, 20], { supersedeId: "typing" });
    const other = bench.ask("b", [20, 20], { supersedeId: "typing" });
    const later = bench.ask("a", [30], { supersedeId: "typing" });
    await expect(earlier).rejects.toBeInstanceOf(SupersededError);
    await settle();
    for (const { answered } of bench.asked) answered.resolve({ vectors: [Float32Array.of(1)], tokens: 20 });
    for (let count = 0; count < 6; count++) {
      await settle();
      for (const { answered } of bench.asked) answered.resolve({ vectors: [Float32Array.of(1)], tokens: 20 });
    }
    expect((await later).vectors).toHaveLength(1);
    expect((await other).vectors).toHaveLength(2);
  });

  it("report its wait and its turn", async () => {
    const bench = createBench();
    const news: News[] = [];
    bench.ask("a", [100]);
    await bench.answer();
    bench.ask("a", [100, 100]);
    bench.ask("b", [50], {}, { observe: (told) => news.push(told) });
    expect(news).toEqual([{ type: "waiting", position: 1, etaMs: 150 }]);
    await bench.answer();
    expect(news.at(-1)).toEqual({ type: "admitted", waitedMs: 100, position: 1 });
    const atOnce: News[] = [];
    while ((await bench.answer()) !== undefined);
    bench.ask("b", [50], {}, { observe: (told) => atOnce.push(told) });
    expect(atOnce).toEqual([{ type: "admitted", waitedMs: 0, position: 0 }]);
  });
});

describe("between classes", () => {
  it("interactive requests come first, and batch requests still get their share", async () => {
    const bench = createBench();
    bench.ask(
      "batch",
      Array.from({ length: 50 }, () => 100),
      { priority: "batch" },
    );
    bench.ask(
      "user",
      Array.from({ length: 200 }, () => 100),
      { priority: "interactive" },
    );
    for (let count = 0; count < 103; count++) await bench.answer();
    const ofBatch = bench.asked.slice(1, 103).filter(({ tenant }) => tenant === "batch").length;
    expect(ofBatch).toBe(6);
  });
});

describe("between tenants", () => {
  const tokens = fc.array(fc.integer({ min: 16, max: 300 }), { minLength: 1, maxLength: 12 });
  const tenant = fc.constantFrom("a", "b", "c");
  const step = fc.oneof(
    { weight: 1, arbitrary: fc.record({ tenant, tokens }) },
    { weight: 3, arbitrary: fc.constant("answer" as const) },
  );

  it("property: a new request waits at most for the text in progress and one text of each other tenant", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.array(tenant, { maxLength: 40 }), async (steps, later) => {
        const bench = createBench();
        for (const each of steps) {
          if (each === "answer") await bench.answer();
          else bench.ask(each.tenant, each.tokens);
        }
        bench.ask("new", [16]);
        const before = bench.asked.length;
        // However much more the others bring.
        for (const each of later) bench.ask(each, [300, 300]);
        for (let turns = 0; !bench.tenants.slice(before).includes("new") && turns < 10; turns++) await bench.answer();
        const waitedFor = bench.asked.slice(
          before,
          bench.asked.findLastIndex(({ tenant: its }) => its === "new"),
        );
        expect(waitedFor.length).toBeLessThanOrEqual(3);
        expect(new Set(waitedFor.map(({ tenant: its }) => its)).size).toBe(waitedFor.length);
      }),
      { numRuns: 60 },
    );
  });

  it("property: of two busy tenants, neither is ahead by more than the most expensive text of each", async () => {
    const costs = fc.array(fc.integer({ min: 16, max: 300 }), { minLength: 30, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(costs, costs, fc.constantFrom<Priority>(...PRIORITIES), async (ofA, ofB, priority) => {
        const bench = createBench();
        bench.ask("a", ofA, { priority });
        for (const cost of ofB) bench.ask("b", [cost], { priority });
        const given = { a: 0, b: 0 };
        for (let count = 0; count < 30; count++) {
          const { tenant: its = "", tokens: spent = 0 } = (await bench.answer()) ?? {};
          given[its === "a" ? "a" : "b"] += spent;
          expect(Math.abs(given.a - given.b)).toBeLessThanOrEqual(600);
        }
      }),
      { numRuns: 40 },
    );
  });
});
