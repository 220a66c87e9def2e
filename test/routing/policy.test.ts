import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BACKEND_STATES } from "../../src/generation/backend.ts";
import { PRIORITIES } from "../../src/generation/terms.ts";
import {
  chooseTargets,
  NEEDS,
  type Route,
  type Situation,
  type Target,
  type TargetState,
} from "../../src/routing/policy.ts";

const CAN = {
  text: true,
  embeddings: true,
  reranking: false,
  tools: true,
  schemas: true,
  logprobs: true,
  images: true,
};

function state(id: string, overrides: Partial<TargetState> = {}): TargetState {
  return { id, isLocal: true, can: CAN, state: "ready", contextTokens: 4096, firstTokenMs: 100, ...overrides };
}

function route(...targets: readonly Target[]): Route {
  return { name: "chat", targets };
}

function situation(overrides: Partial<Situation> = {}): Situation {
  return {
    ...{ nowMs: Date.UTC(2026, 10, 29, 12), task: "text", class: "default", isLocalOnly: false, key: ["k1", "alice"] },
    ...{ usedShare: undefined, preset: undefined, needs: [], promptTokens: 100, answerTokens: 200, session: "s" },
    targets: [state("a"), state("b"), state("c")],
    ...overrides,
  };
}

/** The order in which targets are asked, and why others are not. */
function decide(targets: readonly Target[], overrides: Partial<Situation> = {}) {
  const { candidates, excluded } = chooseTargets(route(...targets), situation(overrides));
  return {
    asked: candidates.map(({ target, deferred }) => (deferred === undefined ? target : `${target} ${deferred}`)),
    excluded: Object.fromEntries(excluded.map(({ target, reason }) => [target, reason])),
  };
}

