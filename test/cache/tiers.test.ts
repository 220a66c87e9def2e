import { describe, expect, it } from "vitest";
import { answerRepeats } from "../../src/cache/layer.ts";
import type { LeaseOutcome, Leases } from "../../src/cache/leases.ts";
import { type Answer, createAnswerStore } from "../../src/cache/store.ts";
import type { Sought, Tier } from "../../src/cache/tier.ts";
import { NotCachedError } from "../../src/generation/errors.ts";
import type { Generate } from "../../src/generation/layer.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import { collect, generationRequest } from "../fixtures/generation.ts";
import { byHand, greedy, noting, saying, settled, withoutCost } from "./support.ts";

const NOW_MS = 1_000_000;
const EVENTS = saying("Hel", "lo");
const MISS = { type: "forward", reason: "miss", stored: true, collapsed: false };

function answerOf(storedMs = NOW_MS): Answer {
  const events = () => EVENTS.map((event) => ({ event: replayed(event), afterMs: 0 }));
  return { id: {}, events, storedMs, freshMs: 100_000 };
}

function replayed(event: (typeof EVENTS)[number]) {
  return event.type === "started" ? { ...event, cachedTokens: event.promptTokens, isReplay: true } : event;
}

/** A tier that answers when the test says so. */
function tierByHand(name = "ELSEWHERE") {
  const asked: { readonly sought: Sought; readonly signal: AbortSignal }[] = [];
  const waiting: PromiseWithResolvers<Answer | undefined>[] = [];
  const kept: string[] = [];
  const tier: Tier = {
    name,
    takes: ({ model }) => model !== "not here",
    find(sought, signal) {
      asked.push({ sought, signal });
      const found = Promise.withResolvers<Answer | undefined>();
      waiting.push(found);
      return found.promise;
    },
    keep: (_, { key }) => void kept.push(key),
  };
  return {
    tier,
    asked,
    kept,
    answer: (answer?: Answer) => waiting.shift()?.resolve(answer),
    fail: () => waiting.shift()?.reject(new Error("Broken.")),
  };
}

function setUp(options: { readonly tiers?: readonly Tier[]; readonly leases?: Leases; readonly generate?: Generate }) {
  const { tiers = [], leases, generate } = options;
  const now = () => NOW_MS;
  const store = createAnswerStore({ maxBytes: 1_000_000, ttlMs: 100_000, now, random: () => 0 });
  const layer = answerRepeats({ store, identify: (model) => model, tiers, leases, now });
  let runs = 0;
  const next: Generate = (request) => {
    runs += 1;
    return generate?.(request) ?? play();
  };
  return { store, runs: () => runs, run: (request: GenerationRequest) => layer(request, next) };
}

async function* play() {
  yield* EVENTS;
}

describe("a tier", () => {
  it("answers what memory can't, and is named", async () => {
    const { tier, answer, asked } = tierByHand();
    const { run, runs } = setUp({ tiers: [tier] });
    const { asked: mine, news } = noting();
    const events = collect(run(greedy(mine)));
    await settled();
    answer(answerOf(NOW_MS - 5_000));
    expect(withoutCost(await events)).toEqual(withoutCost(EVENTS));
    expect(news).toEqual([{ type: "hit", ageSeconds: 5, ttlSeconds: 95, detail: "ELSEWHERE" }]);
    expect(asked[0]?.sought.label).toEqual({ model: "one", scope: "tenant:local" });
    expect(runs()).toBe(0);
  });

  it("isn't asked if memory has the answer, if the request accepts none, or if it doesn't take the request", async () => {
    const { tier, asked, answer } = tierByHand();
    const { run } = setUp({ tiers: [tier] });
    const first = collect(run(greedy()));
    await settled();
    answer();
    await first;
    for (const cache of [{}, { noCache: true }, { maxAgeSeconds: 0 }, { noStore: true }])
      await collect(run(greedy({ cache })));
    await collect(run(generationRequest()));
    await collect(run(greedy({ model: "not here" })));
    expect(asked).toHaveLength(1);
  });

  it("gets answers that were generated and stored, not those that were found", async () => {
    const { tier, kept, answer } = tierByHand();
    const { run } = setUp({ tiers: [tier] });
    const found = collect(run(greedy()));
    await settled();
    answer(answerOf());
    await found;
    expect(kept).toEqual([]);
    const missed = collect(run(greedy()));
    await settled();
    answer();
    await missed;
    expect(kept).toHaveLength(1);
  });

  it("that fails is skipped", async () => {
    const [first, second] = [tierByHand("FIRST"), tierByHand("SECOND")];
    const { run, runs } = setUp({ tiers: [first.tier, second.tier] });
    const { asked: mine, news } = noting();
    const events = collect(run(greedy(mine)));
    await settled();
    first.fail();
    await settled();
    second.fail();
    expect(await events).toEqual(EVENTS);
    expect(news).toEqual([MISS]);
    expect(runs()).toBe(1);
  });

  it("whose answer is too old for the request is skipped", async () => {
    const { tier, answer } = tierByHand();
    const { run, runs } = setUp({ tiers: [tier] });
    const { asked: mine, news } = noting({ maxAgeSeconds: 4 });
    const events = collect(run(greedy(mine)));
    await settled();
    answer(answerOf(NOW_MS - 5_000));
    await events;
    expect(news).toEqual([{ ...MISS, reason: "request" }]);
    expect(runs()).toBe(1);
  });

  it("serves an only-if-cached request", async () => {
    const { tier, answer } = tierByHand();
    const { run } = setUp({ tiers: [tier] });
    const found = collect(run(greedy({ cache: { onlyIfCached: true } })));
    await settled();
    answer(answerOf());
    expect(await found).toHaveLength(EVENTS.length);
    const { asked: mine, news } = noting({ onlyIfCached: true });
    const none = collect(run(greedy(mine)));
    none.catch(() => {});
    await settled();
    answer();
    await expect(none).rejects.toThrow(NotCachedError);
    expect(news).toEqual([{ type: "none" }]);
  });

  it("is asked once for identical requests, which then share a generation", async () => {
    const { tier, asked, answer } = tierByHand();
    const { run, runs } = setUp({ tiers: [tier] });
    const notes = [noting(), noting(), noting()];
    const all = notes.map(({ asked: mine }) => collect(run(greedy(mine))));
    await settled();
    expect(asked).toHaveLength(1);
    answer();
    for (const events of await Promise.all(all)) expect(withoutCost(events)).toEqual(withoutCost(EVENTS));
    expect(runs()).toBe(1);
    const collapsed = { ...MISS, collapsed: true };
    expect(notes.map(({ news }) => news)).toEqual([[MISS], [collapsed], [collapsed]]);
  });

  it("gets an abort when the last waiting request has left, and delays none of them", async () => {
    const { tier, asked, answer } = tierByHand();
    const { run, runs } = setUp({ tiers: [tier] });
    const gone = new AbortController();
    const aborted = collect(run(greedy({ signal: gone.signal })));
    const left = run(greedy())[Symbol.asyncIterator]();
    const pending = left.next();
    await settled();
    const reason = new Error("Gone.");
    gone.abort(reason);
    await expect(aborted).rejects.toThrow(reason);
    expect(asked[0]?.signal.aborted).toBe(false);
    await left.return?.();
    expect(await pending).toEqual({ done: true, value: undefined });
    await settled();
    expect(asked[0]?.signal.aborted).toBe(true);
    answer(answerOf());
    await settled();
    expect(runs()).toBe(0);
  });
});

