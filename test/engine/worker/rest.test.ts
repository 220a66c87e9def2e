import fc from "fast-check";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { SequenceUpdate } from "../../../src/engine/contract/messages.ts";
import { PrefixStore } from "../../../src/engine/worker/prefix-store.ts";
import { Scheduler } from "../../../src/engine/worker/scheduler.ts";
import { createFakeClock } from "../../fake-clock.ts";
import { createFakeBatcher, expectedAnswer, runScheduler, sequenceRequest, settle, tokenizer } from "./fake-backend.ts";

const CONTEXT = 120;
/** Longer than batch work rests after the last other sequence. */
const AFTER_MS = 1_000;
const STEP_MS = 10;

function letters(length: number, from = 1): number[] {
  return Array.from({ length }, (_, index) => ((index * 7 + from) % 26) + 1);
}

type Given = {
  readonly slots?: number;
  readonly chunk?: number;
  readonly say?: (tokens: readonly number[]) => number;
  /** How long a native call takes for each of its tokens; if absent, as long as any other, and the scheduler's own clock is the machine's. */
  readonly tokenMs?: number;
};

/** A scheduler whose native calls take some time of a fake clock each. */
function setUp({ slots = 3, chunk = 4, say, tokenMs }: Given = {}) {
  const clock = createFakeClock();
  const batcher = createFakeBatcher({
    slots,
    contextTokens: CONTEXT,
    maxBatchTokens: chunk,
    ...(say && { say }),
  });
  const answers = new Map<number, { text: string; finished: SequenceUpdate["finished"] }>();
  const reports: (readonly SequenceUpdate[])[] = [];
  const scheduler = new Scheduler({
    ...{ batcher, tokenizer, clock, prefillChunkTokens: chunk, prefillPauseMs: 0, prefillShare: 1 },
    prefixStore: new PrefixStore({ newPath: () => "unused", remove: () => {} }, 0),
    reject: () => {},
    report(updates) {
      reports.push(updates);
      for (const { id, text, finished } of updates) {
        answers.set(id, { text: (answers.get(id)?.text ?? "") + text, finished });
      }
    },
  });
  if (tokenMs !== undefined) {
    const spy = vi.spyOn(performance, "now").mockImplementation(() => clock.now());
    onTestFinished(() => spy.mockRestore());
  }
  const { running, finish } = runScheduler(scheduler, batcher);
  const startsMs: number[] = [];
  const tokensOf = (call = -1) => (batcher.calls.at(call) ?? []).reduce((sum, { tokens }) => sum + tokens.length, 0);
  const slotsOfCalls = (from = 0) => batcher.calls.slice(from).map((call) => call.map(({ slot }) => slot));

  /** Ends the native call in progress. Returns whether there was one. */
  async function step(): Promise<boolean> {
    await settle();
    startsMs[batcher.calls.length - 1] ??= clock.now();
    clock.advance(tokenMs === undefined ? STEP_MS : tokenMs * tokensOf());
    const didEnd = batcher.finishDecode();
    await settle();
    return didEnd;
  }
  /** Until nothing is evaluated, and nothing rests any more. */
  async function drain(): Promise<void> {
    for (let quiet = 0; quiet < 3; ) {
      if (await step()) {
        quiet = 0;
        continue;
      }
      quiet += 1;
      clock.advance(AFTER_MS);
    }
  }
  return { clock, batcher, scheduler, answers, reports, running, finish, step, drain, slotsOfCalls, startsMs };
}

/** Never ends by itself. */
const endless = (tokens: readonly number[]) => (tokens.length % 26) + 1;

