import { describe, expect, it } from "vitest";
import { answerRepeats } from "../../src/cache/layer.ts";
import { createAnswerStore } from "../../src/cache/store.ts";
import { NotCachedError, OverloadedError } from "../../src/generation/errors.ts";
import type { GenerationEvent } from "../../src/generation/event.ts";
import type { Generate } from "../../src/generation/layer.ts";
import type { News, Observe } from "../../src/generation/news.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import type { Terms } from "../../src/generation/terms.ts";
import { collect, generationRequest } from "../fixtures/generation.ts";
import { byHand, greedy, noting, saying, settled, withoutCost } from "./support.ts";

const TTL_MS = 100_000;
const EVENTS = saying("Hel", "lo", "!");

function setUp(generate: Generate = play) {
  const clock = { ms: 1_000_000 };
  const now = () => clock.ms;
  const store = createAnswerStore({ maxBytes: 1_000_000, ttlMs: TTL_MS, now, random: () => 0 });
  const layer = answerRepeats({
    store,
    identify: (model) => (model === "unknown" ? undefined : `id of ${model}`),
    now,
  });
  let generated = 0;
  const next: Generate = (request) => {
    generated += 1;
    return generate(request);
  };
  return {
    store,
    later: (ms: number) => {
      clock.ms += ms;
    },
    generated: () => generated,
    run: (request: GenerationRequest) => layer(request, next),
    layer,
  };
}

async function* play(_?: GenerationRequest): AsyncGenerator<GenerationEvent> {
  yield* EVENTS;
}

const MISS = { type: "forward", reason: "miss", stored: true, collapsed: false };
const BYPASS = { type: "forward", reason: "bypass", stored: false, collapsed: false };

/** As another server answers: its usage comes last. */
const LATE: readonly GenerationEvent[] = [
  { type: "started" },
  { type: "refusal", choice: 0, text: "No." },
  { type: "finished", choice: 0, reason: "content_filter" },
  { type: "usage", promptTokens: 12, cachedTokens: 4, completionTokens: 7 },
];

describe("an answer whose usage comes last", () => {
  it("is stored with it, and a repeat counts the prompt as cached", async () => {
    const { run, generated } = setUp(async function* () {
      yield* LATE;
    });
    expect(await collect(run(greedy()))).toEqual(LATE);
    expect(await collect(run(greedy()))).toEqual([
      { type: "started", isReplay: true },
      ...LATE.slice(1, 3),
      { type: "usage", promptTokens: 12, cachedTokens: 12, completionTokens: 7 },
    ]);
    expect(generated()).toBe(1);
  });

  it("counts the prompt as cached for a request that joins it", async () => {
    const { run, generated } = setUp(async function* () {
      yield* LATE;
    });
    const [, joined] = await Promise.all([collect(run(greedy())), collect(run(greedy()))]);
    expect(joined?.at(-1)).toMatchObject({ type: "usage", promptTokens: 12, cachedTokens: 12 });
    expect(generated()).toBe(1);
  });
});

