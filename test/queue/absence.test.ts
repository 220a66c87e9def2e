import { expect, it } from "vitest";
import { OverloadedError } from "../../src/generation/errors.ts";
import type { WaitNews } from "../../src/generation/news.ts";
import { createAdmission } from "../../src/queue/admission.ts";
import { createBound } from "../../src/queue/bound.ts";
import { createModelQueue } from "../../src/queue/queue.ts";
import type { Job } from "../../src/queue/task.ts";
import { createFakeClock } from "../fake-clock.ts";

const LOAD_MS = 20_000;

function createBench({ isPredictable = true, slots = 1 } = {}) {
  const clock = createFakeClock();
  let readyMs: number | undefined;
  let calls = 0;
  const isAway = () => readyMs === undefined || clock.now() < readyMs;
  const queue = createModelQueue({
    ...{ clock, slots, minSlots: 1, targetItlMs: 250 },
    absence: {
      isAway,
      readyInMs: () => (isAway() ? (readyMs ?? clock.now() + LOAD_MS) - clock.now() : 0),
      isPredictable: () => isPredictable,
      call() {
        calls += 1;
        if (readyMs !== undefined) return;
        readyMs = clock.now() + LOAD_MS;
        clock.after(LOAD_MS, queue.look);
      },
    },
  });
  const bound = createBound({ maxRequests: 1_000, maxTokens: 1_000_000, random: () => 0 });
  const admission = createAdmission({ queue, bounds: [bound], maxWaitMs: () => 60_000, clock });
  const order = {
    ...{ tenant: "a", mark: "", priority: "default" as const, choices: 1, maxTokens: 10 },
    size: { type: "tokens", count: 100 } as const,
  };
  const turns: string[] = [];
  const refused: [string, unknown][] = [];
  const arrive = (name: string, given: Partial<Job> = {}) =>
    queue.arrive({
      ...order,
      onTurn: () => void turns.push(name),
      onRefused: (error) => void refused.push([name, error]),
      ...given,
    });
  return {
    ...{ clock, queue, arrive, turns, refused },
    enter: (maxWaitMs: number) => admission.enter(order, { priority: "interactive", maxWaitMs }),
    unload() {
      readyMs = undefined;
    },
    get calls() {
      return calls;
    },
  };
}

it("has a model loaded for the first request, and gives turns in the queue's order once it is there", () => {
  const bench = createBench({ slots: 2 });
  bench.arrive("batch", { priority: "batch" });
  bench.arrive("default");
  bench.arrive("interactive", { priority: "interactive" });
  expect([bench.calls > 0, bench.turns]).toEqual([true, []]);
  bench.clock.advance(LOAD_MS);
  expect(bench.turns).toEqual(["interactive", "default"]);
});

it("tells those that wait their place and the time that the load still takes", () => {
  const { clock, arrive } = createBench();
  const news: WaitNews[] = [];
  arrive("a", { onWait: (each) => void news.push(each) });
  expect(news.at(-1)).toMatchObject({ type: "waiting", position: 1, isLoading: true });
  clock.advance(5_000);
  const [first, last] = [news[0], news.at(-1)].map((each) => (each?.type === "waiting" ? each.etaMs : Number.NaN));
  expect(first).toBeGreaterThanOrEqual(LOAD_MS);
  expect(Number(first) - Number(last)).toBeCloseTo(5_000, -2);
  clock.advance(LOAD_MS - 5_000);
  expect(news.at(-1)).toEqual({ type: "admitted", waitedMs: LOAD_MS, position: 1 });
});

it("refuses a request that can't wait for the load, with the time after which to come back", () => {
  const { enter, clock, arrive } = createBench();
  expect(() => enter(10_000)).toThrow(OverloadedError);
  expect(() => enter(10_000)).toThrow(/would come after about 20\.\d s, later than the 10\.0 s/);
  arrive("a");
  clock.advance(12_000);
  expect(() => enter(10_000)).not.toThrow();
});

it("refuses nothing on a guess", () => {
  expect(() => createBench({ isPredictable: false }).enter(10_000)).not.toThrow();
});

it("ends the wait of a request whose deadline comes while the model loads", () => {
  const { clock, arrive, refused, turns, queue } = createBench();
  arrive("a", { maxWaitMs: 5_000 });
  arrive("b");
  clock.advance(5_000);
  expect(refused).toEqual([["a", expect.any(OverloadedError)]]);
  clock.advance(LOAD_MS);
  expect([turns, queue.counts.waiting]).toEqual([["b"], 0]);
});

it("tells all that wait when the model gets no room, and forgets them", () => {
  const { arrive, queue, refused } = createBench();
  arrive("a");
  arrive("b").leave();
  arrive("c");
  const error = new Error("no room");
  queue.refuseWaiting(error);
  expect(refused).toEqual([
    ["a", error],
    ["c", error],
  ]);
  expect(queue.counts).toMatchObject({ waiting: 0, running: 0, waits: 0 });
});

it("keeps those that wait while the model is unloaded between them, and has it loaded again", () => {
  const bench = createBench();
  const first = bench.arrive("a");
  bench.clock.advance(LOAD_MS);
  bench.unload();
  const { calls } = bench;
  bench.arrive("b");
  first.leave();
  expect([bench.turns, bench.calls]).toEqual([["a"], calls + 1]);
  bench.clock.advance(LOAD_MS);
  expect(bench.turns).toEqual(["a", "b"]);
});
