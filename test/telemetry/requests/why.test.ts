import { describe, expect, it } from "vitest";
import { OverloadedError } from "../../../src/generation/errors.ts";
import type { RouteStep } from "../../../src/generation/news.ts";
import { OWN_TERMS } from "../../../src/generation/terms.ts";
import { admitted, evaluated, finished, openBook, type Step, started, text, waiting } from "./play.ts";

/** The end of an answer whose prompt took some time, and whose tokens took some more. */
function work(prefillMs: number, prefillTokens: number, decodeMs: number, decodeTokens: number): readonly Step[] {
  return [
    { passMs: prefillMs },
    text,
    { passMs: decodeMs },
    evaluated({ prefillMs, prefillTokens, decodeMs, decodeTokens }),
    text,
    finished(decodeTokens),
  ];
}

const QUICK = work(50, 100, 100, 10);

describe("why a request was slow, in one sentence:", () => {
  it("it waited behind others of its class", async () => {
    const { run, why, causes } = openBook();
    const asked = { terms: { ...OWN_TERMS, priority: "interactive" } } as const;
    const slow = await run(
      asked,
      { other: [admitted(0), { passMs: 1 }, ...QUICK] },
      waiting(3),
      { passMs: 4_000 },
      admitted(4_000, 3),
      started(100),
      ...QUICK,
    );
    expect(causes(slow)[0]).toEqual(["queue", 4_000]);
    expect(why(slow)).toMatch(/^It waited 4\.0 s for its turn behind 2 other requests \(0 of class interactive\)/);
  });

  it("counts those of its class that waited, and those that ran, when it came", async () => {
    const { book, run, why, rest } = openBook();
    const inTurn = [admitted(0), started(10)] as const;
    const steps = [waiting(2), { passMs: 2_000 }, admitted(2_000, 3), started(10), ...QUICK];
    // Each begins within the one before.
    await run({}, ...inTurn, { other: [...inTurn, { other: steps }] }, ...QUICK);
    await rest();
    const last = book.list().find(({ arrival }) => arrival !== undefined);
    expect(last?.arrival).toEqual({ waiting: 0, sameClass: 0, running: 2 });
    expect(last && why(last)).toContain("while 2 requests had begun and not ended");
  });

  it("its model was loaded, which is no wait for others", async () => {
    const { run, why, causes } = openBook();
    const slow = await run(
      {},
      { state: "unloaded" },
      waiting(1),
      { state: "loading" },
      { passMs: 9_000 },
      { state: "ready" },
      { passMs: 500 },
      admitted(9_500, 1),
      started(10),
      ...QUICK,
    );
    expect(causes(slow).slice(0, 2)).toEqual([
      ["load", 9_000],
      ["queue", 500],
    ]);
    expect(why(slow)).toBe("It waited 9.0 s while its model was loaded.");
  });

  it("it was set aside for others, since its work in the engine is told of its last turn only", async () => {
    const { run, why, causes } = openBook();
    const slow = await run({}, admitted(0), started(10), text, { passMs: 9_000 }, ...QUICK);
    expect(causes(slow)[0]).toEqual(["aside", 9_000]);
    expect(why(slow)).toBe("It was set aside so that others could run, and ended 9.0 s later for that.");
  });

  it("its model's process was started again in the middle of it", async () => {
    const { run, why } = openBook();
    const slow = await run(
      {},
      admitted(0),
      started(10),
      text,
      { state: "restarting" },
      { passMs: 5_000 },
      { state: "ready" },
      ...QUICK,
    );
    expect(why(slow)).toBe("It stood still for 5.0 s while its model's process was started again.");
  });

  it("none of its long prompt was held", async () => {
    const { run, why } = openBook();
    const slow = await run({}, admitted(0), started(3_000), ...work(6_000, 3_000, 500, 20));
    expect(why(slow)).toBe("Its prompt of 3,000 tokens took 6.0 s: none of it was held from an earlier request.");
  });

  it("part of its long prompt was not held", async () => {
    const { run, why } = openBook();
    const slow = await run({}, admitted(0), started(3_000, 1_000), ...work(4_000, 2_000, 500, 20));
    expect(why(slow)).toBe("2,000 tokens of its prompt's 3000 were not held from an earlier request, and took 4.0 s.");
  });

  it("others were decoded at the same time", async () => {
    const { run, why } = openBook();
    await run({}, admitted(0), started(10), ...work(10, 10, 1_000, 100));
    const other = [admitted(0), started(10), text, text] as const;
    const slow = await run(
      {},
      ...[{ other: [...other, { other: [...other, { other: [] }] }] }],
      admitted(0),
      started(10),
      ...work(10, 10, 3_000, 100),
    );
    expect(slow.aloneMsPerToken).toBe(10);
    slow.others = 6.9;
    expect(why(slow)).toBe(
      "Its 100 tokens took 30 ms each, since 7 others ran at the same time; alone they take 10 ms.",
    );
  });

  it("its answer is long", async () => {
    const { run, why } = openBook();
    const long = await run({}, admitted(0), started(10), ...work(10, 10, 20_000, 1_000));
    expect(why(long)).toBe("Its answer is long: 1,000 tokens at 20 ms each took 20.0 s.");
  });

  it("an upstream was asked again after a 429", async () => {
    const { run, why, causes } = openBook();
    const slow = await run(
      {},
      admitted(0),
      { news: { type: "retrying", upstream: "openrouter", status: 429, pauseMs: 1_500 } },
      { passMs: 1_700 },
      started(10),
      text,
      finished(1),
    );
    expect(causes(slow)).toEqual([
      ["retry", 1_500],
      ["upstream", 200],
    ]);
    expect(why(slow)).toBe("openrouter answered 429, and was asked again after 1.5 s.");
  });

  it("an upstream took long to its first token, or to write", async () => {
    const { run, why } = openBook();
    const late = await run({}, admitted(0), { passMs: 3_000 }, started(10), text, { passMs: 100 }, text, finished(2));
    expect(why(late)).toBe("m took 3.0 s to its first token, at another server.");
    const long = await run({}, admitted(0), { passMs: 300 }, started(10), text, { passMs: 9_000 }, text, finished(2));
    expect(why(long)).toBe("m took 9.0 s to write its answer, at another server.");
  });

  it("another target was asked first", async () => {
    const { run, why } = openBook();
    const routed = (...steps: readonly RouteStep[]): Step => ({ news: { type: "routed", route: "chat", steps } });
    const slow = await run(
      {},
      routed({ target: "local", outcome: "asked" }),
      { passMs: 2_500 },
      routed({ target: "cloud", outcome: "asked" }, { target: "local", outcome: "failed", reason: "timeout" }),
      { passMs: 100 },
      started(10),
      text,
      finished(1),
    );
    expect(why(slow)).toBe("local was asked first and did not answer (timeout); cloud was asked after 2.5 s.");
  });

  it("its client read slowly", async () => {
    const { run, why, answered, pass } = openBook();
    const slow = await run({}, admitted(0), started(10), ...QUICK);
    pass(7_000);
    answered(slow);
    expect(why(slow)).toBe("Its client read slowly: the answer was sent 7.0 s after the model had written it.");
  });

  it("it was refused, its client left, or it was answered from the cache", async () => {
    const { run, why } = openBook();
    const refused = await run({}, { passMs: 20 }, { error: new OverloadedError("Full.", 1_000, "full") });
    expect(why(refused)).toBe("It was refused after 20 ms: server_overloaded. Full. Please try again in 1s.");
    const gone = new AbortController();
    gone.abort();
    const left = await run({ signal: gone.signal }, waiting(2), { passMs: 2_000 }, { error: new Error("gone") });
    expect(why(left)).toBe("Its client left after 2.0 s, before its first token.");
    const hit = await run({}, { type: "started", promptTokens: 9, cachedTokens: 0, isReplay: true }, text, finished(1));
    expect(why(hit)).toBe("It was answered from the cache in 0 ms.");
  });

  it("it was not slow at all", async () => {
    const { run, why } = openBook();
    expect(why(await run({}, admitted(0), started(10), ...QUICK))).toBe(
      "It was not slow: to the first token 50 ms, in all 150 ms.",
    );
  });
});
