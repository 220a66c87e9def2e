import { describe, expect, test } from "vitest";
import type { Journal, JournalStep } from "../../../src/generation/journal.ts";
import { createReadyBench, errorOf, read, requestOf, settle } from "./helpers.ts";

const started = { promptTokens: 12, cachedTokens: 3 };

/** A journal in memory, with what an earlier process wrote. */
function createJournal(earlier: readonly JournalStep[] = []) {
  const prints: string[] = [];
  const steps: JournalStep[] = [];
  const journal: Journal = {
    seed: 77,
    begin(print) {
      prints.push(print);
      return earlier;
    },
    note: (step) => void steps.push(step),
    digits: () => "",
  };
  return { journal, prints, steps };
}

describe("a generation with a journal", () => {
  test("has each of its steps written down, and none joined with another, however late it is read", async () => {
    const { engine, worker } = await createReadyBench();
    const { journal, steps } = createJournal();
    const events = engine.generate(requestOf({ journal }))[Symbol.asyncIterator]();
    const first = events.next();
    await settle();
    expect(worker.submitted).toMatchObject([{ sampling: { seed: 77 }, reproducible: false, replay: [] }]);
    expect(worker.submitted[0]).not.toHaveProperty("journal");
    worker.step({ id: 1, started, tokens: [10], text: "a" });
    worker.step({ id: 1, tokens: [11, 12], text: "b" });
    worker.step({ id: 1, tokens: [13], text: "", finished: { reason: "stop", completionTokens: 4 } });
    await settle();
    const got = [(await first).value, (await events.next()).value, (await events.next()).value];
    expect(got.slice(1)).toMatchObject([{ text: "a" }, { text: "b" }]);
    expect(steps).toEqual([
      { choice: 0, started, tokens: [10], text: "a" },
      { choice: 0, tokens: [11, 12], text: "b" },
      { choice: 0, tokens: [13], text: "", finished: { reason: "stop", completionTokens: 4 } },
    ]);
  });

  test("says again what an earlier process wrote, and goes on from its tokens", async () => {
    const { engine, worker } = await createReadyBench();
    const { journal, steps } = createJournal([
      { choice: 0, started, tokens: [10], text: "a" },
      { choice: 1, tokens: [20], text: "x" },
      { choice: 0, tokens: [11], text: "b" },
      { choice: 1, tokens: [21], text: "", finished: { reason: "length", completionTokens: 2 } },
    ]);
    const reading = read(engine.generate(requestOf({ journal, choices: 2 })));
    await settle();
    expect(worker.submitted).toMatchObject([{ replay: [10, 11] }]);
    worker.step({ id: 1, started: { promptTokens: 12, cachedTokens: 0 }, tokens: [12], text: "c" });
    worker.step({ id: 1, tokens: [13], text: "", finished: { reason: "stop", completionTokens: 4 } });
    await reading.ended;
    expect(reading.events).toEqual([
      { type: "started", ...started },
      { type: "text", choice: 0, text: "a" },
      { type: "text", choice: 1, text: "x" },
      { type: "text", choice: 0, text: "b" },
      { type: "finished", choice: 1, reason: "length", completionTokens: 2 },
      { type: "text", choice: 0, text: "c" },
      { type: "finished", choice: 0, reason: "stop", completionTokens: 4 },
    ]);
    expect(steps.map(({ tokens }) => tokens)).toEqual([[12], [13]]);
  });

  test("needs no worker when all was written", async () => {
    const { engine, worker } = await createReadyBench();
    const { journal } = createJournal([
      { choice: 0, started, tokens: [10], text: "a", finished: { reason: "stop", completionTokens: 1 } },
    ]);
    const reading = read(engine.generate(requestOf({ journal })));
    await reading.ended;
    expect(reading.outcome).toBe("done");
    expect(worker.submitted).toEqual([]);
    expect(engine.counts).toEqual({ requests: 0, submissions: 0 });
  });

  test("has a print of what its answer depends on, and of nothing else", async () => {
    const { engine } = await createReadyBench();
    const { journal, prints } = createJournal();
    for (const other of [
      {},
      { id: "req-2" },
      { terms: { tenant: "b", priority: "batch" } as const },
      { maxTokens: 9 },
    ]) {
      const events = engine.generate(requestOf({ journal, ...other }))[Symbol.asyncIterator]();
      void events.next();
      await events.return?.();
    }
    expect(new Set(prints.slice(0, 3)).size).toBe(1);
    expect(prints[3]).not.toBe(prints[0]);
  });

  test("fails with the journal's error when that refuses it", async () => {
    const { engine } = await createReadyBench();
    const refusal = new Error("another model");
    const { journal } = createJournal();
    const refusing: Journal = {
      ...journal,
      begin() {
        throw refusal;
      },
    };
    const reading = read(engine.generate(requestOf({ journal: refusing })));
    await reading.ended;
    expect(errorOf(reading)).toBe(refusal);
    expect(engine.counts).toEqual({ requests: 0, submissions: 0 });
  });
});
