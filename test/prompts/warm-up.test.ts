import { describe, expect, it } from "vitest";
import type { GenerationEvent } from "../../src/generation/event.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import type { WarmRequest, WarmRequests } from "../../src/prompts/warm-requests.ts";
import { createWarmUp, QUIET_MS } from "../../src/prompts/warm-up.ts";
import { createAttendance } from "../../src/queue/attendance.ts";
import { createFakeClock } from "../fake-clock.ts";
import { aborted, generationRequest } from "../fixtures/generation.ts";

const EVENTS: readonly GenerationEvent[] = [
  { type: "started", promptTokens: 3, cachedTokens: 0 },
  { type: "finished", choice: 0, reason: "stop", completionTokens: 1 },
];

/** Waits until all pending microtasks have run. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function asking(text: string): WarmRequest {
  const { id: _, signal: __, ...request } = generationRequest();
  return { ...request, prompt: { type: "text", text } };
}

function textOf({ prompt }: GenerationRequest): string {
  return prompt.type === "text" ? prompt.text : "";
}

/** A warm-up whose generations run until the test ends them. */
function setUp(plans: Record<string, WarmRequests>) {
  const clock = createFakeClock();
  const attendance = createAttendance(clock);
  const logged: object[] = [];
  const begun: string[] = [];
  const stored = new Set<string>();
  let held: PromiseWithResolvers<void> | undefined;
  const failing = new Set<string>();
  let isAway = false;
  let stay = new AbortController();
  const warmUp = createWarmUp({
    plan: (id) => plans[id],
    stayOf: () => (isAway ? undefined : { over: stay.signal, end: () => {} }),
    async *generate(request) {
      const text = textOf(request);
      if (stored.has(text))
        request.observe?.({ type: "cache", outcome: { type: "hit", ageSeconds: 1, ttlSeconds: 1 } });
      else {
        begun.push(text);
        await Promise.race([held?.promise, aborted(request.signal)]);
        request.signal.throwIfAborted();
        if (failing.has(text)) throw new Error(`no ${text}`);
        stored.add(text);
      }
      yield* EVENTS;
    },
    isKept: ({ cache }) => cache?.noStore !== true,
    quiet: attendance.quiet,
    log: { info: (fields) => void logged.push(fields), error: (fields) => void logged.push(fields) },
    now: clock.now,
  });
  return {
    ...{ warmUp, attendance, logged, begun, failing, plans },
    async quietFor(ms: number) {
      clock.advance(ms);
      await settled();
    },
    putOut() {
      isAway = true;
      stay.abort();
    },
    loadAgain() {
      isAway = false;
      stay = new AbortController();
    },
    hold() {
      held = Promise.withResolvers();
    },
    async finish() {
      const { resolve } = held ?? Promise.withResolvers();
      held = undefined;
      resolve();
      await settled();
    },
  };
}

const PREFIX = asking("prefix");