describe("answerRepeats", () => {
  it("generates once, and answers a repeat in the same pieces, at no cost", async () => {
    const { run, generated, later } = setUp();
    const [first, second] = [noting(), noting()];
    expect(await collect(run(greedy({ ...first.asked })))).toEqual(EVENTS);
    later(3_000);
    const again = await collect(run(greedy({ ...second.asked, id: "req_2" })));
    expect(withoutCost(again)).toEqual(withoutCost(EVENTS));
    expect(again[0]).toEqual({ type: "started", promptTokens: 12, cachedTokens: 12, isReplay: true });
    expect(generated()).toBe(1);
    expect(first.news).toEqual([MISS]);
    expect(second.news).toEqual([{ type: "hit", ageSeconds: 3, ttlSeconds: 97 }]);
  });

  it("passes a random request on unchanged, unless it accepts an earlier answer", async () => {
    const { layer, run, generated } = setUp();
    const events = play();
    const { asked, news } = noting();
    expect(layer(generationRequest(asked), () => events)).toBe(events);
    expect(news).toEqual([BYPASS]);
    for (let count = 0; count < 2; count++) await collect(run(generationRequest({ cache: { maxAgeSeconds: 60 } })));
    expect(generated()).toBe(1);
    await collect(run(generationRequest({ cache: { answers: "always" } })));
    expect(generated()).toBe(1);
    await collect(run(generationRequest()));
    expect(generated()).toBe(2);
  });

  it("stores the answer to a request with a seed", async () => {
    const { run, generated } = setUp();
    const { sampling } = generationRequest();
    for (const seed of [1, 1, 2]) await collect(run(generationRequest({ sampling: { ...sampling, seed } })));
    expect(generated()).toBe(2);
  });

  it("neither stores nor answers with no-store, nor for an unknown model", async () => {
    const { run, generated, store } = setUp();
    for (const cache of [{ noStore: true }, { noStore: true, maxAgeSeconds: 9 }]) {
      await collect(run(greedy({ cache })));
      await collect(run(greedy({ cache })));
    }
    await collect(run(greedy({ model: "unknown" })));
    expect(generated()).toBe(5);
    expect(store.size().entries).toBe(0);
  });

  it("stores but doesn't answer with no-cache, and says that it could have", async () => {
    const { run, generated } = setUp();
    const { asked, news } = noting({ noCache: true });
    await collect(run(greedy(asked)));
    await collect(run(greedy(asked)));
    await collect(run(greedy()));
    expect(generated()).toBe(2);
    expect(news).toEqual([MISS, { ...MISS, reason: "request" }]);
  });

  it("respects max-age and the time that an answer is fresh", async () => {
    const { run, generated, later } = setUp();
    await collect(run(greedy()));
    later(10_000);
    await collect(run(greedy({ cache: { maxAgeSeconds: 10 } })));
    expect(generated()).toBe(1);
    const young = noting({ maxAgeSeconds: 9 });
    await collect(run(greedy({ ...young.asked })));
    expect(young.news).toEqual([{ ...MISS, reason: "request" }]);
    later(TTL_MS);
    const late = noting();
    await collect(run(greedy({ ...late.asked })));
    expect(late.news).toEqual([{ ...MISS, reason: "stale" }]);
    expect(generated()).toBe(3);
  });

  it("answers with a stale answer if allowed, at full price, and generates a new one meanwhile", async () => {
    const { run, generated, later } = setUp();
    await collect(run(greedy()));
    later(TTL_MS + 5_000);
    const { asked, news } = noting({ staleWhileRevalidateSeconds: 5 });
    const [started] = await collect(run(greedy(asked)));
    expect(started).toMatchObject({ isReplay: false });
    expect(news).toEqual([{ type: "hit", ageSeconds: 105, ttlSeconds: -5 }]);
    await settled();
    expect(generated()).toBe(2);
    const after = noting();
    await collect(run(greedy({ ...after.asked })));
    expect(after.news).toEqual([{ type: "hit", ageSeconds: 0, ttlSeconds: 100 }]);
  });

  it("answers with a stale answer even if no new one can be generated", async () => {
    let isBroken = false;
    const { run, store, later } = setUp((request) => {
      if (isBroken) throw new Error("Gone.");
      return play(request);
    });
    await collect(run(greedy()));
    later(TTL_MS + 5_000);
    isBroken = true;
    expect(await collect(run(greedy({ cache: { staleWhileRevalidateSeconds: 60 } })))).toHaveLength(EVENTS.length);
    await settled();
    expect(store.size().entries).toBe(1);
  });

  it("answers only-if-cached with a stored answer, or refuses", async () => {
    const { run, generated } = setUp();
    const { asked, news } = noting({ onlyIfCached: true });
    for (const request of [greedy(asked), greedy({ ...asked, model: "unknown" }), generationRequest(asked)]) {
      await expect(collect(run(request))).rejects.toThrow(NotCachedError);
    }
    expect(generated()).toBe(0);
    expect(news).toEqual([{ type: "none" }, { type: "none" }, { type: "none" }]);
    await collect(run(greedy()));
    expect(await collect(run(greedy(asked)))).toHaveLength(EVENTS.length);
    await expect(collect(run(greedy({ ...asked, cache: { ...asked.cache, noStore: true } })))).rejects.toThrow(
      NotCachedError,
    );
  });

  it("gives no tenant another's answer, and gives public answers to all", async () => {
    const { run, generated } = setUp();
    const of = (tenant: string) => ({ terms: { tenant, priority: "default" } as const });
    await collect(run(greedy(of("a"))));
    await collect(run(greedy(of("b"))));
    expect(generated()).toBe(2);
    await collect(run(greedy({ ...of("a"), cache: { isPublic: true } })));
    await collect(run(greedy({ ...of("b"), cache: { isPublic: true } })));
    expect(generated()).toBe(3);
  });

  it("stores nothing of an answer that fails, breaks off, or is left", async () => {
    const failing = setUp(async function* () {
      yield* EVENTS.slice(0, 3);
      throw new OverloadedError("Full.", 1);
    });
    await expect(collect(failing.run(greedy()))).rejects.toThrow("Full.");
    expect(failing.store.size().entries).toBe(0);

    const cut = setUp(async function* () {
      yield* EVENTS.slice(0, -1);
    });
    await collect(cut.run(greedy()));
    expect(cut.store.size().entries).toBe(0);

    const engine = byHand();
    const left = setUp(engine.generate);
    const iterator = left.run(greedy())[Symbol.asyncIterator]();
    const first = iterator.next();
    engine.say({ type: "started", promptTokens: 1, cachedTokens: 0 });
    await first;
    const second = iterator.next();
    await iterator.return?.();
    expect(await second).toEqual({ done: true, value: undefined });
    expect(engine.isCancelled()).toBe(true);
    await settled();
    expect(left.store.size().entries).toBe(0);
  });

  it("begins nothing before the first event is asked for, nor for a cancelled request", async () => {
    const { run, generated } = setUp();
    const iterator = run(greedy())[Symbol.asyncIterator]();
    await iterator.return?.();
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    const reason = new Error("Gone.");
    await expect(collect(run(greedy({ signal: AbortSignal.abort(reason) })))).rejects.toThrow(reason);
    expect(generated()).toBe(0);
  });
});

