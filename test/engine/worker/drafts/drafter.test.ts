import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { SequenceUpdate } from "../../../../src/engine/contract/messages.ts";
import { createDrafter } from "../../../../src/engine/worker/drafts/drafter.ts";
import { PrefixStore } from "../../../../src/engine/worker/prefix-store.ts";
import { Scheduler } from "../../../../src/engine/worker/scheduler.ts";
import {
  createFakeBatcher,
  expectedAnswer,
  repeat,
  runScheduler,
  sequenceRequest,
  settle,
  tokenizer,
} from "../fake-backend.ts";

const CONTEXT = 160;
/** From which position on greedy answers may have drafts. */
const GREEDY_FROM = 60;

/** Costs of a machine that evaluates sixteen tokens as fast as one, so that every guess pays. */
const FREE_TOKENS = { plainMs: (sequences: number) => Math.min(1, sequences), draftMs: () => 1 };

function setUp(options: Partial<Parameters<typeof createFakeBatcher>[0]> = {}) {
  const batcher = createFakeBatcher({ slots: 3, contextTokens: CONTEXT, maxBatchTokens: 48, say: repeat, ...options });
  const updates: SequenceUpdate[] = [];
  const reports: SequenceUpdate[][] = [];
  const rejected: number[] = [];
  const costs = { ...FREE_TOKENS, recordPlain: () => {}, recordDraft: () => {} };
  const scheduler = new Scheduler({
    batcher,
    tokenizer,
    prefillChunkTokens: 16,
    prefillPauseMs: 0,
    prefillShare: 1,
    prefixStore: new PrefixStore({ newPath: () => "", remove: () => {} }, 0),
    drafter: createDrafter({ costs, batcher, tokenizer, greedyFrom: GREEDY_FROM }),
    reject: (id) => rejected.push(id),
    report(news) {
      reports.push(news);
      updates.push(...news);
    },
  });
  const of = (id: number) => updates.filter((update) => update.id === id);
  return {
    batcher,
    scheduler,
    reports,
    rejected,
    /** The whole answer of a sequence. */
    answer(id: number) {
      const mine = of(id);
      return {
        text: mine.map(({ text }) => text).join(""),
        tokens: mine.flatMap(({ tokens }) => tokens),
        logprobs: mine.flatMap(({ logprobs = [] }) => logprobs.map(({ token }) => token)),
        finished: mine.at(-1)?.finished,
        times: mine.at(-1)?.times,
        cachedTokens: mine[0]?.started?.cachedTokens,
      };
    },
    /** Native calls that evaluated more than the next token of a sequence whose prompt has this length. */
    drafts: (promptTokens: number) =>
      batcher.calls.flat().filter(({ position, tokens }) => position >= promptTokens && tokens.length > 1),
    ...runScheduler(scheduler, batcher),
  };
}

/** A text that the fake model continues as it began. */
function repeatingPrompt(length: number, first = 1): number[] {
  const prompt = [first];
  while (prompt.length < length) prompt.push(repeat(prompt));
  return prompt;
}

const SAMPLED = { temperature: 1, maxTokens: 30 };

