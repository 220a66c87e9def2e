import { describe, expect, it } from "vitest";
import type { GenerationEvent } from "../../src/generation/event.ts";
import { compose, type Generate } from "../../src/generation/layer.ts";
import type { Observe } from "../../src/generation/news.ts";
import type { Terms } from "../../src/generation/terms.ts";
import { createLoadControl } from "../../src/queue/load-control.ts";
import { createFakeClock } from "../fake-clock.ts";
import { generationRequest } from "../fixtures/generation.ts";

const TEXT: GenerationEvent = { type: "text", choice: 0, text: "a" };
const QUIET_MS = 1_000;

const endless: Generate = async function* ({ signal }) {
  for (;;) {
    signal.throwIfAborted();
    yield TEXT;
  }
};

function createBench({ slots = 1, maxPending = 256 } = {}) {
  const clock = createFakeClock();
  const limits = { maxPending, maxPendingTokens: 1_000_000, maxWaitMs: 60_000, models: () => 1 };
  const load = createLoadControl({ ...limits, clock, random: () => 0 });
  const queue = load.queueFor({ slots, minSlots: slots, targetItlMs: 250 });

  function begin(terms: Partial<Terms> = {}, signal = new AbortController().signal, observe: Observe = () => {}) {
    const request = generationRequest({ terms: { tenant: "a", priority: "default", ...terms }, signal, observe });
    return compose([queue.gate, queue.turns], endless)(request)[Symbol.asyncIterator]();
  }
  return {
    queue,
    begin,
    /** A request of the warm-up, which has begun after a second in which nobody came. */
    async warm() {
      const undisturbed = load.attendance.quiet(QUIET_MS, new AbortController().signal);
      clock.advance(QUIET_MS);
      const warming = begin({ tenant: "local", priority: "batch", isWarmUp: true }, await undisturbed);
      await warming.next();
      return warming;
    },
  };
}

describe("a warm-up request", () => {
  it("is aborted when a client's request arrives, which gets the only slot at once", async () => {
    const { begin, warm, queue } = createBench({ slots: 1 });
    const warming = await warm();
    expect(queue.counts().sequences).toBe(1);
    const waits: unknown[] = [];
    expect((await begin({}, undefined, (news) => waits.push(news)).next()).value).toEqual(TEXT);
    expect(waits).toEqual([{ type: "admitted", waitedMs: 0, position: 0 }]);
    await expect(warming.next()).rejects.toThrow("aborted");
    expect(queue.counts()).toMatchObject({ running: 1, waiting: 0, sequences: 1 });
  });

  it("takes no room from a client's request when there is room for only one", async () => {
    const { begin, warm } = createBench({ maxPending: 1 });
    await warm();
    expect((await begin().next()).value).toEqual(TEXT);
  });

  it("doesn't make other tenants leave a slot free", async () => {
    const { begin, warm, queue } = createBench({ slots: 4 });
    await warm();
    const all = Array.from({ length: 4 }, () => begin());
    await Promise.all(all.map((each) => each.next()));
    expect(queue.counts()).toMatchObject({ running: 4, waiting: 0 });
  });

  it("is also aborted by a request that is refused", async () => {
    const { begin, warm, queue } = createBench({ maxPending: 1 });
    const [warming, live] = [await warm(), begin()];
    await live.next();
    await expect(begin().next()).rejects.toThrow("requests in progress");
    await live.return?.();
    await expect(warming.next()).rejects.toThrow("aborted");
    expect(queue.counts()).toMatchObject({ running: 0, waiting: 0 });
  });

  it("waits until the last client's request has left, in any way", async () => {
    const { begin, warm } = createBench({ slots: 4 });
    const leaving = new AbortController();
    const [left, aborted] = [begin(), begin({}, leaving.signal)];
    await Promise.all([left.next(), aborted.next()]);
    let hasBegun = false;
    const warming = warm().then(() => {
      hasBegun = true;
    });
    await left.return?.();
    await new Promise((resolve) => setImmediate(resolve));
    expect(hasBegun).toBe(false);
    leaving.abort();
    await new Promise((resolve) => setImmediate(resolve));
    expect(hasBegun).toBe(false);
    await warm();
    await warming;
  });
});
