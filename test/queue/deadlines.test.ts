import { expect, it } from "vitest";
import { ContextLengthExceededError, OverloadedError } from "../../src/generation/errors.ts";
import type { PromptPrice } from "../../src/generation/model.ts";
import type { WaitNews } from "../../src/generation/news.ts";
import { createAdmission } from "../../src/queue/admission.ts";
import { createBound } from "../../src/queue/bound.ts";
import { createModelQueue } from "../../src/queue/queue.ts";
import type { Job, JobHandle } from "../../src/queue/task.ts";
import { createFakeClock } from "../fake-clock.ts";

const PROMPT_TOKENS = 100;
const OUTPUT_TOKENS = 10;

function createBench(maxWaitMs = 60_000) {
  const clock = createFakeClock();
  const queue = createModelQueue({ clock, slots: 1, minSlots: 1, targetItlMs: 250 });
  const bound = createBound({ maxRequests: 1_000, maxTokens: 1_000_000, random: () => 0 });
  const admission = createAdmission({ queue, bounds: [bound], maxWaitMs: () => maxWaitMs, clock });
  const order = (tenant: string) => ({
    ...{ tenant, mark: "", priority: "default" as const, choices: 1, maxTokens: OUTPUT_TOKENS },
    size: { type: "tokens", count: PROMPT_TOKENS } as const,
  });
  function arrive(tenant: string, overrides: Partial<Job> = {}): JobHandle {
    return queue.arrive({ ...order(tenant), onTurn() {}, onRefused() {}, ...overrides });
  }
  /** Each takes 1,100 ms: 1,000 for its prompt and 10 for each token. */
  function runOne(tenant: string): void {
    const stay = arrive(tenant);
    clock.advance(1_000);
    stay.started({ promptTokens: PROMPT_TOKENS, cachedTokens: 0 });
    stay.text(undefined);
    for (let token = 0; token < OUTPUT_TOKENS; token++) {
      clock.advance(10);
      stay.text(10);
    }
    stay.choiceEnded(OUTPUT_TOKENS);
  }
  for (let time = 0; time < 50; time++) runOne("a");
  return {
    clock,
    queue,
    arrive,
    enter: (tenant: string, ownMs?: number) =>
      admission.enter(order(tenant), { priority: "default", ...(ownMs !== undefined && { maxWaitMs: ownMs }) }),
  };
}

it("refuses a request at once if its first token would come after its deadline, and says when to retry", () => {
  const { arrive, enter } = createBench();
  for (let index = 0; index < 6; index++) arrive("a");
  expect(() => enter("a", 3_000)).toThrow(OverloadedError);
  expect(() => enter("a", 3_000)).toThrow(/would come after about [67]\.\d s, later than the 3\.0 s/);
  expect(() => enter("a", 40)).toThrow(/ s, later than the 40 ms that the request may wait/);
  expect(() => enter("a", 20_000)).not.toThrow();
});

it("refuses a request whose prompt alone takes too long, even on an idle model", () => {
  const { enter } = createBench();
  expect(() => enter("a", 500)).toThrow(OverloadedError);
  expect(() => enter("a", 1_500)).not.toThrow();
});

it("accepts any request without a deadline on an idle model, however long its prompt", () => {
  const { arrive, enter } = createBench(500);
  expect(() => enter("a")).not.toThrow();
  arrive("a");
  expect(() => enter("a")).toThrow(OverloadedError);
});

it("admits another tenant, whose turn comes before the rest of one with many requests", () => {
  const { arrive, enter } = createBench();
  for (let index = 0; index < 20; index++) arrive("a");
  expect(() => enter("a", 5_000)).toThrow(OverloadedError);
  expect(() => enter("b", 5_000)).not.toThrow();
});

it("estimates the wait with the engine's own count of a prompt", async () => {
  const { clock, arrive } = createBench();
  arrive("a");
  arrive("a", { askPrice: async () => ({ promptTokens: 1_000, cachedTokens: 0 }) });
  const etasMs: number[] = [];
  arrive("a", { onWait: (news) => void (news.type === "waiting" && etasMs.push(news.etaMs)) });
  await Promise.resolve();
  await Promise.resolve();
  clock.advance(1_000);
  expect(etasMs[1]).toBeGreaterThan((etasMs[0] ?? 0) + 5_000);
});

it("refuses a waiting request if the engine says that it can never be answered", async () => {
  const { clock, queue, arrive } = createBench();
  arrive("a");
  const fault = new ContextLengthExceededError(9_000, 4_096);
  const refused: unknown[] = [];
  arrive("a", {
    askPrice: () => Promise.reject(fault),
    onRefused: (error) => void refused.push(error),
    maxWaitMs: 60_000,
  });
  arrive("a", {
    askPrice: () => Promise.reject(new OverloadedError("256 questions in hand.", 1)),
    onRefused: (error) => void refused.push(error),
  });
  await new Promise(setImmediate);
  expect(refused).toEqual([fault]);
  expect(queue.counts).toMatchObject({ waiting: 1, running: 1, waits: 1 });
  clock.advance(60_000);
  expect(refused).toEqual([fault]);
});

it("reports a wait that becomes shorter as the request ahead makes progress", () => {
  const { clock, arrive } = createBench();
  for (let index = 0; index < 2; index++) arrive("a");
  const etasMs: number[] = [];
  arrive("a", { onWait: (news) => void (news.type === "waiting" && etasMs.push(news.etaMs)) });
  clock.advance(1_000);
  const [atOnce = 0, afterOneSecond = 0] = etasMs;
  expect(atOnce - afterOneSecond).toBeGreaterThan(800);
  expect(atOnce - afterOneSecond).toBeLessThanOrEqual(1_100);
});

it("asks the engine for few prices at once, and for none of requests that have left", async () => {
  const { queue, arrive } = createBench();
  arrive("a");
  const asked: (() => void)[] = [];
  let questions = 0;
  const askPrice = () => {
    questions += 1;
    return new Promise<PromptPrice>((resolve) => asked.push(() => resolve({ promptTokens: 9, cachedTokens: 0 })));
  };
  const stays = Array.from({ length: 100 }, () => arrive("a", { askPrice }));
  expect(questions).toBe(4);
  for (const stay of stays.slice(4, 90)) stay.leave();
  while (asked.length > 0) {
    expect(asked.length).toBeLessThanOrEqual(4);
    asked.shift()?.();
    await new Promise(setImmediate);
  }
  expect(questions).toBe(4 + 10);
  expect(queue.counts.waiting).toBe(14);
});

it("reports less often to each request if many wait", () => {
  const { clock, arrive } = createBench();
  let told = 0;
  const onWait = ({ type }: WaitNews) => {
    if (type === "waiting") told += 1;
  };
  for (let index = 0; index < 301; index++) arrive("a", { onWait });
  told = 0;
  clock.advance(60_000);
  expect(told / 60).toBeGreaterThan(20);
  expect(told / 60).toBeLessThan(80);
});

it("reports to each request at least every ten seconds, however many wait", () => {
  const { clock, arrive } = createBench();
  for (let index = 0; index < 2_000; index++) arrive("a", { onWait() {} });
  let told = 0;
  arrive("a", {
    onWait() {
      told += 1;
    },
  });
  clock.advance(60_000);
  expect(told).toBeGreaterThanOrEqual(6);
});
