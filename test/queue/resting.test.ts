import { describe, expect, it } from "vitest";
import { createModelQueue } from "../../src/queue/queue.ts";
import { createFakeClock } from "../fake-clock.ts";
import { createBench } from "./bench.ts";

const TOKEN_MS = 20;
const SIZE = { type: "tokens", count: 100 } as const;

/** A queue before an engine whose rows of class batch rest while others run. */
function createResting(doRest = true) {
  const clock = createFakeClock();
  const queue = createModelQueue({ clock, slots: 3, minSlots: 1, targetItlMs: 30, doRest });
  function arrive(priority: "default" | "batch") {
    const handle = queue.arrive({
      ...{ tenant: "a", priority, size: SIZE, choices: 1, maxTokens: 1_000 },
      onTurn() {},
      onRefused() {},
    });
    handle.started({ promptTokens: 100, cachedTokens: 0 });
    return handle;
  }
  /** Texts for so long, each after the time of a token. */
  function speak(handle: ReturnType<typeof arrive>, ms: number, firstGapMs: number | undefined = TOKEN_MS): void {
    let gapMs = firstGapMs;
    for (let passed = 0; passed < ms; passed += TOKEN_MS) {
      clock.advance(TOKEN_MS);
      handle.text(gapMs);
      gapMs = TOKEN_MS;
    }
  }
  return { clock, queue, arrive, speak };
}

describe("a queue whose batch rows rest", () => {
  it("doesn't take their rests for a slow engine, which would have fewer requests run at once", () => {
    for (const doRest of [true, false]) {
      const { queue, arrive, speak } = createResting(doRest);
      const rows = [arrive("batch"), arrive("batch")];
      for (const row of rows) speak(row, 1_000);
      // One chat after another beside them; after each, another row and a text of the first two.
      for (let turn = 0; turn < 20; turn++) {
        const chat = arrive("default");
        speak(chat, 2_000);
        chat.choiceEnded(100);
        const third = arrive("batch");
        for (const row of rows) row.text(2_000);
        third.leave();
      }
      expect(queue.counts.limit).toBe(doRest ? 3 : 1);
    }
  });

  it("runs as many rows as there are slots, however slow their tokens are and however few chats could run", () => {
    for (const doRest of [true, false]) {
      const { queue, arrive, clock } = createResting(doRest);
      const together = (priority: "default" | "batch", tokens: number, gapMs: number) => {
        const handles = Array.from({ length: 3 }, () => arrive(priority));
        for (let token = 0; token < tokens; token++) {
          clock.advance(gapMs);
          for (const handle of handles) handle.text(gapMs);
        }
        for (const handle of handles) handle.choiceEnded(tokens);
      };
      together("batch", 100, 100);
      expect(queue.counts.limit).toBe(doRest ? 3 : 2);
      together("default", 1_000, 100);
      expect(queue.counts.limit).toBeLessThan(3);
      clock.advance(10_000);
      for (let turn = 0; turn < 4; turn++) together("batch", 100, 100);
      expect(queue.counts.limit).toBe(3);
    }
  });

  it("leaves the slot of a chat to the next one, so that no row has to give it back each time", () => {
    const { send, runFor } = createBench({ slots: 2, doRest: true });
    const rows = [1_000, 1_000, 1_000].map((tokens) => send({ tokens, maxTokens: tokens, priority: "batch" }));
    runFor(3_000);
    for (let turn = 0; turn < 20; turn++) {
      const chat = send({ tokens: 10, maxTokens: 10 });
      expect(chat.turnMs).toBe(chat.sentMs);
      runFor(800);
    }
    // The class has its share of turns, too.
    expect(rows.reduce((sum, { pauses }) => sum + pauses, 0)).toBeLessThanOrEqual(3);
    runFor(60_000);
    expect(rows.map(({ endMs }) => endMs !== undefined)).toEqual([true, true, true]);
  });

  it("lets a row have a turn once it has waited for a minute, however many chats come", () => {
    const { send, runFor } = createBench({ slots: 1, doRest: true });
    send({ tokens: 10, maxTokens: 10 });
    runFor(100);
    const row = send({ tokens: 30, maxTokens: 30, priority: "batch" });
    const waits: number[] = [];
    for (let turn = 0; turn < 150 && row.endMs === undefined; turn++) {
      const chat = send({ tokens: 10, maxTokens: 10 });
      runFor(800);
      waits.push((chat.turnMs ?? Number.POSITIVE_INFINITY) - chat.sentMs);
    }
    expect(Number(row.endMs) - row.sentMs).toBeLessThan(90_000);
    expect(waits.filter((wait) => wait > 0).length).toBeLessThanOrEqual(4);
  });

  it("tells others of waits as if their rests had not been", () => {
    const { queue, arrive, speak, clock } = createResting();
    const predicted = () =>
      queue.predictMs({ tenant: "b", priority: "default", size: SIZE, choices: 1, maxTokens: 10 });
    const chat = arrive("default");
    speak(chat, 2_000, undefined);
    chat.choiceEnded(100);
    clock.advance(1_000);
    const before = predicted();
    const row = arrive("batch");
    const long = arrive("default");
    speak(long, 60_000, undefined);
    long.choiceEnded(3_000);
    row.text(undefined);
    row.choiceEnded(1);
    clock.advance(1_000);
    expect(predicted()).toBeLessThan(before * 1.5 + 1);
  });
});
