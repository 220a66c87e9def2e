import { describe, expect, it } from "vitest";
import type { CostOf } from "../../src/generation/cost.ts";
import { OverloadedError, SupersededError } from "../../src/generation/errors.ts";
import type { GenerationEvent } from "../../src/generation/event.ts";
import type { Generate } from "../../src/generation/layer.ts";
import type { Observe } from "../../src/generation/news.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import { holdToLimits } from "../../src/keys/layer.ts";
import type { Done, Outcome, Work } from "../../src/keys/meter.ts";
import { generationRequest } from "../fixtures/generation.ts";
import { key } from "./support.ts";

const EVENTS: readonly GenerationEvent[] = [
  { type: "started", promptTokens: 12, cachedTokens: 4 },
  { type: "text", choice: 0, text: "Hel" },
  { type: "text", choice: 0, text: "lo" },
  { type: "finished", choice: 0, reason: "stop", completionTokens: 7 },
];

function setUp(generate: Generate, whose = key(), costsOf?: (model: string) => CostOf | undefined) {
  const begun: Work[] = [];
  const ends: ({ outcome: Outcome; others?: readonly Done[] } & Done)[] = [];
  const layer = holdToLimits(
    { get: (id) => (id === whose.id ? whose : undefined) },
    {
      begin: async (_key, work) => {
        begun.push(work);
        return {
          end(outcome, [{ model, used, cost }, ...others]) {
            ends.push({
              ...{ outcome, used },
              ...(model !== undefined && { model }),
              ...(cost !== undefined && { cost }),
              ...(others.length > 0 && { others }),
            });
          },
        };
      },
      view: () => undefined,
    },
    costsOf,
  );
  const run = (request: Partial<GenerationRequest> = {}) =>
    layer(generationRequest({ terms: { tenant: whose.id, priority: "default" }, maxTokens: 50, ...request }), generate)[
      Symbol.asyncIterator
    ]();
  return { begun, ends, run };
}

async function* play() {
  yield* EVENTS;
}

async function drain(iterator: AsyncIterator<GenerationEvent>): Promise<GenerationEvent[]> {
  const events: GenerationEvent[] = [];
  for await (const event of { [Symbol.asyncIterator]: () => iterator }) events.push(event);
  return events;
}

