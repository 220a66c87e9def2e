import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { charge, NOBODY_SERVED, nextPrompt } from "../../../src/engine/worker/prefill-order.ts";
import { createSequence, type Sequence } from "../../../src/engine/worker/sequence.ts";
import { WEIGHTS } from "../../../src/fairness/classes.ts";
import { PRIORITIES, type Priority } from "../../../src/generation/terms.ts";
import { sequenceRequest, tokenizer } from "./fake-backend.ts";

const CHUNK = 64;

type Given = { readonly tenant: string; readonly tokens: number; readonly priority?: Priority };

/** Prompts in slots, evaluated as the order says. */
function setUp() {
  let order = NOBODY_SERVED;
  const running: Sequence[] = [];
  const served = new Map<string, number>();
  let lastId = 0;
  return {
    running,
    /** Evaluated tokens of each tenant. */
    served,
    add({ tenant, tokens, priority = "default" }: Given): Sequence {
      const prompt = Array.from({ length: tokens }, () => 1);
      const sequence = createSequence(sequenceRequest(++lastId, { tenant, priority }), prompt, tokenizer);
      sequence.slot = {
        index: lastId,
        tokens: [],
        promptTokens: tokens,
        exactTokens: tokens,
        headTokens: 0,
        lastUsed: 0,
      };
      running.push(sequence);
      return sequence;
    },
    remove(sequence: Sequence) {
      running.splice(running.indexOf(sequence), 1);
    },
    /** Evaluates the next chunk. Returns whose it was. */
    step(): Sequence | undefined {
      const chosen = nextPrompt(order, running);
      const next = chosen.sequence;
      order = chosen.order;
      if (next?.slot == null) return undefined;
      const { slot, prefill, request } = next;
      const chunk = prefill.slice(slot.tokens.length, slot.tokens.length + CHUNK);
      slot.tokens.push(...chunk);
      order = charge(order, next, chunk.length);
      served.set(request.tenant, (served.get(request.tenant) ?? 0) + chunk.length);
      return next;
    },
  };
}

const hasPrompt = (running: readonly Sequence[], tenant: string) =>
  running.some(
    ({ request, prefill, slot }) => request.tenant === tenant && prefill.length > (slot?.tokens.length ?? 0),
  );

/** What the order was before it knew of tenants. */
function createPlainOrder() {
  let chunks = 0;
  return (oldestFirst: readonly Sequence[]) => {
    const left = ({ prefill, slot }: Sequence) => prefill.length - (slot?.tokens.length ?? 0);
    const prompts = oldestFirst.filter((each) => left(each) > 0);
    const oldest = chunks++ % 4 === 3;
    return oldest ? prompts[0] : prompts.toSorted((a, b) => left(a) - left(b))[0];
  };
}

const tenant = fc.constantFrom("a", "b", "c", "d");
const arrival = fc.record({ type: fc.constant("add" as const), tenant, tokens: fc.integer({ min: 1, max: 1_000 }) });
const departure = fc.record({ type: fc.constant("remove" as const), which: fc.nat(10) });
const chunk = fc.record({ type: fc.constant("chunk" as const) });
const history = fc.array(
  fc.oneof({ weight: 2, arbitrary: arrival }, { weight: 1, arbitrary: departure }, { weight: 6, arbitrary: chunk }),
  { maxLength: 200 },
);

