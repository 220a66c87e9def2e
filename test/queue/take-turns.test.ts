import { describe, expect, it } from "vitest";
import { OverloadedError } from "../../src/generation/errors.ts";
import type { GenerationEvent } from "../../src/generation/event.ts";
import { compose } from "../../src/generation/layer.ts";
import type { News } from "../../src/generation/news.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import type { Terms } from "../../src/generation/terms.ts";
import { createModelQueue } from "../../src/queue/queue.ts";
import { takeTurns } from "../../src/queue/take-turns.ts";
import { createFakeClock } from "../fake-clock.ts";
import { collect, generationRequest } from "../fixtures/generation.ts";
import { createFakeEngine } from "./fake-engine.ts";

const ABORTED = new Error("nobody wants it");

function createBench({ slots = 1 } = {}) {
  const clock = createFakeClock();
  const queue = createModelQueue({ clock, slots, minSlots: 1, targetItlMs: 250 });
  const engine = createFakeEngine();
  const generate = compose([takeTurns({ queue, clock })], engine.generate);

  /** Begins a request and asks for its first event. */
  function begin(id: string, overrides: Partial<GenerationRequest> = {}, terms: Partial<Terms> = {}) {
    const news: News[] = [];
    const events = generate(
      generationRequest({
        id,
        terms: { tenant: "a", priority: "default", ...terms },
        observe: (each) => news.push(each),
        ...overrides,
      }),
    )[Symbol.asyncIterator]();
    const first = events.next();
    // Looked at later, or not at all.
    first.catch(() => {});
    return { events, first, news };
  }
  return { clock, queue, engine, generate, begin };
}

const EMPTY = { waiting: 0, running: 0, sequences: 0, waits: 0, debtors: 0 };