describe("sequences of class batch", () => {
  test("are in no step while another sequence runs, and go on where they were when it has ended", async () => {
    const { scheduler, step, drain, batcher, answers, finish, slotsOfCalls } = setUp({ say: endless });
    for (const id of [1, 2]) {
      scheduler.submit(sequenceRequest(id, { maxTokens: 40, priority: "batch" }), letters(6, id));
    }
    for (let steps = 0; steps < 10; steps++) await step();
    const rows = new Set(slotsOfCalls().flat());
    expect(rows.size).toBe(2);

    scheduler.submit(sequenceRequest(3, { maxTokens: 5 }), letters(10, 3));
    // The call in progress ends, and then all calls are the chat's until it has ended.
    await step();
    const before = batcher.calls.length - 1;
    for (let steps = 0; answers.get(3)?.finished === undefined; steps++) {
      expect(steps).toBeLessThan(10);
      await step();
    }
    expect(new Set(slotsOfCalls(before).flat())).toEqual(new Set([2]));
    expect(scheduler.load).toMatchObject({ running: 2, waiting: 0 });

    await drain();
    for (const id of [1, 2]) {
      expect(answers.get(id)?.text).toBe(expectedAnswer(letters(6, id), { maxTokens: 40 }, CONTEXT, endless).text);
    }
    // Nothing was evaluated twice.
    const evaluated = batcher.calls.flat().reduce((sum, { tokens }) => sum + tokens.length, 0);
    expect(evaluated).toBe(2 * (6 + 39) + 10 + 4);
    await finish();
  });

  test("give way between two chunks of their prompts", async () => {
    const { scheduler, step, drain, batcher, finish } = setUp();
    scheduler.submit(sequenceRequest(1, { maxTokens: 1, priority: "batch" }), letters(60));
    await step();
    await settle();
    scheduler.submit(sequenceRequest(2, { maxTokens: 1 }), letters(8, 2));
    await drain();
    const order = batcher.calls.map(([part]) => part?.slot);
    const chat = order.indexOf(1);
    // One chunk was in progress.
    expect(chat).toBe(2);
    expect(order.slice(chat, chat + 2)).toEqual([1, 1]);
    expect(order.slice(chat + 2)).not.toContain(1);
    await finish();
  });

  test("fill all slots before the next step, so that no step decodes fewer than there are", async () => {
    const { scheduler, drain, batcher, finish } = setUp({ slots: 4, say: endless });
    const promptTokens = 6;
    for (let id = 0; id < 8; id++) {
      scheduler.submit(sequenceRequest(id, { maxTokens: 10, priority: "batch" }), letters(promptTokens, id));
    }
    await drain();
    const widths = batcher.calls.flatMap(([part, ...more]) =>
      part !== undefined && part.position >= promptTokens ? [more.length + 1] : [],
    );
    expect(widths).toEqual(Array.from({ length: 18 }, () => 4));
    await finish();
  });

  test("have a step after two chunks of prompts for each slot, however many prompts come", async () => {
    const { scheduler, step, drain, batcher, finish } = setUp({ slots: 4, chunk: 2, say: endless });
    scheduler.submit(sequenceRequest(0, { maxTokens: 60, priority: "batch" }), letters(4));
    for (let steps = 0; steps < 3; steps++) await step();
    for (let id = 1; id < 8; id++) {
      scheduler.submit(sequenceRequest(id, { maxTokens: 2, priority: "batch" }), letters(40, id));
    }
    await drain();
    let between = 0;
    let most = 0;
    for (const call of batcher.calls) {
      if (call.some(({ slot, tokens }) => slot === 0 && tokens.length === 1)) between = 0;
      else if (batcher.calls.indexOf(call) > 0) between += call.reduce((sum, { tokens }) => sum + tokens.length, 0);
      most = Math.max(most, between);
    }
    expect(most).toBe(2 * 4 * 2);
    await finish();
  });

  test("rest a little longer, so that the next request of a program meets none of their steps", async () => {
    const { scheduler, step, answers, slotsOfCalls, batcher, clock, finish } = setUp({ say: endless });
    scheduler.submit(sequenceRequest(1, { maxTokens: 100, priority: "batch" }), letters(4));
    for (let steps = 0; steps < 5; steps++) await step();
    let before = 0;
    for (let chat = 2; chat < 12; chat++) {
      scheduler.submit(sequenceRequest(chat, { maxTokens: 3 }), letters(4, chat));
      while (answers.get(chat)?.finished === undefined) await step();
      if (before === 0) before = batcher.calls.length;
      clock.advance(100);
      await settle();
    }
    expect(slotsOfCalls(before).flat()).not.toContain(0);
    clock.advance(AFTER_MS);
    const after = batcher.calls.length;
    await step();
    expect(slotsOfCalls(after - 1).flat()).toContain(0);
    await finish();
  });

  test("have shorter calls the sooner after another sequence they are, and whole steps again later", async () => {
    const tokenMs = 10;
    const { scheduler, step, answers, batcher, clock, finish, startsMs } = setUp({ slots: 4, say: endless, tokenMs });
    for (const id of [1, 2, 3]) {
      scheduler.submit(sequenceRequest(id, { maxTokens: 110, priority: "batch" }), letters(4, id));
    }
    for (let steps = 0; steps < 20; steps++) await step();
    scheduler.submit(sequenceRequest(4, { maxTokens: 3 }), letters(4, 4));
    while (answers.get(4)?.finished === undefined) await step();
    // The last look at it was before its last token.
    const quietSinceMs = clock.now() - tokenMs;
    const before = batcher.calls.length;
    clock.advance(250);
    for (let steps = 0; steps < 60; steps++) await step();
    const widths = batcher.calls.slice(before, startsMs.length).map((call) => call.length);
    for (const [index, width] of widths.entries()) {
      const quietMs = Number(startsMs[before + index]) - quietSinceMs;
      expect(width * tokenMs).toBeLessThanOrEqual(Math.max(tokenMs, quietMs / 20));
    }
    expect(widths.slice(0, 3)).toEqual([1, 1, 1]);
    expect(widths.slice(-5)).toEqual([3, 3, 3, 3, 3]);
    await finish();
  });

  test("begin no prompt soon after another sequence, since a chunk can't be shortened", async () => {
    const { scheduler, step, drain, answers, batcher, clock, finish, startsMs } = setUp({ say: endless, tokenMs: 10 });
    scheduler.submit(sequenceRequest(1, { maxTokens: 100, priority: "batch" }), letters(4));
    for (let steps = 0; steps < 5; steps++) await step();
    scheduler.submit(sequenceRequest(2, { maxTokens: 3 }), letters(4, 2));
    while (answers.get(2)?.finished === undefined) await step();
    const quietSinceMs = clock.now() - 10;
    const before = batcher.calls.length;
    scheduler.submit(sequenceRequest(3, { maxTokens: 2, priority: "batch" }), letters(12, 3));
    clock.advance(250);
    for (let steps = 0; steps < 80; steps++) await step();
    const first = batcher.calls.findIndex((call, index) => index >= before && call.some(({ slot }) => slot !== 0));
    // A chunk takes 40 ms.
    expect(Number(startsMs[first]) - quietSinceMs).toBeGreaterThanOrEqual(20 * 40);
    expect(Number(startsMs[first]) - quietSinceMs).toBeLessThan(20 * 40 + 50);
    expect(first - before).toBeGreaterThan(20);
    await drain();
    expect(answers.get(3)?.finished?.completionTokens).toBe(2);
    await finish();
  });

  test("go on slowly beside others that never end, after the time that they may rest", async () => {
    const { scheduler, step, slotsOfCalls, batcher, clock, finish } = setUp({ say: endless });
    scheduler.submit(sequenceRequest(1, { maxTokens: 100, priority: "batch", restMs: 2_000 }), letters(4));
    await step();
    let chat = 2;
    const talk = () => scheduler.submit(sequenceRequest(chat, { maxTokens: 100 }), letters(4, chat++));
    const isTalking = () => scheduler.load.running > 1;
    talk();
    await step();
    const before = batcher.calls.length;
    while (clock.now() < 1_900) {
      if (!isTalking()) talk();
      await step();
    }
    expect(slotsOfCalls(before).flat()).not.toContain(0);
    const from = batcher.calls.length;
    for (let steps = 0; steps < 640; steps++) {
      if (!isTalking()) talk();
      await step();
    }
    const its = slotsOfCalls(from).filter((slots) => slots.includes(0)).length;
    expect(its).toBeGreaterThanOrEqual(15);
    // And between two chats.
    expect(its).toBeLessThanOrEqual(20 + chat);
    await finish();
  });

  test("go on if the other has no slot, which only they can make free", async () => {
    const { scheduler, drain, answers, finish } = setUp({ slots: 2, say: endless });
    for (const id of [1, 2]) {
      scheduler.submit(sequenceRequest(id, { maxTokens: 10, priority: "batch" }), letters(6, id));
    }
    await settle();
    scheduler.submit(sequenceRequest(3, { maxTokens: 3 }), letters(6, 3));
    await drain();
    expect([1, 2, 3].map((id) => answers.get(id)?.finished?.completionTokens)).toEqual([10, 10, 3]);
    await finish();
  });

  test("are never waited for by another with the same beginning", async () => {
    const { scheduler, step, drain, answers, batcher, finish } = setUp({ say: endless });
    scheduler.submit(sequenceRequest(1, { maxTokens: 2, priority: "batch" }), letters(60));
    await step();
    scheduler.submit(sequenceRequest(2, { maxTokens: 2 }), [...letters(56), 9, 9]);
    await drain();
    expect([1, 2].map((id) => answers.get(id)?.finished?.completionTokens)).toEqual([2, 2]);
    const chat = batcher.calls.findIndex(([part]) => part?.slot === 1);
    expect(chat).toBeLessThan(4);
    await finish();
  });

  const request = fc.record({
    atStep: fc.nat(60),
    from: fc.integer({ min: 1, max: 3 }),
    length: fc.integer({ min: 1, max: 50 }),
    maxTokens: fc.integer({ min: 1, max: 20 }),
    cancelAfter: fc.option(fc.nat(10), { nil: undefined, freq: 6 }),
  });
  type Request = typeof request extends fc.Arbitrary<infer T> ? T & { readonly isBatch: boolean } : never;

  /** Returns what each native call has brought. */
  async function run(given: readonly Request[], slots: number): Promise<readonly (readonly SequenceUpdate[])[]> {
    const { scheduler, step, drain, answers, batcher, finish, reports } = setUp({ slots });
    for (let now = 0; now <= 75; now++) {
      for (const [id, { atStep, isBatch, from, length, maxTokens, cancelAfter }] of given.entries()) {
        if (atStep === now) {
          const priority = isBatch ? "batch" : "default";
          scheduler.submit(sequenceRequest(id, { maxTokens, priority }), letters(length, from));
        }
        if (cancelAfter !== undefined && atStep + cancelAfter === now) scheduler.cancel(id);
      }
      await step();
    }
    await drain();
    for (const [id, { from, length, maxTokens, cancelAfter }] of given.entries()) {
      if (cancelAfter !== undefined) continue;
      const { text, reason } = expectedAnswer(letters(length, from), { maxTokens }, CONTEXT);
      expect(answers.get(id)).toMatchObject({ text, finished: { reason } });
    }
    expect(scheduler.load).toMatchObject({ running: 0, waiting: 0 });
    expect(batcher.liveSamplers()).toBe(0);
    await finish();
    return reports;
  }

  test("are answered as if they were alone, whatever comes and goes", async () => {
    const requests = fc.array(fc.tuple(request, fc.boolean()), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(requests, fc.integer({ min: 1, max: 4 }), async (given, slots) => {
        await run(
          given.map(([each, isBatch]) => ({ ...each, isBatch })),
          slots,
        );
      }),
      { numRuns: 50 },
    );
  });

  test("have no part in any step between the first token of another and its last", async () => {
    const some = fc.array(request, { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(some, some, fc.integer({ min: 1, max: 8 }), async (chats, rows, slots) => {
        const classes = [...chats.map(() => false), ...rows.map(() => true)];
        const given = [...chats, ...rows].map((each, id) => ({ ...each, isBatch: classes[id] === true }));
        const speaking = new Set<number>();
        for (const updates of await run(given, slots)) {
          // One that was cancelled says nothing more.
          const whole = [...speaking].filter((id) => given[id]?.cancelAfter === undefined);
          if (whole.length > 0) expect(updates.filter(({ id }) => classes[id])).toEqual([]);
          for (const { id, finished } of updates) {
            if (classes[id] !== false) continue;
            if (finished === undefined) speaking.add(id);
            else speaking.delete(id);
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});