describe("the warm-up", () => {
  it("generates one answer at a time after an idle second, and logs the end", async () => {
    const all = setUp({
      a: { answers: [asking("a1"), asking("a2")], prefix: PREFIX },
      b: { answers: [asking("b1")], prefix: PREFIX },
    });
    all.warmUp.add(["a", "b", "gone"]);
    expect(all.warmUp.state()).toEqual({ waiting: 3, isRunning: false, answers: 0, prefixes: 0 });
    await all.quietFor(QUIET_MS - 1);
    expect(all.begun).toEqual([]);
    await all.quietFor(1);
    expect(all.begun).toEqual(["a1", "a2", "b1"]);
    expect(all.warmUp.state()).toEqual({ waiting: 0, isRunning: false, answers: 3, prefixes: 0 });
    expect(all.logged).toEqual([{ answers: 3, prefixes: 0, ms: QUIET_MS }]);
  });

  it("skips cached answers, and then evaluates only the preset's own text", async () => {
    const all = setUp({ a: { answers: [asking("a1")], prefix: PREFIX } });
    for (const _ of [1, 2]) {
      all.warmUp.add(["a"]);
      await all.quietFor(QUIET_MS);
    }
    expect(all.begun).toEqual(["a1", "prefix"]);
  });

  it("generates no answers that the cache would not keep", async () => {
    const unkept = { ...asking("a1"), cache: { noStore: true } };
    const all = setUp({ a: { answers: [unkept], prefix: PREFIX }, b: { answers: [unkept], prefix: undefined } });
    all.warmUp.add(["a", "b"]);
    await all.quietFor(QUIET_MS);
    expect(all.begun).toEqual(["prefix"]);
    expect(all.warmUp.state()).toEqual({ waiting: 0, isRunning: false, answers: 0, prefixes: 1 });
  });

  it("stops at once when a request arrives, and restarts after an idle second", async () => {
    const all = setUp({ a: { answers: [asking("a1"), asking("a2")], prefix: PREFIX } });
    all.hold();
    all.warmUp.add(["a"]);
    await all.quietFor(QUIET_MS);
    expect(all.warmUp.state()).toMatchObject({ waiting: 1, isRunning: true });
    const [leave, leaveToo] = [all.attendance.come(), all.attendance.come()];
    await all.quietFor(10 * QUIET_MS);
    expect(all.begun).toEqual(["a1"]);
    expect(all.warmUp.state()).toMatchObject({ waiting: 1, isRunning: false });
    leave();
    await all.quietFor(10 * QUIET_MS);
    leaveToo();
    await settled();
    await all.quietFor(QUIET_MS - 1);
    expect(all.begun).toEqual(["a1"]);
    await all.quietFor(1);
    expect(all.begun).toEqual(["a1", "a1"]);
    await all.finish();
    expect(all.begun).toEqual(["a1", "a1", "a2"]);
  });

  it("doesn't begin while requests keep arriving", async () => {
    const all = setUp({ a: { answers: [asking("a1")], prefix: PREFIX } });
    all.warmUp.add(["a"]);
    for (let count = 0; count < 20; count++) {
      await all.quietFor(QUIET_MS - 1);
      all.attendance.come()();
    }
    expect(all.begun).toEqual([]);
  });

  it("ends with the model's time in memory, and loads it for nothing, until it is added again", async () => {
    const all = setUp({ a: { answers: [asking("a1"), asking("a2")], prefix: PREFIX } });
    all.hold();
    all.warmUp.add(["a"]);
    await all.quietFor(QUIET_MS);
    all.putOut();
    await all.finish();
    await all.quietFor(10 * QUIET_MS);
    expect(all.begun).toEqual(["a1"]);
    expect(all.warmUp.state()).toEqual({ waiting: 0, isRunning: false, answers: 0, prefixes: 0 });
    expect(all.logged).toEqual([expect.objectContaining({ answers: 0, prefixes: 0 })]);
    all.loadAgain();
    all.warmUp.addUnlessFailed(["a"]);
    await all.quietFor(QUIET_MS);
    expect(all.begun).toEqual(["a1", "a1", "a2"]);
  });

  it("doesn't go on after an interruption with a model that was put out meanwhile", async () => {
    const all = setUp({ a: { answers: [asking("a1")], prefix: PREFIX } });
    all.hold();
    all.warmUp.add(["a"]);
    await all.quietFor(QUIET_MS);
    const leave = all.attendance.come();
    await settled();
    all.putOut();
    leave();
    await settled();
    await all.quietFor(10 * QUIET_MS);
    expect(all.begun).toEqual(["a1"]);
    expect(all.warmUp.state().waiting).toBe(0);
  });

  it("stops in the middle of an answer, without logging", async () => {
    const all = setUp({ a: { answers: [asking("a1"), asking("a2")], prefix: PREFIX } });
    all.hold();
    all.warmUp.add(["a"]);
    await all.quietFor(QUIET_MS);
    all.warmUp.stop();
    await all.finish();
    all.warmUp.add(["a"]);
    await all.quietFor(QUIET_MS);
    expect(all.begun).toEqual(["a1"]);
    expect(all.logged).toEqual([]);
  });

  it("continues with the new version of a preset that changed", async () => {
    const all = setUp({ a: { answers: [asking("old 1"), asking("old 2")], prefix: PREFIX } });
    all.hold();
    all.warmUp.add(["a"]);
    await all.quietFor(QUIET_MS);
    all.plans.a = { answers: [asking("new")], prefix: PREFIX };
    all.warmUp.add(["a"]);
    expect(all.warmUp.state().waiting).toBe(1);
    await all.finish();
    expect(all.begun).toEqual(["old 1", "new"]);
  });

  it("continues the one in progress after an engine crash, and restarts the others", async () => {
    const all = setUp({
      a: { answers: [asking("a1")], prefix: PREFIX },
      b: { answers: [asking("b1")], prefix: PREFIX },
    });
    all.warmUp.add(["a"]);
    await all.quietFor(QUIET_MS);
    all.hold();
    all.warmUp.add(["b"]);
    await all.quietFor(QUIET_MS);
    all.warmUp.addUnlessFailed(["a", "b"]);
    expect(all.warmUp.state().waiting).toBe(2);
    await all.finish();
    expect(all.begun).toEqual(["a1", "b1", "prefix"]);
  });

  it("skips a preset that failed, until it is requested by name or changed", async () => {
    const all = setUp({
      a: { answers: [asking("a1")], prefix: PREFIX },
      b: { answers: [asking("b1")], prefix: PREFIX },
    });
    all.failing.add("a1");
    all.warmUp.add(["a", "b"]);
    await all.quietFor(QUIET_MS);
    expect(all.begun).toEqual(["a1", "b1"]);
    expect(all.logged[0]).toMatchObject({ preset: "a", err: new Error("no a1") });
    all.warmUp.addUnlessFailed(["a"]);
    await all.quietFor(QUIET_MS);
    expect(all.begun).toEqual(["a1", "b1"]);
    all.warmUp.add(["a"]);
    await all.quietFor(QUIET_MS);
    expect(all.begun).toEqual(["a1", "b1", "a1"]);
  });
});
