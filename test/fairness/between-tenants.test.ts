import fc from "fast-check";
import { expect, test } from "vitest";
import { createFairQueue } from "../../src/fairness/fair-queue.ts";
import type { Entry } from "../../src/fairness/lanes.ts";

type Item = { readonly tenant: string; readonly cost: number; readonly name?: number };

/** A fair queue in which all are of one class. */
function createTurns<T extends Item>() {
  const queue = createFairQueue<T>();
  const turns = new Map<T, Entry<T>>();
  return {
    get size() {
      return queue.size;
    },
    add(item: T) {
      turns.set(item, queue.push({ tenant: item.tenant, priority: "default" }, item, item.cost));
    },
    take: () => queue.take()?.value,
    remove(item: T) {
      const turn = turns.get(item);
      return turn !== undefined && queue.remove(turn);
    },
    of(tenant: string) {
      const { entries, work } = queue.of(tenant);
      return { count: entries, cost: work };
    },
  };
}

function takeAll(turns: ReturnType<typeof createTurns<Item>>): string {
  let order = "";
  for (let item = turns.take(); item !== undefined; item = turns.take()) order += item.tenant;
  return order;
}

test("a tenant with many expensive items doesn't delay another's cheap one", () => {
  const turns = createTurns<Item>();
  for (let count = 0; count < 5; count += 1) turns.add({ tenant: "a", cost: 1_000 });
  turns.take();
  turns.add({ tenant: "b", cost: 1 });
  turns.add({ tenant: "b", cost: 1 });
  expect(takeAll(turns)).toBe("bbaaaa");
});

test("a tenant that takes one expensive item at a time waits until the others have had as much", () => {
  const turns = createTurns<Item>();
  turns.add({ tenant: "a", cost: 1_000 });
  turns.take();
  turns.add({ tenant: "a", cost: 1_000 });
  for (let count = 0; count < 4; count += 1) turns.add({ tenant: "b", cost: 400 });
  expect(takeAll(turns)).toBe("bbbab");
});

test("each item is taken or removed once, in its tenant's order, and no tenant gets far ahead of one that waits", () => {
  const tenant = fc.constantFrom("a", "b", "c");
  const add = fc.record({ type: fc.constant("add" as const), tenant, cost: fc.integer({ min: 1, max: 100 }) });
  const other = fc.constantFrom({ type: "take" as const }, { type: "remove" as const });
  fc.assert(
    fc.property(fc.array(fc.oneof(add, other), { maxLength: 60 }), (steps) => {
      const turns = createTurns<Item>();
      let waiting: Item[] = [];
      let name = 0;
      for (const step of steps) {
        if (step.type === "add") {
          const item = { tenant: step.tenant, cost: step.cost, name: name++ };
          turns.add(item);
          waiting.push(item);
        } else if (step.type === "take") {
          const taken = turns.take();
          expect(taken === undefined).toBe(waiting.length === 0);
          const oldest = waiting.find((item) => item.tenant === taken?.tenant);
          expect(oldest?.name).toBe(taken?.name);
          waiting = waiting.filter((item) => item !== taken);
        } else {
          const [first] = waiting;
          if (first === undefined) continue;
          expect(turns.remove(first)).toBe(true);
          expect(turns.remove(first)).toBe(false);
          waiting = waiting.slice(1);
        }
        expect(turns.size).toBe(waiting.length);
        for (const each of ["a", "b", "c"]) {
          const own = waiting.filter((item) => item.tenant === each);
          const cost = own.reduce((sum, item) => sum + item.cost, 0);
          expect(turns.of(each)).toEqual({ count: own.length, cost });
        }
      }
    }),
  );
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 40 }), (costs) => {
      const turns = createTurns<Item>();
      for (const cost of costs) {
        turns.add({ tenant: "a", cost });
        turns.add({ tenant: "b", cost: 100 - cost + 1 });
      }
      const spent = { a: 0, b: 0 };
      for (let item = turns.take(); item !== undefined; item = turns.take()) {
        spent[item.tenant as "a" | "b"] += item.cost;
        const bothWait = turns.of("a").count > 0 && turns.of("b").count > 0;
        if (bothWait) expect(Math.abs(spent.a - spent.b)).toBeLessThanOrEqual(100);
      }
    }),
  );
});
