import fc from "fast-check";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { SequenceUpdate } from "../../../src/engine/contract/messages.ts";
import { PrefixStore } from "../../../src/engine/worker/prefix-store.ts";
import { Scheduler } from "../../../src/engine/worker/scheduler.ts";
import { createStepMeter } from "../../../src/engine/worker/step-meter.ts";
import {
  createFakeBatcher,
  END,
  expectedAnswer,
  logprobAfter,
  runScheduler,
  sequenceRequest,
  settle,
  tokenizer,
} from "./fake-backend.ts";

const CONTEXT = 40;
/** Room for prompts that are worth storing. */
const LONG = 200;

function setUp(
  options: Partial<Parameters<typeof createFakeBatcher>[0]> & {
    chunk?: number;
    storeBytes?: number;
    prefillShare?: number;
    slowAfter?: number;
    keeps?: boolean;
  } = {},
) {
  const { chunk = 4, storeBytes = 0, prefillShare = 1, keeps = false, ...batcherOptions } = options;
  const batcher = createFakeBatcher({ slots: 3, contextTokens: CONTEXT, ...batcherOptions });
  const answers = new Map<number, { text: string; tokens: number[]; updates: SequenceUpdate[] }>();
  const reports: SequenceUpdate[][] = [];
  const rejected: [id: number, reason: string, tokensBefore: number][] = [];
  let files = 0;
  const kept = {
    seal: async (path: string) => ({ path, sizeBytes: (batcher.files.get(path)?.length ?? 0) * 10 }),
    look: () => undefined,
    open: (path: string, load: (path: string) => Promise<void>) => load(path),
    touch: () => {},
    freeBytes: () => Number.POSITIVE_INFINITY,
  };
  const prefixStore = new PrefixStore(
    { newPath: () => `file ${files++}`, remove: (path) => batcher.files.delete(path), ...(keeps && { kept }) },
    storeBytes,
  );
  const timers = new Set<() => void>();
  const stepMeter = createStepMeter();
  const scheduler = new Scheduler({
    batcher,
    tokenizer,
    prefillChunkTokens: chunk,
    prefillPauseMs: 0,
    prefillShare,
    prefixStore,
    clock: {
      now: () => 0,
      after(_, callback) {
        timers.add(callback);
        return () => timers.delete(callback);
      },
    },
    stepMeter,
    reject: (id, reason) => rejected.push([id, reason, answers.get(id)?.tokens.length ?? 0]),
    report(updates) {
      reports.push(updates);
      for (const update of updates) {
        const answer = answers.get(update.id) ?? { text: "", tokens: [], updates: [] };
        answer.text += update.text;
        answer.tokens.push(...update.tokens);
        answer.updates.push(update);
        answers.set(update.id, answer);
      }
    },
  });
  return {
    batcher,
    scheduler,
    answers,
    reports,
    rejected,
    stepMeter,
    /** Lets the time pass after which a scheduler without work is idle. */
    rest() {
      for (const callback of timers) callback();
    },
    ...runScheduler(scheduler, batcher),
  };
}

function letters(length: number, from = 1): number[] {
  return Array.from({ length }, (_, index) => ((index * 7 + from) % 26) + 1);
}

const spellScore = ({ token, logprob }: { token: number; logprob: number }) => `${token}: ${logprob}`;

/** What is scored of an answer: the tokens whose text is shown at least in part. In the fake vocabulary each is one character. */
function expectedScores(prompt: readonly number[], { text, tokens }: ReturnType<typeof expectedAnswer>): string[] {
  return tokens
    .slice(0, text.length)
    .map((token, index) => spellScore({ token, logprob: logprobAfter([...prompt, ...tokens.slice(0, index)], token) }));
}