describe("gateways with leases", () => {
  function turnsByHand() {
    const waiting: PromiseWithResolvers<LeaseOutcome>[] = [];
    const asked: { readonly sought: Sought; readonly signal: AbortSignal }[] = [];
    let ended = 0;
    const end = () => {
      ended += 1;
    };
    const leases: Leases = {
      take(sought, signal) {
        asked.push({ sought, signal });
        const turn = Promise.withResolvers<LeaseOutcome>();
        waiting.push(turn);
        return turn.promise;
      },
    };
    return {
      leases,
      asked,
      ended: () => ended,
      own: (waitedMs = 0) => waiting.shift()?.resolve({ type: "own", waitedMs, end }),
      taken: () => waiting.shift()?.resolve({ type: "taken", answer: answerOf() }),
    };
  }

  it("generate with the lease, with what is left of the longest wait, and end it", async () => {
    const { leases, own, ended } = turnsByHand();
    const waits: (number | undefined)[] = [];
    const { run, store } = setUp({
      leases,
      generate(request) {
        waits.push(request.terms?.maxWaitMs);
        return play();
      },
    });
    const events = collect(run(greedy({ terms: { tenant: "a", priority: "default", maxWaitMs: 900 } })));
    await settled();
    expect(ended()).toBe(0);
    own(300);
    expect(await events).toEqual(EVENTS);
    expect([waits, ended(), store.size().entries]).toEqual([[600], 1, 1]);
  });

  it("use another gateway's answer, at full price, and don't store it as their own", async () => {
    const { leases, taken, ended } = turnsByHand();
    const { tier, kept, answer } = tierByHand();
    const { run, runs } = setUp({ leases, tiers: [tier] });
    const events = collect(run(greedy()));
    await settled();
    answer();
    await settled();
    taken();
    expect((await events)[0]).toMatchObject({ type: "started", isReplay: false });
    expect([runs(), ended(), kept]).toEqual([0, 0, []]);
  });

  it("end the lease if the generation fails or the last listener has left", async () => {
    const { leases, own, ended, asked } = turnsByHand();
    const engine = byHand();
    const { run, runs } = setUp({ leases, generate: engine.generate });
    const failing = collect(run(greedy()));
    failing.catch(() => {});
    await settled();
    own();
    await settled();
    engine.fail(new Error("Broken."));
    await expect(failing).rejects.toThrow("Broken.");
    expect(ended()).toBe(1);

    const left = run(greedy())[Symbol.asyncIterator]();
    const pending = left.next();
    await settled();
    await left.return?.();
    expect(await pending).toEqual({ done: true, value: undefined });
    expect(asked[1]?.signal.aborted).toBe(true);
    own();
    await settled();
    expect([runs(), ended()]).toEqual([1, 2]);
  });

  it("take no lease for a request that must be generated here or may be superseded", async () => {
    const { leases, asked } = turnsByHand();
    const { run, runs } = setUp({ leases });
    await collect(run(greedy({ cache: { noCache: true } })));
    await collect(run(greedy({ id: "2", terms: { tenant: "b", priority: "default", supersedeId: "x" } })));
    expect([asked.length, runs()]).toEqual([0, 2]);
  });
});
