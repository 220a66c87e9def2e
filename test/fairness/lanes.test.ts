import fc from "fast-check";
import { expect, it } from "vitest";
import { createLanes, type Entry } from "../../src/fairness/lanes.ts";

const TENANT = "a";

const steps = fc.array(
  fc.oneof(
    fc.record({ type: fc.constant("push" as const), cost: fc.integer({ min: 1, max: 50 }), isFirst: fc.boolean() }),
    fc.record({ type: fc.constant("take" as const) }),
    fc.record({ type: fc.constant("remove" as const), at: fc.nat(30) }),
    fc.record({ type: fc.constant("reprice" as const), at: fc.nat(30), cost: fc.integer({ min: 1, max: 50 }) }),
  ),
  { maxLength: 60 },
);

/** A lane as a plain list. */
function insert(list: Entry<number>[], entry: Entry<number>, first: ReadonlySet<Entry<number>>): void {
  const place = first.has(entry) ? list.findIndex((each) => !first.has(each)) : -1;
  list.splice(place < 0 ? list.length : place, 0, entry);
}

it("keeps a tenant's order, with first entries before the others, and counts what is ahead of each", () => {
  fc.assert(
    fc.property(steps, (taken) => {
      const lanes = createLanes<number>();
      const list: Entry<number>[] = [];
      const first = new Set<Entry<number>>();
      taken.forEach((step, index) => {
        const at = "at" in step ? list[step.at] : undefined;
        if (step.type === "push") {
          const entry = lanes.push(TENANT, index, step.cost, step.isFirst);
          if (step.isFirst) first.add(entry);
          insert(list, entry, first);
        } else if (step.type === "take") {
          expect(lanes.take()).toBe(list.shift());
        } else if (at !== undefined && step.type === "remove") {
          lanes.remove(at);
          list.splice(list.indexOf(at), 1);
        } else if (at !== undefined && step.type === "reprice") {
          lanes.reprice(at, step.cost);
        }
        expect(lanes.head).toBe(list[0]);
        expect(lanes.size).toBe(list.length);
        list.forEach((entry, place) => {
          const { entries } = lanes.ahead(entry);
          expect(entries).toBeLessThanOrEqual(Math.max(place, list.length - 1));
          expect(entries).toBeGreaterThanOrEqual(place);
        });
      });
    }),
  );
});

it("counts exactly what is ahead if nothing was removed from the middle", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ cost: fc.integer({ min: 1, max: 50 }), isFirst: fc.boolean() }), { maxLength: 30 }),
      (pushed) => {
        const lanes = createLanes<number>();
        const list: Entry<number>[] = [];
        const first = new Set<Entry<number>>();
        pushed.forEach(({ cost, isFirst }, index) => {
          const entry = lanes.push(TENANT, index, cost, isFirst);
          if (isFirst) first.add(entry);
          insert(list, entry, first);
        });
        let work = 0;
        list.forEach((entry, entries) => {
          expect(lanes.ahead(entry)).toEqual({ entries, work });
          work += entry.cost;
        });
      },
    ),
  );
});

it("remembers at most ten thousand tenants without entries, however many come", () => {
  const lanes = createLanes<number>();
  for (let index = 0; index < 20_000; index++) {
    lanes.push(`${index}`, index, 1);
    lanes.take();
    lanes.charge(`${index}`, 1_000_000);
  }
  expect(lanes.remembered).toBe(10_000);
});