describe("the scheduler", () => {
  test("gives each sequence the text that it would get alone, whatever other sequences do", async () => {
    const prompt = fc
      .tuple(fc.constantFrom(1, 2, 3), fc.oneof(fc.integer({ min: 1, max: LONG - 1 }), fc.constantFrom(10, 60)))
      .map(([from, length]) => letters(length, from));
    const action = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({
          type: fc.constant("submit" as const),
          prompt,
          maxTokens: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
          stop: fc.constantFrom([], ["b"], ["ab", "zx"]),
          reproducible: fc.boolean(),
          temperature: fc.constantFrom(0, 1),
          replayed: fc.nat(6),
          logprobs: fc.constantFrom(undefined, 0, 2),
        }),
      },
      { weight: 1, arbitrary: fc.record({ type: fc.constant("cancel" as const), which: fc.nat(20) }) },
      { weight: 6, arbitrary: fc.record({ type: fc.constant("finishDecode" as const) }) },
      { weight: 1, arbitrary: fc.record({ type: fc.constant("rest" as const) }) },
    );
    const engine = fc.record({
      canTruncate: fc.boolean(),
      brokenDisk: fc.boolean(),
      maxBatchTokens: fc.constantFrom(16, 48),
      storeBytes: fc.constantFrom(0, 2_500, 100_000),
      keeps: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 60 }), engine, async (actions, options) => {
        const { batcher, scheduler, answers, rest, drain, finish } = setUp({
          ...options,
          contextTokens: LONG,
          chunk: 16,
        });
        type Expected = ReturnType<typeof expectedAnswer> & { replayed: number; scores: string[] | undefined };
        const expected = new Map<number, Expected>();
        const cancelled = new Set<number>();
        let submitted = 0;
        for (const step of actions) {
          if (step.type === "submit") {
            const { prompt, logprobs, ...rest } = step;
            const fields = { ...rest, ...(logprobs !== undefined && { logprobs }) };
            const answer = expectedAnswer(prompt, step, LONG);
            // A sequence that had ended before the crash is never replayed.
            const replay = answer.tokens.slice(0, Math.min(step.replayed, answer.tokens.length - 1));
            const scores = step.logprobs === undefined ? undefined : expectedScores(prompt, answer);
            expected.set(submitted, { ...answer, replayed: replay.length, scores });
            scheduler.submit(sequenceRequest(submitted++, { ...fields, replay }), prompt);
          } else if (step.type === "cancel") {
            if (step.which < submitted) cancelled.add(step.which);
            scheduler.cancel(step.which);
          } else if (step.type === "rest") {
            rest();
          } else {
            batcher.finishDecode();
          }
          await settle();
        }
        await drain();
        for (const [id, answer] of expected) {
          const got = answers.get(id);
          const last = got?.updates.at(-1);
          if (cancelled.has(id) && last?.finished === undefined) continue;
          expect(got?.tokens).toEqual(answer.tokens.slice(answer.replayed));
          expect(answer.text.endsWith(got?.text ?? "nothing")).toBe(true);
          if (answer.replayed === 0) expect(got?.text).toBe(answer.text);
          const gotScores = got?.updates.flatMap(({ logprobs = [] }) => logprobs.map(spellScore)) ?? [];
          if (answer.scores === undefined) expect(gotScores).toEqual([]);
          else if (answer.replayed === 0) expect(gotScores).toEqual(answer.scores);
          else expect(answer.scores.slice(answer.scores.length - gotScores.length)).toEqual(gotScores);
          const { reason, completionTokens, stopString } = answer;
          expect(last?.finished).toEqual({ reason, completionTokens, stopString });
          expect(got?.updates.filter(({ started }) => started !== undefined)).toHaveLength(1);
        }
        expect(scheduler.load).toMatchObject({ waiting: 0, running: 0 });
        expect(batcher.liveSamplers()).toBe(0);
        await finish();
      }),
      { numRuns: 150 },
    );
  });

  test("counts each decoding step, and each token but the first of a sequence", async () => {
    const { scheduler, answers, stepMeter, drain, finish } = setUp();
    scheduler.submit(sequenceRequest(1, { maxTokens: 6 }), letters(10));
    scheduler.submit(sequenceRequest(2, { maxTokens: 4 }), letters(12, 3));
    await drain();
    const steps = stepMeter.take();
    const further = [...answers.values()].reduce((sum, { tokens }) => sum + tokens.length - 1, 0);
    const sumOf = (counts: readonly number[] = []) => counts.reduce((sum, count) => sum + count, 0);
    expect(further).toBeGreaterThan(2);
    expect([sumOf(steps?.betweenTokens.counts), steps?.sequences.sum]).toEqual([further, further]);
    expect(sumOf(steps?.decodes.counts)).toBeLessThan(further);
    expect(sumOf(steps?.prefills.counts)).toBeGreaterThan(1);
    await finish();
  });

  test("reports with the first token the prompt's length and how much of it was cached", async () => {
    const { scheduler, answers, drain, finish } = setUp();
    scheduler.submit(sequenceRequest(1, { maxTokens: 1 }), letters(10));
    await drain();
    scheduler.submit(sequenceRequest(2, { maxTokens: 1 }), [...letters(10), 3]);
    await drain();
    expect(answers.get(1)?.updates[0]?.started).toEqual({ promptTokens: 10, cachedTokens: 0 });
    expect(answers.get(2)?.updates[0]?.started).toEqual({ promptTokens: 11, cachedTokens: 8 });
    await finish();
  });

  test("reports the times of waiting, prefill and decode only with the last token", async () => {
    const { scheduler, answers, drain, finish } = setUp({ slots: 1 });
    const before = performance.now();
    scheduler.submit(sequenceRequest(1, { maxTokens: 3 }), letters(10));
    scheduler.submit(sequenceRequest(2, { maxTokens: 4, replay: [1] }), [...letters(10), 3]);
    await drain();
    const wholeMs = performance.now() - before;
    for (const id of [1, 2]) {
      const updates = answers.get(id)?.updates ?? [];
      expect(updates.slice(0, -1).map(({ times }) => times)).toEqual(updates.slice(0, -1).map(() => undefined));
      const times = updates.at(-1)?.times;
      expect(times).toMatchObject(
        id === 1 ? { prefillTokens: 10, decodeTokens: 3 } : { prefillTokens: 3, decodeTokens: 3 },
      );
      const { waitingMs = -1, prefillMs = -1, decodeMs = -1 } = times ?? {};
      for (const ms of [waitingMs, prefillMs, decodeMs]) expect(ms).toBeGreaterThanOrEqual(0);
      expect(waitingMs + prefillMs + decodeMs).toBeLessThanOrEqual(wholeMs);
    }
    // The second had to wait for the only slot.
    const [first, second] = [1, 2].map((id) => answers.get(id)?.updates.at(-1)?.times);
    expect(second?.waitingMs).toBeGreaterThanOrEqual((first?.prefillMs ?? 0) + (first?.decodeMs ?? 0));
    await finish();
  });

  test("reports how much of a prompt slots and files hold, and changes nothing", async () => {
    const { batcher, scheduler, drain, finish } = setUp({
      slots: 1,
      contextTokens: 200,
      chunk: 16,
      storeBytes: 100_000,
    });
    const [first, second] = [letters(100, 1), letters(100, 2)];
    expect(scheduler.heldTokens(first)).toBe(0);
    for (const [id, prompt] of [first, second].entries()) {
      scheduler.submit(sequenceRequest(id, { maxTokens: 1 }), prompt);
      await drain();
    }
    const { slotTokens } = scheduler.load;
    const calls = batcher.calls.length;
    expect(scheduler.heldTokens([...first.slice(0, 50), 9])).toBe(50);
    expect(scheduler.heldTokens([...second, 9])).toBe(100);
    expect(scheduler.heldTokens(second)).toBe(99);
    expect([batcher.files.size, batcher.calls.length]).toEqual([1, calls]);
    expect(scheduler.load.slotTokens).toEqual(slotTokens);
    await finish();
  });

  test("continues two equally advanced sequences after a crash, though it evaluates only one of them", async () => {
    const { scheduler, answers, drain, finish } = setUp({ contextTokens: LONG });
    const prompt = letters(10);
    const { tokens } = expectedAnswer(prompt, { maxTokens: 12 }, LONG);
    const request = { maxTokens: 12, temperature: 1, replay: tokens.slice(0, 5) };
    for (const id of [1, 2]) scheduler.submit(sequenceRequest(id, request), prompt);
    await drain();
    for (const id of [1, 2]) expect(answers.get(id)?.tokens).toEqual(tokens.slice(5));
    await finish();
  });

  test("after a crash scores only the replayed tokens that were held back", async () => {
    const prompt = letters(10);
    const { tokens, text } = expectedAnswer(prompt, { maxTokens: 6 }, CONTEXT);
    const stop = [`${text.slice(2, 4)}!`];
    const { scheduler, answers, drain, finish } = setUp();
    const replay = tokens.slice(0, 4);
    scheduler.submit(sequenceRequest(1, { maxTokens: 6, stop, replay, logprobs: 0, temperature: 1 }), prompt);
    await drain();
    const updates = answers.get(1)?.updates ?? [];
    expect(updates.flatMap(({ logprobs = [] }) => logprobs.map(({ token }) => token))).toEqual(tokens.slice(2));
    expect(answers.get(1)?.text).toBe(text.slice(2));
    await finish();
  });

  /** What of a prompt is scored, as the fake model has it. */
  const promptScores = (prompt: readonly number[]) =>
    prompt.map((token, index) => (index === 0 ? null : logprobAfter(prompt.slice(0, index), token)));
  const scoresOf = (updates: readonly SequenceUpdate[] = []) =>
    updates.flatMap(({ promptLogprobs = [] }) => promptLogprobs.map(({ logprob }) => logprob));

  test("scores every token of a prompt once, whatever slots hold and whatever else runs", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ length: fc.integer({ min: 1, max: 20 }), from: fc.nat(2), scored: fc.boolean() }), {
          minLength: 1,
          maxLength: 6,
        }),
        fc.integer({ min: 0, max: 3 }),
        async (requests, maxTokens) => {
          const { scheduler, answers, drain, finish, batcher } = setUp();
          for (const [id, { length, from, scored }] of requests.entries()) {
            const fields = { maxTokens, ...(scored && { promptScores: { top: 1, from: 0 } }) };
            scheduler.submit(sequenceRequest(id, fields), letters(length, from));
          }
          await drain();
          for (const [id, { length, from, scored }] of requests.entries()) {
            const prompt = letters(length, from);
            const { updates = [], text, tokens } = answers.get(id) ?? {};
            expect(scoresOf(updates)).toEqual(scored ? promptScores(prompt) : []);
            expect(updates.filter(({ started }) => started !== undefined)).toHaveLength(1);
            expect(updates[0]?.started?.promptTokens).toBe(length);
            if (scored) expect(updates[0]?.started?.cachedTokens).toBe(0);
            expect(updates.at(-1)?.finished).toBeDefined();
            if (maxTokens === 0) {
              expect({ text, tokens, end: updates.at(-1)?.finished }).toEqual({
                text: "",
                tokens: [],
                end: { reason: "length", completionTokens: 0 },
              });
            } else {
              expect(text).toBe(expectedAnswer(prompt, { maxTokens }, CONTEXT).text);
            }
          }
          expect(batcher.liveSamplers()).toBe(0);
          await finish();
        },
      ),
      { numRuns: 60 },
    );
  });

  test("continues to score a prompt where it was before a crash", async () => {
    const prompt = letters(11);
    for (const from of [0, 1, 4, 5, 10, 11]) {
      const { scheduler, answers, drain, finish } = setUp();
      scheduler.submit(sequenceRequest(1, { maxTokens: 1, promptScores: { top: 0, from } }), prompt);
      await drain();
      expect(scoresOf(answers.get(1)?.updates)).toEqual(promptScores(prompt).slice(from));
      await finish();
    }
  });

  test("decodes other sequences between two pieces of a scored prompt", async () => {
    const { scheduler, reports, drain, finish } = setUp();
    scheduler.submit(sequenceRequest(1, { maxTokens: 20 }), letters(3));
    await drain();
    scheduler.submit(sequenceRequest(2, { maxTokens: 8 }), letters(5, 3));
    scheduler.submit(sequenceRequest(3, { maxTokens: 0, promptScores: { top: 0, from: 0 } }), letters(16, 2));
    await drain();
    const pieces = reports.flat().filter(({ promptLogprobs }) => promptLogprobs !== undefined);
    expect(pieces.length).toBeGreaterThan(3);
    const order = reports.flat().map(({ id }) => id);
    const scored = order.flatMap((id, index) => (id === 3 ? [index] : []));
    const between = order.slice(scored[0], scored.at(-1)).filter((id) => id === 2);
    expect(between.length).toBeGreaterThan(0);
    await finish();
  });

  test("ends the text before a stop token, or after it if the stop token is shown", async () => {
    const prompt = letters(5);
    const { tokens, text } = expectedAnswer(prompt, { maxTokens: 8 }, CONTEXT);
    const [third = 0] = tokens.slice(2);
    const { scheduler, answers, drain, finish } = setUp();
    scheduler.submit(sequenceRequest(1, { stopTokenIds: [third] }), prompt);
    scheduler.submit(sequenceRequest(2, { stopTokenIds: [third], showsStop: true }), prompt);
    await drain();
    const end = tokens.indexOf(third);
    expect(answers.get(1)?.text).toBe(text.slice(0, end));
    expect(answers.get(2)?.text).toBe(text.slice(0, end + 1));
    expect(answers.get(2)?.updates.at(-1)?.finished?.reason).toBe("stop");
    await finish();
  });

  test("shows the stop string if requested, and ignores stop strings below the minimum length", async () => {
    const answerTo = (prompt: readonly number[]) => expectedAnswer(prompt, { maxTokens: 8 }, CONTEXT).text;
    const prompt = Array.from({ length: 26 }, (_, from) => letters(5, from)).find(
      (each) => answerTo(each).length === 8,
    );
    if (prompt === undefined) throw new Error("the fake model has no long answer");
    const { text } = expectedAnswer(prompt, { maxTokens: 8 }, CONTEXT);
    const { scheduler, answers, drain, finish } = setUp();
    const stop = [text.slice(1, 3)];
    const base = sequenceRequest(1, { stop, maxTokens: 8 });
    scheduler.submit({ ...base, showsStop: true }, prompt);
    scheduler.submit({ ...base, id: 2, sampling: { ...base.sampling, minTokens: 3 } }, prompt);
    await drain();
    expect(answers.get(1)?.text).toBe(text.slice(0, 3));
    expect(answers.get(2)?.text.startsWith(text.slice(0, 3))).toBe(true);
    expect(answers.get(2)?.text.length).toBeGreaterThan(3);
    await finish();
  });

  test("ends a sequence if no token is allowed, and sends the text that was held back", async () => {
    const prompt = letters(10);
    const { text, tokens } = expectedAnswer(prompt, { maxTokens: 3 }, CONTEXT);
    expect(tokens).not.toContain(END);
    const { scheduler, batcher, answers, drain, finish } = setUp({ nothingAfter: 3 });
    scheduler.submit(sequenceRequest(1, { stop: [`${text.slice(2)}!`], logprobs: 1 }), prompt);
    await drain();
    expect(answers.get(1)).toMatchObject({ text, tokens });
    const last = answers.get(1)?.updates.at(-1);
    expect(last).toMatchObject({ tokens: [], finished: { reason: "stop", completionTokens: 3 } });
    expect(last?.logprobs?.map(({ token }) => token)).toEqual(tokens.slice(2));
    expect(batcher.liveSamplers()).toBe(0);
    await finish();
  });

  test("evaluates only the new messages of a conversation that continues", async () => {
    const { batcher, scheduler, answers, drain, finish } = setUp();
    const first = letters(10);
    scheduler.submit(sequenceRequest(1, { maxTokens: 5 }), first);
    await drain();
    const answered = [...first, ...(answers.get(1)?.tokens ?? [])];
    const calls = batcher.calls.length;
    scheduler.submit(sequenceRequest(2, { maxTokens: 1 }), [...answered, 9, 9]);
    await drain();
    const evaluated = batcher.calls.slice(calls).flatMap((call) => call.flatMap(({ tokens }) => tokens));
    expect(evaluated).toEqual([...answered.slice(14), 9, 9]);
    await finish();
  });

  test("evaluates a long prompt chunk by chunk, so that other sequences get a token after each chunk", async () => {
    const { batcher, scheduler, drain, finish } = setUp();
    scheduler.submit(sequenceRequest(1, { maxTokens: 20 }), letters(3));
    await settle();
    batcher.finishDecode();
    await settle();
    scheduler.submit(sequenceRequest(2, { maxTokens: 1 }), letters(16, 2));
    await drain();
    const shape = batcher.calls
      .slice(2, 10)
      .map((call) => call.map(({ slot, tokens }) => `${slot}:${tokens.length}`).join(" "));
    expect(shape).toEqual(["0:1", "1:4", "0:1", "1:4", "0:1", "1:4", "0:1", "1:4"]);
    await finish();
  });

  test("on a slow machine cuts chunks of randomly sampled prompts, which exact prompts then don't reuse", async () => {
    // A call takes as long as it has tokens, whatever else the machine does.
    let nowMs = 0;
    const clock = vi.spyOn(performance, "now").mockImplementation(() => nowMs);
    onTestFinished(() => clock.mockRestore());
    const { batcher, scheduler, answers, drain, finish } = setUp({ chunk: 8, contextTokens: LONG });
    const step = async () => {
      nowMs += (batcher.calls.at(-1) ?? []).reduce((sum, { tokens }) => sum + tokens.length, 0);
      batcher.finishDecode();
      await settle();
    };
    const sizes = (slot: number, from: number) =>
      batcher.calls
        .slice(from)
        .flat()
        .filter((part) => part.slot === slot && part.tokens.length > 1)
        .map(({ tokens }) => tokens.length);
    scheduler.submit(sequenceRequest(1, { maxTokens: 60 }), letters(9));
    await settle();
    await step();
    // Nothing is fast enough for a bound of 0 ms.
    scheduler.submit(sequenceRequest(2, { maxTokens: 1, temperature: 1 }), letters(33, 2));
    for (let count = 0; count < 20; count += 1) await step();
    expect(sizes(1, 0)).toEqual([4, 4, 4, 4, 4, 4, 4, 4]);
    const before = batcher.calls.length;
    const greedy = sequenceRequest(3, { maxTokens: 1 });
    scheduler.submit(greedy, letters(33, 2));
    await drain();
    expect(answers.get(3)?.updates[0]?.started?.cachedTokens).toBe(0);
    expect([...sizes(1, before), ...sizes(2, before)]).toEqual([8, 8, 8, 8]);
    await finish();
  });

  test("lets sequences decode until they had their share of the time, before it evaluates prompts again", async () => {
    let ticks = 0;
    const clock = vi.spyOn(performance, "now").mockImplementation(() => ++ticks);
    onTestFinished(() => clock.mockRestore());
    const { batcher, scheduler, drain, finish } = setUp({ prefillShare: 0.05 });
    scheduler.submit(sequenceRequest(1, { maxTokens: 30 }), letters(3));
    await settle();
    batcher.finishDecode();
    await settle();
    scheduler.submit(sequenceRequest(2, { maxTokens: 1 }), letters(16, 2));
    await drain();
    const shape = batcher.calls.slice(2).map((call) => call.map(({ slot }) => slot).join());
    const [first, second] = [shape.indexOf("1"), shape.indexOf("1", shape.indexOf("1") + 1)];
    expect(shape.filter((slot) => slot === "1")).toHaveLength(4);
    expect(second - first).toBeGreaterThan(2);
    await finish();
  });

  test("cuts a prompt at the same positions whatever other sequences do", async () => {
    const { batcher, scheduler, drain, finish } = setUp();
    scheduler.submit(sequenceRequest(1, { maxTokens: 1 }), letters(7, 1));
    scheduler.submit(sequenceRequest(2, { maxTokens: 1 }), letters(10, 2));
    await drain();
    const cuts = (slot: number) =>
      batcher.calls
        .flat()
        .filter((part) => part.slot === slot)
        .map(({ tokens }) => tokens.length);
    expect(cuts(0)).toEqual([4, 3]);
    expect(cuts(1)).toEqual([4, 4, 2]);
    await finish();
  });

  test("evaluates the common prefix of several prompts once, and copies it", async () => {
    const { batcher, scheduler, answers, drain, finish } = setUp();
    for (const id of [1, 2, 3]) scheduler.submit(sequenceRequest(id, { maxTokens: 1 }), [...letters(16), id]);
    await drain();
    const evaluated = batcher.calls.flat().reduce((sum, { tokens }) => sum + tokens.length, 0);
    expect(evaluated).toBe(16 + 3);
    expect([1, 2, 3].map((id) => answers.get(id)?.updates[0]?.started?.cachedTokens)).toEqual([0, 16, 16]);
    await finish();
  });

  test("evaluates a prompt once for all sequences that have it, and samples for each separately", async () => {
    const prompt = letters(10);
    const { text } = expectedAnswer(prompt, { maxTokens: 5 }, CONTEXT);
    const { batcher, scheduler, answers, drain, finish } = setUp();
    for (const id of [1, 2, 3]) scheduler.submit(sequenceRequest(id, { maxTokens: 5, reproducible: true }), prompt);
    await drain();
    expect(batcher.calls.map((call) => call.map(({ tokens }) => tokens.length))).toEqual([
      ...[[4], [4], [2]],
      ...Array.from({ length: 4 }, () => [1, 1, 1]),
    ]);
    expect([1, 2, 3].map((id) => answers.get(id)?.text)).toEqual([text, text, text]);
    expect([1, 2, 3].map((id) => answers.get(id)?.updates[0]?.started?.cachedTokens)).toEqual([0, 10, 10]);
    await finish();
  });

  test("lets a request with a seed share only the evaluation of another with a seed", async () => {
    const { scheduler, answers, drain, finish } = setUp();
    scheduler.submit(sequenceRequest(1, { maxTokens: 1, temperature: 1 }), letters(10));
    scheduler.submit(sequenceRequest(2, { maxTokens: 1, temperature: 1, reproducible: true }), letters(10));
    scheduler.submit(sequenceRequest(3, { maxTokens: 1, temperature: 1 }), letters(10));
    await drain();
    expect([1, 2, 3].map((id) => answers.get(id)?.updates[0]?.started?.cachedTokens)).toEqual([0, 8, 10]);
    await finish();
  });

  test("runs sequences with the same prompt later if no slot is free for them", async () => {
    const { scheduler, answers, drain, finish } = setUp({ slots: 1 });
    for (const id of [1, 2, 3]) scheduler.submit(sequenceRequest(id, { maxTokens: id === 1 ? 1 : 3 }), letters(10));
    await drain();
    expect([1, 2, 3].map((id) => answers.get(id)?.updates.at(-1)?.finished?.completionTokens)).toEqual([1, 3, 3]);
    expect(answers.get(2)?.updates[0]?.started?.cachedTokens).toBe(10);
    await finish();
  });

  test("evaluates a shared prompt again if the sequence that evaluated it is cancelled", async () => {
    const { batcher, scheduler, answers, drain, finish } = setUp();
    for (const id of [1, 2]) scheduler.submit(sequenceRequest(id, { maxTokens: 2 }), letters(10));
    await settle();
    batcher.finishDecode();
    await settle();
    scheduler.cancel(1);
    await drain();
    expect(answers.has(1)).toBe(false);
    expect(answers.get(2)?.text).toBe(expectedAnswer(letters(10), { maxTokens: 2 }, CONTEXT).text);
    await finish();
  });

  test("doesn't let a short prompt wait for a long one, nor the long one forever for short ones", async () => {
    const { batcher, scheduler, drain, finish } = setUp({ contextTokens: 200 });
    scheduler.submit(sequenceRequest(1, { maxTokens: 1 }), letters(160, 1));
    await settle();
    scheduler.submit(sequenceRequest(2, { maxTokens: 1 }), letters(24, 2));
    await drain();
    const order = batcher.calls.flat().map(({ slot }) => slot);
    const untilShortOneIsIn = order.slice(1, order.lastIndexOf(1) + 1);
    expect(untilShortOneIsIn.filter((slot) => slot === 1)).toHaveLength(6);
    expect(untilShortOneIsIn.filter((slot) => slot === 0)).toHaveLength(2);
    await finish();
  });

  test("loads stored prefixes if there are more conversations than slots", async () => {
    const { scheduler, answers, drain, finish } = setUp({
      slots: 1,
      contextTokens: 200,
      chunk: 16,
      storeBytes: 100_000,
    });
    const first = letters(100, 1);
    scheduler.submit(sequenceRequest(1, { maxTokens: 10 }), first);
    await drain();
    scheduler.submit(sequenceRequest(2, { maxTokens: 10 }), letters(100, 2));
    await drain();
    const answered = [...first, ...(answers.get(1)?.tokens ?? [])];
    scheduler.submit(sequenceRequest(3, { maxTokens: 1 }), [...answered, 5, 5]);
    await drain();
    expect(answers.get(3)?.updates[0]?.started).toEqual({ promptTokens: 112, cachedTokens: 109 });
    await finish();
  });

  test("stores nothing of a slot that keeps all but a few tokens, which are evaluated again as fast", async () => {
    const { batcher, scheduler, drain, finish } = setUp({ slots: 1, contextTokens: LONG, chunk: 16, storeBytes: 1e6 });
    const beginning = letters(96);
    for (let id = 0; id < 5; id++) {
      scheduler.submit(sequenceRequest(id, { maxTokens: 3 }), [...beginning, ...letters(30, id)]);
      await drain();
    }
    expect(batcher.files.size).toBe(0);
    scheduler.submit(sequenceRequest(5, { maxTokens: 3 }), [...beginning.slice(0, 32), ...letters(30, 9)]);
    await drain();
    expect(batcher.files.size).toBe(1);
    await finish();
  });

  test("keeps what its slots hold once it was idle for a while, and at its end, but never twice", async () => {
    const { batcher, scheduler, rest, drain, finish } = setUp({ contextTokens: LONG, storeBytes: 1e6, keeps: true });
    const kept = () => [...batcher.files.values()].map((tokens) => tokens.length);
    scheduler.submit(sequenceRequest(1, { maxTokens: 1 }), letters(100));
    await drain();
    expect(kept()).toEqual([]);
    rest();
    await drain();
    expect(kept()).toEqual([100]);
    scheduler.submit(sequenceRequest(2, { maxTokens: 1 }), letters(120));
    scheduler.submit(sequenceRequest(3, { maxTokens: 1 }), letters(90, 3));
    scheduler.submit(sequenceRequest(4, { maxTokens: 1 }), letters(20, 5));
    await drain();
    await finish();
    await scheduler.keepSlots(() => true);
    expect(kept()).toEqual([100, 90]);
    await scheduler.keepSlots(() => true);
    expect(batcher.files.size).toBe(2);
  });

  test("lets a request go first that comes while it keeps its slots", async () => {
    const { batcher, scheduler, answers, rest, drain, finish } = setUp({
      contextTokens: LONG,
      storeBytes: 1e6,
      keeps: true,
    });
    for (const from of [1, 2, 3]) scheduler.submit(sequenceRequest(from, { maxTokens: 1 }), letters(100, from));
    await drain();
    rest();
    scheduler.submit(sequenceRequest(4, { maxTokens: 1 }), letters(100, 1));
    await drain();
    expect(answers.get(4)?.updates[0]?.started).toEqual({ promptTokens: 100, cachedTokens: 96 });
    expect(batcher.files.size).toBeLessThan(2);
    await finish();
  });

  test("evaluates several chunks at once while nothing decodes, with the usual cuts", async () => {
    const { batcher, scheduler, drain, finish } = setUp({ maxBatchTokens: 8 });
    scheduler.submit(sequenceRequest(1, { maxTokens: 1 }), letters(23));
    await drain();
    expect(batcher.calls.flat().map(({ tokens }) => tokens.length)).toEqual([8, 8, 4, 3]);
    await finish();
  });

  test("evaluates batch prompts one chunk at a time, so that a new request gets its turn soon", async () => {
    const { batcher, scheduler, drain, finish } = setUp({ maxBatchTokens: 8 });
    scheduler.submit(sequenceRequest(1, { maxTokens: 1, priority: "batch" }), letters(23));
    await settle();
    scheduler.cancel(1);
    scheduler.submit(sequenceRequest(2, { maxTokens: 1 }), letters(6, 2));
    await drain();
    expect(batcher.calls.flat().map(({ tokens }) => tokens.length)).toEqual([4, 4, 2]);
    await finish();
  });

  test("frees the slot of a cancelled sequence within one step", async () => {
    const { batcher, scheduler, answers, drain, finish } = setUp({ slots: 1 });
    scheduler.submit(sequenceRequest(1), letters(3));
    scheduler.submit(sequenceRequest(2, { maxTokens: 1 }), letters(4, 2));
    await settle();
    scheduler.cancel(1);
    batcher.finishDecode();
    await settle();
    expect(scheduler.load).toMatchObject({ waiting: 0, running: 1 });
    await drain();
    expect(answers.has(1)).toBe(false);
    expect(answers.get(2)?.updates.at(-1)?.finished).toBeDefined();
    await finish();
  });

  test("ends with an error if a native call fails, because the context's state is then unknown", async () => {
    const { scheduler, running } = setUp({ failAfter: 0 });
    scheduler.submit(sequenceRequest(1), letters(3));
    await expect(running).rejects.toThrow("Eval has failed");
  });
});

test("fails only the sequence whose grammar takes too long, after sending its text", async () => {
  const { scheduler, answers, rejected, batcher, drain, finish } = setUp({ slowAfter: 1 });
  scheduler.submit({ ...sequenceRequest(1, { maxTokens: 8 }), grammar: { gbnf: "root ::= ." } }, letters(5));
  scheduler.submit(sequenceRequest(2, { maxTokens: 3 }), letters(4, 9));
  await drain();
  expect(rejected).toEqual([[1, "too slow", 1]]);
  expect(answers.get(1)?.updates.some(({ finished }) => finished !== undefined)).toBe(false);
  expect(answers.get(2)?.tokens.length).toBeGreaterThan(0);
  expect(answers.get(2)?.updates.at(-1)?.finished).toBeDefined();
  expect(batcher.liveSamplers()).toBe(0);
  await finish();
});