describe("the order of prompts", () => {
  test("with one tenant, the shortest rest goes first, and every fourth chunk is the oldest prompt's", () => {
    fc.assert(
      fc.property(history, (steps) => {
        const { running, add, remove, step } = setUp();
        const plain = createPlainOrder();
        for (const each of steps) {
          if (each.type === "add") add({ ...each, tenant: "a" });
          else if (each.type === "remove") {
            const sequence = running[each.which];
            if (sequence !== undefined) remove(sequence);
          } else {
            const expected = plain(running);
            expect(step()).toBe(expected);
          }
        }
      }),
    );
  });

  test("while two tenants have prompts, their weighted shares differ by at most two chunks", () => {
    const priorities = fc.record({
      a: fc.constantFrom(...PRIORITIES),
      b: fc.constantFrom(...PRIORITIES),
      c: fc.constantFrom(...PRIORITIES),
      d: fc.constantFrom(...PRIORITIES),
    });
    fc.assert(
      fc.property(history, priorities, (steps, classes) => {
        const { running, served, add, remove, step } = setUp();
        const weighted = (name: "a" | "b" | "c" | "d") => (served.get(name) ?? 0) / WEIGHTS[classes[name]];
        const names = ["a", "b", "c", "d"] as const;
        const pairs = names.flatMap((one, index) => names.slice(index + 1).map((other) => [one, other] as const));
        /** How far apart they were since both have had prompts. */
        const spans = new Map<string, { least: number; most: number }>();
        for (const each of steps) {
          if (each.type === "add") add({ ...each, priority: classes[each.tenant] });
          else if (each.type === "remove") {
            const sequence = running[each.which];
            if (sequence !== undefined) remove(sequence);
          } else step();
          for (const [one, other] of pairs) {
            const key = one + other;
            if (!hasPrompt(running, one) || !hasPrompt(running, other)) {
              spans.delete(key);
              continue;
            }
            const apart = weighted(one) - weighted(other);
            const { least, most } = spans.get(key) ?? { least: apart, most: apart };
            const span = { least: Math.min(least, apart), most: Math.max(most, apart) };
            spans.set(key, span);
            expect(span.most - span.least).toBeLessThanOrEqual(2 * CHUNK);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  test("a batch document is not starved by an endless series of new prompts", () => {
    const { running, add, remove, step } = setUp();
    const document = add({ tenant: "patient", tokens: 10 * CHUNK, priority: "batch" });
    const present: Sequence[] = [];
    let chunks = 0;
    for (let newcomer = 0; hasPrompt(running, "patient"); newcomer++) {
      while (present.length < 3) {
        present.push(add({ tenant: `${newcomer} ${present.length}`, tokens: CHUNK, priority: "interactive" }));
      }
      const next = step();
      chunks++;
      if (next !== undefined && next !== document) {
        remove(next);
        present.splice(present.indexOf(next), 1);
      }
      expect(chunks).toBeLessThanOrEqual(10 * (3 * 4 + 1) + 1);
    }
  });

  test("a tenant's first prompt gets the next chunk, however many prompts another tenant has", () => {
    const { add, step } = setUp();
    for (let index = 0; index < 10; index++) add({ tenant: "greedy", tokens: 10 * CHUNK });
    for (let index = 0; index < 25; index++) step();
    const polite = add({ tenant: "polite", tokens: 2 * CHUNK });
    expect([step(), step(), step()].filter((each) => each === polite)).toHaveLength(2);
  });

  test("an idle tenant gains no credit for the time it was idle", () => {
    const { served, add, step } = setUp();
    add({ tenant: "early", tokens: CHUNK });
    add({ tenant: "busy", tokens: 100 * CHUNK });
    for (let index = 0; index < 40; index++) step();
    served.clear();
    add({ tenant: "early", tokens: 100 * CHUNK });
    for (let index = 0; index < 20; index++) step();
    expect(served.get("early")).toBe(10 * CHUNK);
    expect(served.get("busy")).toBe(10 * CHUNK);
  });

  test("for one chunk of a batch prompt, default prompts get two and interactive ones four", () => {
    const { served, add, step } = setUp();
    for (const priority of PRIORITIES) add({ tenant: priority, tokens: 100 * CHUNK, priority });
    for (let index = 0; index < 70; index++) step();
    expect(Object.fromEntries(served)).toEqual({
      interactive: 40 * CHUNK,
      default: 20 * CHUNK,
      batch: 10 * CHUNK,
    });
  });
});