describe("the order of a route's targets", () => {
  it("is that of the list", () => {
    expect(decide([{ model: "a" }, { model: "b" }, { model: "c" }]).asked).toEqual(["a", "b", "c"]);
  });

  it.each([
    ["a class", { class: ["interactive"] }, { class: "interactive" }, "class"],
    ["a key's name", { keys: ["bob"] }, { key: ["k2", "bob"] }, "key"],
    ["a preset", { presets: ["summary"] }, { preset: "summary" }, "preset"],
    ["a need", { needs: ["tools", "schemas"] }, { needs: ["schemas"] }, "needs"],
    ["a least length", { minTokens: 101 }, { promptTokens: 101 }, "tokens"],
    ["a greatest length", { maxTokens: 99 }, { promptTokens: 99 }, "tokens"],
    ["hours", { hours: "13:00-14:00" }, { nowMs: Date.UTC(2026, 10, 29, 13, 30) }, "hours"],
    ["days", { days: ["mon"] }, { nowMs: Date.UTC(2026, 10, 30, 12) }, "hours"],
  ] as const)("leaves a target out unless its condition holds: %s", (_, when, met, reason) => {
    const targets: readonly Target[] = [{ model: "a", when: { zone: "UTC", ...when } }, { model: "b" }];
    expect(decide(targets)).toEqual({ asked: ["b"], excluded: { a: reason } });
    expect(decide(targets, met)).toEqual({ asked: ["a", "b"], excluded: {} });
  });

  it("leaves a target out once the key has used up its share of the tokens", () => {
    const targets = [{ model: "a", when: { zone: "UTC", usedUpTo: 0.8 } }, { model: "b" }];
    expect(decide(targets, { usedShare: 0.8 }).asked).toEqual(["a", "b"]);
    expect(decide(targets, { usedShare: 0.81 })).toEqual({ asked: ["b"], excluded: { a: "budget" } });
  });

  it("leaves out what lacks a capability, what is not served, and what is not local for requests that must stay", () => {
    const targets = [state("a", { can: { ...CAN, tools: false } }), undefined, state("c", { isLocal: false })];
    expect(
      decide([{ model: "a" }, { model: "gone" }, { model: "c" }], { needs: ["tools"], isLocalOnly: true, targets }),
    ).toEqual({
      asked: [],
      excluded: { a: "tools", gone: "not_served", c: "local_only" },
    });
  });

  it("leaves out what would cost more than it may", () => {
    const targets = [state("a", { cost: 0.0021 })];
    expect(decide([{ model: "a", maxCost: 0.0021 }], { targets }).asked).toEqual(["a"]);
    expect(decide([{ model: "a", maxCost: 0.002 }], { targets }).excluded).toEqual({ a: "cost" });
    expect(decide([{ model: "a", maxCost: 0 }], { targets: [state("a")] }).asked).toEqual(["a"]);
  });

  it("asks a target whose first token would be late after the others, the soonest of the late ones first", () => {
    const targets = [state("a", { firstTokenMs: 9_000 }), state("b", { firstTokenMs: 5_000 }), state("c")];
    const spill = { after: 3_000 };
    expect(decide([{ model: "a", spill }, { model: "b", spill }, { model: "c" }], { targets }).asked).toEqual([
      "c",
      "b late",
      "a late",
    ]);
  });

  it("lets a session go back to a target only once that is clearly in time, but sends it away as soon as it is late", () => {
    const spill = { after: 1_000 };
    const decideAt = (firstTokenMs: number, last?: string) =>
      decide([{ model: "a", spill }, { model: "b" }], { targets: [state("a", { firstTokenMs }), state("b")], last })
        .asked[0];
    expect(["a", "b", undefined].map((last) => decideAt(900, last))).toEqual(["a", "b", "a"]);
    expect(["a", "b", undefined].map((last) => decideAt(790, last))).toEqual(["a", "a", "a"]);
    expect(["a", "b", undefined].map((last) => decideAt(1_001, last))).toEqual(["b", "b", "b"]);
  });

  it("leaves a session with the late target that it has, unless another is clearly sooner", () => {
    const spill = { after: 100 };
    const route = [
      { model: "a", spill },
      { model: "b", spill },
    ];
    const decideAt = (ofA: number, ofB: number, last?: string) =>
      decide(route, { targets: [state("a", { firstTokenMs: ofA }), state("b", { firstTokenMs: ofB })], last }).asked[0];
    expect(decideAt(1_100, 1_000)).toBe("b late");
    expect(decideAt(1_100, 1_000, "a")).toBe("a late");
    expect(decideAt(1_300, 1_000, "a")).toBe("b late");
  });

  it("spills only to what costs little enough, and asks the dear ones last", () => {
    const targets = [state("a", { firstTokenMs: 9_000 }), state("b", { cost: 0.002 }), state("c")];
    const spilling = { model: "a", spill: { after: 3_000, maxCost: 0.001 } };
    expect(decide([spilling, { model: "b" }, { model: "c" }], { targets }).asked).toEqual(["c", "a late", "b dear"]);
  });

  it("counts an unloaded model as late where it may spill, and loads it where it may not", () => {
    const targets = [state("a", { state: "unloaded" }), state("b")];
    expect(decide([{ model: "a", spill: { after: 3_000 } }, { model: "b" }], { targets }).asked).toEqual([
      "b",
      "a late",
    ]);
    expect(decide([{ model: "a" }, { model: "b" }], { targets }).asked).toEqual(["a", "b"]);
  });

  it("asks what has failed, and what seems too short for the prompt, last", () => {
    const targets = [state("a", { state: "failed" }), state("b", { contextTokens: 64 }), state("c")];
    expect(decide([{ model: "a" }, { model: "b" }, { model: "c" }], { targets }).asked).toEqual([
      "c",
      "b long",
      "a down",
    ]);
  });

  it("never asks a target with the weight 0", () => {
    expect(
      decide([
        { model: "a", weight: 0 },
        { model: "b", weight: 1 },
      ]),
    ).toEqual({ asked: ["b"], excluded: { a: "weight" } });
  });
});

describe("neighbours with weights", () => {
  const targets = [{ model: "a", weight: 90 }, { model: "b", weight: 10 }, { model: "c" }];
  const firstOf = (session: string, all: readonly Target[] = targets) => decide(all, { session }).asked[0];

  it("share the sessions by their weights", () => {
    const sessions = Array.from({ length: 4_000 }, (_, index) => `session ${index}`);
    const share = sessions.filter((session) => firstOf(session) === "b").length / sessions.length;
    // Four standard deviations are 0.019.
    expect(Math.abs(share - 0.1)).toBeLessThan(0.019);
  });

  it("get a session's requests always in the same order, and come before what follows them", () => {
    fc.assert(
      fc.property(fc.string(), (session) => {
        const { asked } = decide(targets, { session });
        expect(asked).toEqual(decide(targets, { session, promptTokens: 3_000 }).asked);
        expect(asked[2]).toBe("c");
      }),
    );
  });

  it("lose no session to each other when one grows", () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 10, max: 1_000 }), (session, weight) => {
        const grown = [
          { model: "a", weight: 90 },
          { model: "b", weight },
        ];
        if (firstOf(session) === "b") expect(firstOf(session, grown)).toBe("b");
      }),
    );
  });
});