describe("taking turns", () => {
  it("gives each flow of a tenant its turns, as if it were a tenant", async () => {
    const { engine, begin } = createBench();
    for (const id of ["a1", "a2", "a3", "a4"]) begin(id, {}, { flow: "a" });
    begin("b1", {}, { flow: "b" });
    const order: string[] = [];
    for (let turns = 0; turns < 5; turns += 1) {
      const [id = ""] = engine.running();
      order.push(id);
      engine.finish(id);
      await new Promise(setImmediate);
    }
    expect(order.indexOf("b1")).toBeLessThan(3);
    expect([...order].sort()).toEqual(["a1", "a2", "a3", "a4", "b1"]);
  });

  it("runs as many sequences as there are slots, and the next when one has ended", async () => {
    const { engine, begin } = createBench({ slots: 2 });
    const [first] = [begin("one"), begin("two"), begin("three")];
    expect(engine.running()).toEqual(["one", "two"]);
    engine.finish("one");
    await collect({ [Symbol.asyncIterator]: () => first.events });
    expect(engine.running()).toEqual(["two", "three"]);
  });

  it("counts a request's choices, and frees the slot of each that ends", async () => {
    const { engine, begin } = createBench({ slots: 3 });
    const wide = begin("wide", { choices: 2 });
    begin("one");
    begin("two");
    expect(engine.running()).toEqual(["wide", "one"]);
    engine.say("wide", { type: "finished", choice: 1, reason: "stop", completionTokens: 3 });
    await wide.first;
    expect(engine.running()).toEqual(["wide", "one", "two"]);
  });

  it("frees the slot of a request without token counts, and learns nothing from it", async () => {
    const { engine, begin, queue } = createBench();
    const first = begin("one");
    begin("two");
    engine.say("one", { type: "started" });
    engine.say("one", { type: "text", choice: 0, text: "x" });
    engine.say("one", { type: "finished", choice: 0, reason: "stop" });
    engine.say("one", { type: "usage", promptTokens: 9, cachedTokens: 0, completionTokens: 1 });
    for (let count = 0; count < 3; count++) await first.events.next();
    expect(engine.running()).toContain("two");
    expect(
      queue.predictMs({
        tenant: "a",
        priority: "default",
        size: { type: "tokens", count: 9 },
        choices: 1,
        maxTokens: 1,
      }),
    ).toBe(0);
  });

  it("runs a request with more choices than slots when all slots are free", () => {
    const { engine, begin, queue } = createBench({ slots: 2 });
    begin("wide", { choices: 8 });
    begin("one");
    expect(engine.running()).toEqual(["wide"]);
    expect(queue.counts).toMatchObject({ sequences: 2, waiting: 1 });
  });

  it("leaves no slot unused if there are more tenants than slots", () => {
    const { engine, begin } = createBench({ slots: 4 });
    for (const tenant of ["a", "b", "c", "d", "e", "f"]) begin(tenant, {}, { tenant });
    expect(engine.running()).toEqual(["a", "b", "c", "d"]);
  });

  it("keeps a slot free of a tenant beyond its share, and gives it to another active tenant at once", async () => {
    const { engine, begin } = createBench({ slots: 4 });
    const polite = begin("polite", {}, { tenant: "b" });
    await polite.events.return?.();
    for (const id of ["one", "two", "three", "four"]) begin(id);
    expect(engine.running()).toEqual(["one", "two", "three"]);
    begin("polite again", {}, { tenant: "b" });
    expect(engine.running()).toEqual(["one", "two", "three", "polite again"]);
  });

  it("keeps no slot free with only three slots", async () => {
    const { engine, begin } = createBench({ slots: 3 });
    await begin("polite", {}, { tenant: "b" }).events.return?.();
    for (const id of ["one", "two", "three"]) begin(id);
    expect(engine.running()).toEqual(["one", "two", "three"]);
  });

  it("gives all slots to a tenant that is alone", () => {
    const { engine, begin } = createBench({ slots: 4 });
    for (const id of ["one", "two", "three", "four"]) begin(id);
    expect(engine.running()).toEqual(["one", "two", "three", "four"]);
  });

  it("runs a request for all slots, even if another tenant is active", async () => {
    const { engine, begin } = createBench({ slots: 4 });
    await begin("other", {}, { tenant: "b" }).events.return?.();
    begin("wide", { choices: 4 });
    expect(engine.running()).toEqual(["wide"]);
  });

  it("lets a request that comes back on time go before its tenant's others", async () => {
    const { engine, begin } = createBench();
    const first = begin("first");
    begin("waits");
    begin("returns", {}, { isReturning: true });
    await first.events.return?.();
    expect(engine.running()).toEqual(["returns"]);
  });

  it("lets no smaller request overtake one that waits for several slots", async () => {
    const { engine, begin } = createBench({ slots: 2 });
    const first = begin("first");
    begin("wide", { choices: 2 });
    begin("small");
    expect(engine.running()).toEqual(["first"]);
    await first.events.return?.();
    expect(engine.running()).toEqual(["wide"]);
  });

  it("passes the engine's events and errors on unchanged", async () => {
    const { engine, generate } = createBench();
    const events: GenerationEvent[] = [
      { type: "started", promptTokens: 3, cachedTokens: 0 },
      { type: "text", choice: 0, text: "a" },
      { type: "finished", choice: 0, reason: "stop", completionTokens: 2 },
    ];
    const seen = collect(generate(generationRequest({ id: "one" })));
    await engine.begun("one");
    for (const event of events) engine.say("one", event);
    engine.end("one");
    expect(await seen).toEqual(events);

    const failing = collect(generate(generationRequest({ id: "two" })));
    await engine.begun("two");
    engine.fail("two", new Error("it broke"));
    await expect(failing).rejects.toThrow("it broke");
  });

  it("does nothing until it is iterated", () => {
    const { engine, generate, queue } = createBench();
    generate(generationRequest());
    expect(engine.running()).toEqual([]);
    expect(queue.counts).toMatchObject(EMPTY);
  });
});

describe("the news of a request", () => {
  it("says at once that it was admitted if there is room", () => {
    const { begin } = createBench();
    expect(begin("one").news).toEqual([{ type: "admitted", waitedMs: 0, position: 0 }]);
  });

  it("gives its position at once, then once a second, and says when its turn has come", async () => {
    const { clock, begin } = createBench();
    const first = begin("one");
    begin("two");
    const third = begin("three");
    expect(third.news).toMatchObject([{ type: "waiting", position: 2 }]);
    clock.advance(999);
    expect(third.news).toHaveLength(1);
    clock.advance(1);
    expect(third.news).toHaveLength(2);
    clock.advance(5_000);
    expect(third.news).toHaveLength(7);
    await first.events.return?.();
    expect(third.news.at(-1)).toMatchObject({ type: "waiting" });
    clock.advance(1_000);
    expect(third.news.at(-1)).toMatchObject({ type: "waiting", position: 1 });
  });

  it("says how long it waited, and its position on arrival", async () => {
    const { clock, begin } = createBench();
    const first = begin("one");
    const second = begin("two");
    clock.advance(300);
    await first.events.return?.();
    expect(second.news.at(-1)).toEqual({ type: "admitted", waitedMs: 300, position: 1 });
  });
});