describe("identical requests at the same time", () => {
  const terms = (overrides: Partial<Terms> = {}): Terms => ({ tenant: "a", priority: "default", ...overrides });

  async function together(first: GenerationRequest, second: GenerationRequest, hasStarted = false) {
    const engine = byHand();
    const { run } = setUp(engine.generate);
    const leader = run(first)[Symbol.asyncIterator]();
    const begun = leader.next();
    if (hasStarted) {
      engine.say({ type: "started", promptTokens: 12, cachedTokens: 4 });
      await begun;
    }
    const { asked, news } = noting(second.cache);
    const late = run({ ...second, ...asked })[Symbol.asyncIterator]();
    const joined = late.next();
    joined.catch(() => {});
    return { engine, leader, begun, late, joined, news };
  }

  it("share one generation: the later one gets all events, and its prompt counts as cached", async () => {
    const { engine, leader, joined, news } = await together(greedy(), greedy(), true);
    expect(await joined).toEqual({
      done: false,
      value: { type: "started", promptTokens: 12, cachedTokens: 12 },
    });
    expect(news).toEqual([{ ...MISS, collapsed: true }]);
    expect(engine.runs()).toBe(1);
    await leader.return?.();
    expect(engine.isCancelled()).toBe(false);
  });

  it("all get the failure", async () => {
    const { engine, begun, joined } = await together(greedy(), greedy());
    engine.fail(new OverloadedError("Full.", 1));
    await expect(begun).rejects.toThrow("Full.");
    await expect(joined).rejects.toThrow("Full.");
  });

  it("all get the news of the wait", async () => {
    const heard: string[] = [];
    const hear = (who: string) => (news: News) => void (news.type === "waiting" && heard.push(who));
    const engine = byHand();
    let observe: Observe | undefined;
    const { run } = setUp((request) => {
      observe = request.observe;
      return engine.generate(request);
    });
    for (const who of ["first", "second"])
      void run(greedy({ observe: hear(who) }))
        [Symbol.asyncIterator]()
        .next();
    observe?.({ type: "waiting", position: 1, etaMs: 5 });
    expect(heard).toEqual(["first", "second"]);
  });

  it("are generated apart if their terms differ while the first waits for its turn", async () => {
    const batch = greedy({ terms: terms({ priority: "batch" }) });
    const urgent = greedy({ terms: terms({ priority: "interactive" }) });
    expect((await together(batch, urgent)).engine.runs()).toBe(2);
    expect((await together(batch, urgent, true)).engine.runs()).toBe(1);
    expect((await together(batch, greedy({ terms: terms({ priority: "batch", maxWaitMs: 5 }) }))).engine.runs()).toBe(
      2,
    );
  });

  it("are generated apart if one may be superseded, or asks for an answer of its own", async () => {
    const superseding = greedy({ terms: terms({ supersedeId: "x" }) });
    const plain = greedy({ terms: terms() });
    expect((await together(superseding, plain, true)).engine.runs()).toBe(2);
    expect((await together(plain, superseding, true)).engine.runs()).toBe(2);
    expect((await together(plain, { ...plain, cache: { noCache: true } }, true)).engine.runs()).toBe(2);
    expect((await together(plain, { ...plain, cache: { maxAgeSeconds: 0 } }, true)).engine.runs()).toBe(2);
    expect((await together(plain, { ...plain, cache: { noStore: true } }, true)).engine.runs()).toBe(2);
  });
});