describe("any decision", () => {
  const target = fc.record(
    {
      weight: fc.integer({ min: 0, max: 5 }),
      spill: fc.record({ after: fc.integer({ min: 1, max: 10_000 }) }),
      maxCost: fc.double({ min: 0, max: 0.01, noNaN: true }),
      when: fc.record({
        zone: fc.constant("UTC"),
        class: fc.uniqueArray(fc.constantFrom(...PRIORITIES), { minLength: 1 }),
      }),
    },
    { requiredKeys: [] },
  );
  const known = fc.option(
    fc.record({
      isLocal: fc.boolean(),
      can: fc.record({
        embeddings: fc.boolean(),
        reranking: fc.boolean(),
        text: fc.boolean(),
        tools: fc.boolean(),
        schemas: fc.boolean(),
        logprobs: fc.boolean(),
        images: fc.boolean(),
      }),
      state: fc.constantFrom(...BACKEND_STATES),
      contextTokens: fc.option(fc.integer({ min: 64, max: 8_192 }), { nil: undefined }),
      firstTokenMs: fc.option(fc.nat(20_000), { nil: undefined }),
      cost: fc.option(fc.double({ min: 0, max: 0.02, noNaN: true }), { nil: undefined }),
    }),
    { nil: undefined },
  );
  const case_ = fc.array(fc.tuple(target, known), { minLength: 1, maxLength: 8 });
  const asked = fc.record({
    isLocalOnly: fc.boolean(),
    class: fc.constantFrom(...PRIORITIES),
    needs: fc.uniqueArray(fc.constantFrom(...NEEDS)),
    promptTokens: fc.nat(10_000),
    answerTokens: fc.nat(4_000),
    session: fc.string(),
  });

  function decideAll(
    pairs: readonly (readonly [Partial<Target>, Omit<TargetState, "id"> | undefined])[],
    from: Partial<Situation>,
  ) {
    const targets = pairs.map(([own], index) => ({ ...own, model: `t${index}` }));
    const states = pairs.map(([, own], index) => own && { ...own, id: `t${index}` });
    const full = situation({ ...from, targets: states });
    return { targets, states, full, decision: chooseTargets(route(...targets), full) };
  }

  it("names each target once, as one to ask or as one that is excluded", () => {
    fc.assert(
      fc.property(case_, asked, (pairs, from) => {
        const { decision } = decideAll(pairs, from);
        const named = [...decision.candidates, ...decision.excluded].map(({ target: name }) => name);
        expect(named.toSorted()).toEqual(pairs.map((_, index) => `t${index}`).toSorted());
      }),
    );
  });

  it("never asks what must not be asked", () => {
    fc.assert(
      fc.property(case_, asked, (pairs, from) => {
        const { targets, states, full, decision } = decideAll(pairs, from);
        for (const { target: name } of decision.candidates) {
          const index = Number(name.slice(1));
          const [own, its] = [targets[index], states[index]];
          expect(its?.can.text).toBe(true);
          if (full.isLocalOnly) expect(its?.isLocal).toBe(true);
          for (const need of full.needs) expect(its?.can[need]).toBe(true);
          if (own?.when?.class !== undefined) expect(own.when.class).toContain(full.class);
          expect(own?.weight).not.toBe(0);
        }
      }),
    );
  });

  it("keeps the order of the list among targets without weights that can answer now", () => {
    fc.assert(
      fc.property(case_, asked, (pairs, from) => {
        const plain = pairs.map(([{ weight, ...own }, its]) => [own, its] as const);
        const { candidates } = decideAll(plain, from).decision;
        const now = candidates
          .filter(({ deferred }) => deferred === undefined)
          .map(({ target: name }) => Number(name.slice(1)));
        expect(now).toEqual(now.toSorted((one, other) => one - other));
        // What is deferred comes after all of them.
        expect(candidates.slice(0, now.length).every(({ deferred }) => deferred === undefined)).toBe(true);
      }),
    );
  });
});