describe("a scheduler with drafts", () => {
  test("gives each sequence the answer that it would get without them, whatever other sequences do", async () => {
    const submission = fc.record({
      first: fc.integer({ min: 1, max: 26 }),
      length: fc.integer({ min: 1, max: CONTEXT - 1 }),
      maxTokens: fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined }),
      stop: fc.constantFrom([], ["b"], ["abc", "zx"]),
      temperature: fc.constantFrom(0, 1),
      reproducible: fc.boolean(),
      replayed: fc.nat(20),
      logprobs: fc.constantFrom(undefined, 1),
    });
    const action = fc.oneof(
      { weight: 3, arbitrary: fc.record({ type: fc.constant("submit" as const), submission }) },
      { weight: 1, arbitrary: fc.record({ type: fc.constant("cancel" as const), which: fc.nat(10) }) },
      { weight: 8, arbitrary: fc.record({ type: fc.constant("finishDecode" as const) }) },
    );
    let drafted = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 50 }), async (actions) => {
        const { batcher, scheduler, answer, drafts, drain, finish } = setUp();
        const expected: (ReturnType<typeof expectedAnswer> & { replayed: number; scored: boolean })[] = [];
        const cancelled = new Set<number>();
        for (const step of actions) {
          if (step.type === "submit") {
            const { first, length, logprobs, replayed, ...fields } = step.submission;
            const prompt = repeatingPrompt(length, first);
            const whole = expectedAnswer(prompt, fields, CONTEXT, repeat);
            const replay = whole.tokens.slice(0, Math.min(replayed, whole.tokens.length - 1));
            const id = expected.push({ ...whole, replayed: replay.length, scored: logprobs !== undefined }) - 1;
            const scores = logprobs === undefined ? {} : { logprobs };
            scheduler.submit(sequenceRequest(id, { ...fields, ...scores, replay }), prompt);
          } else if (step.type === "cancel") {
            if (step.which < expected.length) cancelled.add(step.which);
            scheduler.cancel(step.which);
          } else batcher.finishDecode();
          await settle();
        }
        await drain();
        drafted += drafts(0).length;
        for (const [
          id,
          { text, tokens, reason, completionTokens, stopString, replayed, scored },
        ] of expected.entries()) {
          if (cancelled.has(id)) continue;
          const given = answer(id);
          expect(given.tokens).toEqual(tokens.slice(replayed));
          expect(text.endsWith(given.text)).toBe(true);
          if (replayed === 0) expect(given.text).toBe(text);
          if (replayed === 0 && scored) expect(given.logprobs).toEqual(tokens.slice(0, text.length));
          expect(given.finished).toEqual({ reason, completionTokens, ...(stopString !== undefined && { stopString }) });
          expect(given.times?.decodeTokens).toBe(tokens.length - replayed);
        }
        expect([scheduler.load.running, scheduler.load.waiting, batcher.liveSamplers()]).toEqual([0, 0, 0]);
        await finish();
      }),
      { numRuns: 150 },
    );
    expect(drafted).toBeGreaterThan(100);
  });

  test("sends all tokens of an accepted draft in the same step, and takes fewer calls", async () => {
    const { batcher, scheduler, reports, answer, drain, finish } = setUp();
    scheduler.submit(sequenceRequest(1, SAMPLED), repeatingPrompt(50));
    await drain();
    expect(answer(1).tokens).toEqual(expectedAnswer(repeatingPrompt(50), SAMPLED, CONTEXT, repeat).tokens);
    const prefills = 4;
    expect(batcher.calls.length - prefills).toBeLessThan(SAMPLED.maxTokens / 2);
    expect(Math.max(...reports.map((news) => news.flatMap(({ tokens }) => tokens).length))).toBeGreaterThan(4);
    await finish();
  });

  test("makes none for a request with a seed, and none for a greedy one where its answer is promised", async () => {
    for (const fields of [{ temperature: 1, reproducible: true }, { temperature: 0 }]) {
      const { scheduler, drafts, drain, finish } = setUp();
      scheduler.submit(sequenceRequest(1, { ...fields, maxTokens: GREEDY_FROM - 50 }), repeatingPrompt(50));
      await drain();
      expect(drafts(50)).toEqual([]);
      await finish();
    }
    const { scheduler, drafts, drain, finish } = setUp();
    scheduler.submit(sequenceRequest(1, { temperature: 0, maxTokens: 60 }), repeatingPrompt(50));
    await drain();
    expect(drafts(50).length).toBeGreaterThan(0);
    for (const { position } of drafts(50)) expect(position).toBeGreaterThanOrEqual(GREEDY_FROM);
    await finish();
  });

  test("never evaluates another sequence's token in a call with a draft", async () => {
    const { batcher, scheduler, drafts, drain, finish } = setUp();
    scheduler.submit(sequenceRequest(1, SAMPLED), repeatingPrompt(50));
    scheduler.submit(sequenceRequest(2, { ...SAMPLED, reproducible: true }), repeatingPrompt(50, 2));
    await drain();
    expect(drafts(50).length).toBeGreaterThan(0);
    const mixed = batcher.calls.filter(
      (call) => call.length > 1 && call.some(({ position, tokens }) => position >= 50 && tokens.length > 1),
    );
    expect(mixed).toEqual([]);
    await finish();
  });

  test("keeps in the slot what was said, for the next prompt with the same beginning", async () => {
    const { scheduler, answer, drain, finish } = setUp({ slots: 1 });
    const prompt = repeatingPrompt(50);
    const { tokens, text } = expectedAnswer(prompt, { maxTokens: 30 }, CONTEXT, repeat);
    // Ends in the middle of a draft.
    const stop = [text.slice(20, 22)];
    const stopped = expectedAnswer(prompt, { maxTokens: 30, stop }, CONTEXT, repeat);
    scheduler.submit(sequenceRequest(1, { ...SAMPLED, stop }), prompt);
    await drain();
    expect(answer(1)).toMatchObject({ text: stopped.text, finished: { stopString: stop[0] } });
    // The last token is sampled, but not evaluated.
    expect(scheduler.load.slotTokens).toEqual([prompt.length + stopped.tokens.length - 1]);
    scheduler.submit(sequenceRequest(2, SAMPLED), [...prompt, ...tokens.slice(0, stopped.tokens.length), 3]);
    await drain();
    expect(answer(2).cachedTokens).toBe(prompt.length + stopped.tokens.length - 1);
    await finish();
  });

  test("samples under a grammar as long as it allows it, and reports its fault", async () => {
    const grammar = { gbnf: "root ::= [a-z]*" };
    const { scheduler, answer, rejected, drain, finish } = setUp({ slowAfter: 12 });
    scheduler.submit(sequenceRequest(1, { ...SAMPLED, grammar }), repeatingPrompt(50));
    await drain();
    const { tokens } = expectedAnswer(repeatingPrompt(50), SAMPLED, CONTEXT, repeat);
    expect(answer(1).tokens).toEqual(tokens.slice(0, 12));
    expect(rejected).toEqual([1]);
    await finish();
  });

  test("releases a sequence that is cancelled during a draft, and its slot holds no guesses", async () => {
    const { batcher, scheduler, drafts, drain, finish } = setUp({ slots: 1 });
    scheduler.submit(sequenceRequest(1, SAMPLED), repeatingPrompt(50));
    await settle();
    while (drafts(50).length === 0 && batcher.finishDecode()) await settle();
    const held = scheduler.load.slotTokens[0] ?? 0;
    scheduler.cancel(1);
    await drain();
    expect(scheduler.load).toEqual({ waiting: 0, running: 0, slotTokens: [held + 1] });
    expect(batcher.truncate(0, held + 1)).toBe(true);
    expect(() => batcher.truncate(0, held + 2)).toThrow();
    await finish();
  });
});
