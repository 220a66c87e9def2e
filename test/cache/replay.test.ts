import { describe, expect, it } from "vitest";
import { MAX_PAUSE_MS, replay } from "../../src/cache/replay.ts";
import { collect } from "../fixtures/generation.ts";
import { saying } from "./support.ts";

const EVENTS = saying("Hel", "lo", "!").map((event, index) => ({ event, afterMs: index === 2 ? 60_000 : index * 10 }));

function setUp(isPaced: boolean) {
  const pauses: number[] = [];
  const cancel = new AbortController();
  let hold: Promise<void> | undefined;
  const iterator = replay(EVENTS, {
    signal: cancel.signal,
    isPaced,
    sleep: async (ms, signal) => {
      pauses.push(ms);
      if (hold !== undefined) await new Promise((resolve) => signal.addEventListener("abort", resolve));
    },
  });
  return {
    iterator,
    pauses,
    cancel,
    freeze: () => {
      hold = Promise.resolve();
    },
  };
}

describe("replay", () => {
  it("plays as fast as it is read", async () => {
    const { iterator, pauses } = setUp(false);
    expect(await collect({ [Symbol.asyncIterator]: () => iterator })).toEqual(EVENTS.map(({ event }) => event));
    expect(pauses).toEqual([]);
  });

  it("plays at the pace of the generation, with long pauses cut", async () => {
    const { iterator, pauses } = setUp(true);
    expect(await collect({ [Symbol.asyncIterator]: () => iterator })).toEqual(EVENTS.map(({ event }) => event));
    expect(pauses).toEqual([10, MAX_PAUSE_MS, 30, 40]);
  });

  it("ends during a pause when its reader leaves or its request is cancelled", async () => {
    const left = setUp(true);
    await left.iterator.next();
    left.freeze();
    const pending = left.iterator.next();
    await left.iterator.return?.();
    expect(await pending).toEqual({ done: true, value: undefined });

    const cancelled = setUp(true);
    await cancelled.iterator.next();
    cancelled.freeze();
    const rejected = cancelled.iterator.next();
    cancelled.cancel.abort(new Error("Gone."));
    await expect(rejected).rejects.toThrow("Gone.");
  });
});