describe("the number of slots in use", () => {
  /** Forty texts of each of two requests, each made `engineMs` after it was asked for, and read for `readerMs`. */
  async function speak({ engineMs, readerMs }: { engineMs: number; readerMs: number }) {
    const { clock, queue, engine, begin } = createBench({ slots: 2 });
    const ids = ["one", "two"];
    const streams = ids.map((id) => begin(id));
    let nexts = streams.map(({ first }) => first);
    for (let text = 0; text < 40; text++) {
      clock.advance(engineMs);
      for (const id of ids) engine.say(id, { type: "text", choice: 0, text: "a" });
      await Promise.all(nexts);
      clock.advance(readerMs);
      nexts = streams.map(({ events }) => events.next());
    }
    for (const next of nexts) next.catch(() => {});
    return queue.counts.limit;
  }

  it("falls if the engine is slow", async () => {
    expect(await speak({ engineMs: 400, readerMs: 0 })).toBe(1);
  });

  it("stays if readers are slow and the engine is not", async () => {
    expect(await speak({ engineMs: 1, readerMs: 400 })).toBe(2);
  });
});

describe("a reader that takes nothing", () => {
  it("holds no slot while others wait, since the engine may have finished", async () => {
    const { clock, engine, begin } = createBench();
    const slow = begin("slow");
    engine.say("slow", { type: "text", choice: 0, text: "a" });
    await slow.first;
    begin("next");
    clock.advance(2_000);
    expect(engine.begunIds()).toEqual(["slow"]);
    clock.advance(2_000);
    expect(engine.begunIds()).toEqual(["slow", "next"]);
  });

  it("keeps its slot while it waits for the engine, however long that takes", () => {
    const { clock, engine, begin } = createBench();
    begin("slow");
    begin("next");
    clock.advance(60_000);
    expect(engine.begunIds()).toEqual(["slow"]);
  });
});

describe("leaving", () => {
  it("takes a request out of the queue at once when it is left, aborted, or left before it began", async () => {
    const { clock, engine, begin, queue } = createBench();
    const first = begin("one");
    const left = begin("two");
    const controller = new AbortController();
    const aborted = begin("three", { signal: controller.signal });
    expect(queue.counts).toMatchObject({ waiting: 2, waits: 2 });

    await left.events.return?.();
    controller.abort(ABORTED);
    expect(queue.counts).toMatchObject({ waiting: 0, waits: 0 });
    await expect(aborted.first).rejects.toBe(ABORTED);
    expect(await left.first).toEqual({ done: true, value: undefined });

    await first.events.return?.();
    expect(queue.counts).toMatchObject(EMPTY);
    expect(engine.begunIds()).toEqual(["one"]);
    clock.advance(1_000);
    expect(clock.pending).toBe(0);
  });

  it("frees the slot of a running request at once when it is aborted, even if no one asks for its next event", () => {
    const { engine, begin, queue } = createBench();
    const controller = new AbortController();
    begin("one", { signal: controller.signal });
    begin("two");
    controller.abort(ABORTED);
    expect(engine.begunIds()).toEqual(["one", "two"]);
    expect(queue.counts).toMatchObject({ running: 1, waiting: 0 });
  });

  it("rejects a request that was aborted before it began with the abort's reason", async () => {
    const { begin, queue } = createBench();
    await expect(begin("one", { signal: AbortSignal.abort(ABORTED) }).first).rejects.toBe(ABORTED);
    expect(queue.counts).toMatchObject(EMPTY);
  });

  it("refuses a request whose deadline comes while it waits", async () => {
    const { clock, begin, queue } = createBench();
    const first = begin("one");
    const late = begin("two", {}, { maxWaitMs: 2_000 });
    clock.advance(1_999);
    expect(queue.counts.waiting).toBe(1);
    clock.advance(1);
    await expect(late.first).rejects.toThrow(OverloadedError);
    await expect(late.first).rejects.toThrow("waited 2.0 s for its turn, as long as it may. Please try again in");
    expect(await late.events.next()).toEqual({ done: true, value: undefined });
    await first.events.return?.();
    expect(queue.counts).toMatchObject(EMPTY);
    clock.advance(1_000);
    expect(clock.pending).toBe(0);
  });

  it("lets a request run whose deadline comes after its turn began", () => {
    const { clock, engine, begin } = createBench();
    begin("one", {}, { maxWaitMs: 2_000 });
    clock.advance(3_000);
    expect(engine.running()).toEqual(["one"]);
  });
});