describe("holdToLimits", () => {
  it("charges what each target of a route has done, that of an answer that was not used, too", async () => {
    const evaluation = { waitingMs: 0, prefillMs: 1, prefillTokens: 1, decodeMs: 1, decodeTokens: 1, computeMs: 2 };
    const { ends, begun, run } = setUp(
      async function* ({ observe }) {
        observe?.({ type: "evaluated", choice: 0, evaluation });
        observe?.({ type: "discarded", target: "small", spent: { prompt: 5, cached: 0, completion: 3 } });
        observe?.({ type: "routed", route: "chat", steps: [{ target: "large", outcome: "answered" }] });
        yield* EVENTS;
      },
      key(),
      (model) => (work) => ({ money: (model === "large" ? 10 : 1) * work.completion + (work.computeMs ?? 0) }),
    );
    await drain(run({ model: "chat" }));
    expect(begun).toMatchObject([{ money: 50 }]);
    expect(ends).toMatchObject([
      {
        model: "large",
        cost: { money: 70 },
        others: [{ model: "small", used: { completion: 3 }, cost: { money: 5 } }],
      },
    ]);
  });

  it("charges what models cost when they were asked, although they are removed or cost something else before the end", async () => {
    let price = 1;
    let isThere = true;
    const costsOf = () => {
      if (!isThere) return undefined;
      const now = price;
      return (work: { readonly completion: number }) => ({ money: now * work.completion });
    };
    const { ends, run } = setUp(
      async function* ({ model, observe }) {
        price = 2;
        if (model === "chat") {
          observe?.({ type: "routed", route: "chat", steps: [{ target: "large", outcome: "asked" }] });
        }
        isThere = false;
        if (model === "chat") {
          observe?.({ type: "routed", route: "chat", steps: [{ target: "large", outcome: "answered" }] });
        }
        yield* EVENTS;
      },
      key(),
      costsOf,
    );
    await drain(run({ model: "alone" }));
    [price, isThere] = [1, true];
    await drain(run({ model: "chat" }));
    expect(ends).toMatchObject([{ cost: { money: 7 } }, { model: "large", cost: { money: 14 } }]);
  });

  it("charges the target that answered for a route", async () => {
    const { ends, run } = setUp(async function* ({ observe }) {
      const steps = [{ target: "large", outcome: "answered" }] as const;
      observe?.({ type: "routed", route: "chat", steps });
      yield* EVENTS;
    });
    await drain(run({ model: "chat" }));
    expect(ends).toMatchObject([{ outcome: "done", model: "large" }]);
  });

  it("passes every event on, and charges what was used", async () => {
    const { begun, ends, run } = setUp(play);
    const iterator = run();
    expect(begun).toEqual([]);
    expect(await drain(iterator)).toEqual(EVENTS);
    expect(begun).toHaveLength(1);
    expect(begun[0]?.tokens).toBeGreaterThan(50);
    expect(ends[0]).toEqual({ outcome: "done", used: { prompt: 12, cached: 4, completion: 7 } });
  });

  it("counts the request but no tokens if the answer was generated before", async () => {
    const replay: GenerationEvent[] = EVENTS.map((event) =>
      event.type === "started" ? { ...event, cachedTokens: 12, isReplay: true } : event,
    );
    const { ends, run } = setUp(async function* () {
      yield* replay;
    });
    expect(await drain(run())).toEqual(replay);
    expect(ends[0]).toEqual({ outcome: "done", used: { prompt: 0, cached: 0, completion: 0 } });
  });

  it("charges the usage that an upstream reports last, or the events if it reports none", async () => {
    const events: GenerationEvent[] = [
      { type: "started" },
      { type: "text", choice: 0, text: "Hel" },
      { type: "refusal", choice: 0, text: "No." },
      { type: "finished", choice: 0, reason: "stop" },
    ];
    const usage: GenerationEvent = { type: "usage", promptTokens: 12, cachedTokens: 4, completionTokens: 7 };
    for (const [last, used] of [
      [[usage], { prompt: 12, cached: 4, completion: 7 }],
      [[], { prompt: 0, cached: 0, completion: 2 }],
    ] as const) {
      const { ends, run } = setUp(async function* () {
        yield* [...events, ...last];
      });
      await drain(run());
      expect(ends[0]).toEqual({ outcome: "done", used });
    }
  });

  it("passes a request without a key on", async () => {
    const { begun, run } = setUp(play);
    expect(await drain(run({ terms: { tenant: "local", priority: "default" } }))).toEqual(EVENTS);
    expect(begun).toEqual([]);
  });

  it("counts what was generated until the client left", async () => {
    const { ends, run } = setUp(play);
    const iterator = run();
    for (let taken = 0; taken < 3; taken++) await iterator.next();
    await iterator.return?.();
    expect(ends[0]).toEqual({ outcome: "left", used: { prompt: 12, cached: 4, completion: 2 } });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  it("counts tokens that were generated but not delivered, and passes the news on", async () => {
    const heard: unknown[] = [];
    const { ends, run } = setUp(async function* ({ observe, signal }) {
      yield* EVENTS.slice(0, 2);
      const spent = { prompt: 0, cached: 0, completion: 40 };
      signal.addEventListener("abort", () => observe?.({ type: "left", spent }));
      yield* EVENTS.slice(2, 3);
    });
    const leaving = new AbortController();
    const observe: Observe = (news) => void (news.type === "left" && heard.push(news));
    const iterator = run({ observe, signal: leaving.signal });
    for (let taken = 0; taken < 3; taken++) await iterator.next();
    leaving.abort();
    await iterator.return?.();
    expect(ends[0]).toEqual({ outcome: "left", used: { prompt: 12, cached: 4, completion: 40 } });
    expect(heard).toHaveLength(1);
  });

  it("refunds requests that the server refused, and records failures", async () => {
    const refused = setUp(async function* () {
      yield* [];
      throw new OverloadedError("Full.", 1_000);
    });
    await expect(refused.run().next()).rejects.toThrow("Full.");
    expect(refused.ends[0]?.outcome).toBe("refused");

    const superseded = setUp(async function* () {
      yield* EVENTS.slice(0, 2);
      throw new SupersededError();
    });
    await expect(drain(superseded.run())).rejects.toThrow(SupersededError);
    expect(superseded.ends[0]?.outcome).toBe("left");

    const failed = setUp(async function* () {
      yield* EVENTS.slice(0, 2);
      throw new Error("Broken.");
    });
    await expect(drain(failed.run())).rejects.toThrow("Broken.");
    expect(failed.ends[0]).toEqual({ outcome: "failed", used: { prompt: 12, cached: 4, completion: 1 } });
  });

  it("begins nothing for a client that left while its limits were checked", async () => {
    let started = false;
    const { ends, run } = setUp(async function* () {
      started = true;
      yield* EVENTS;
    });
    const iterator = run();
    const first = iterator.next();
    await iterator.return?.();
    expect(await first).toEqual({ done: true, value: undefined });
    expect(ends[0]?.outcome).toBe("left");
    expect(started).toBe(false);
  });
});
