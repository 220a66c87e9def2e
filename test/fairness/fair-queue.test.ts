import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createFairQueue } from "../../src/fairness/fair-queue.ts";
import type { Entry } from "../../src/fairness/lanes.ts";
import { PRIORITIES, type Priority } from "../../src/generation/terms.ts";

type Ticket = { readonly tenant: string; readonly priority: Priority; readonly cost: number; readonly id: number };

function createBench() {
  const queue = createFairQueue<Ticket>();
  let ids = 0;
  return {
    queue,
    push(tenant: string, cost: number, priority: Priority = "default"): Entry<Ticket> {
      return queue.push({ tenant, priority }, { tenant, priority, cost, id: ids++ }, cost);
    },
    take: (): Ticket | undefined => queue.take()?.value,
    takeAll(count = Number.POSITIVE_INFINITY): Ticket[] {
      const taken: Ticket[] = [];
      while (taken.length < count) {
        const turn = queue.take();
        if (turn === undefined) break;
        taken.push(turn.value);
      }
      return taken;
    },
  };
}

const tenants = (tickets: readonly Ticket[]) => tickets.map(({ tenant }) => tenant).join("");

describe("between tenants", () => {
  it("alternates, however many requests one of them has", () => {
    const { push, takeAll } = createBench();
    for (let index = 0; index < 5; index++) push("a", 1);
    push("b", 1);
    push("c", 1);
    expect(tenants(takeAll())).toBe("abcaaaa");
  });

  it("lets a tenant's first request wait for at most one turn of another that has had a hundred", () => {
    const { push, take, takeAll } = createBench();
    for (let index = 0; index < 100; index++) push("greedy", 1);
    takeAll(50);
    push("polite", 1);
    expect([take()?.tenant, take()?.tenant]).toContain("polite");
  });

  it("shares work, not requests: requests ten times as large get a tenth of the turns", () => {
    const { push, takeAll } = createBench();
    for (let index = 0; index < 100; index++) {
      push("big", 10);
      push("small", 1);
    }
    const bigTurns = takeAll(55).filter(({ tenant }) => tenant === "big").length;
    expect(bigTurns).toBe(5);
  });

  it("gives no credit for idle time", () => {
    const { push, takeAll } = createBench();
    for (let index = 0; index < 100; index++) push("a", 1);
    takeAll(80);
    for (let index = 0; index < 20; index++) push("b", 1);
    const firstTen = takeAll(10).filter(({ tenant }) => tenant === "b").length;
    expect(firstTen).toBe(5);
  });

  it("remembers a tenant's lead while it has nothing waiting", () => {
    const { push, takeAll } = createBench();
    push("a", 95);
    for (let index = 0; index < 100; index++) push("b", 10);
    takeAll(1);
    push("a", 95);
    expect(tenants(takeAll(11))).toBe("bbbbbbbbbba");
  });

  it("charges the real cost of a turn", () => {
    const { queue, push, takeAll } = createBench();
    for (let index = 0; index < 10; index++) {
      push("a", 1);
      push("b", 1);
    }
    const turn = queue.take();
    if (turn !== undefined) queue.charge(turn, 3);
    expect(tenants(takeAll(5))).toBe("bbbba");
  });

  it("refunds an overcharge, but never puts a tenant ahead of newcomers", () => {
    const { queue, push, takeAll } = createBench();
    push("a", 10);
    for (let index = 0; index < 9; index++) push("b", 1);
    const turn = queue.take();
    push("a", 1);
    if (turn !== undefined) queue.charge(turn, -9);
    expect(tenants(takeAll(4))).toBe("bbab");
  });

  it("keeps the counters of waiting tenants within the cost of the most expensive request", () => {
    const arrival = fc.record({
      tenant: fc.constantFrom("a", "b", "c"),
      cost: fc.integer({ min: 1, max: 20 }),
      turns: fc.nat(3),
    });
    fc.assert(
      fc.property(fc.array(arrival, { minLength: 1, maxLength: 100 }), (arrivals) => {
        const { push, take } = createBench();
        const waiting = new Map([..."abc"].map((tenant) => [tenant, 0]));
        /** Work that each pair's tenants were given since both of them wait. */
        const since = new Map<string, number>();
        const pairs = [["a", "b"] as const, ["a", "c"] as const, ["b", "c"] as const];
        for (const { tenant, cost, turns } of [...arrivals, { tenant: "a", cost: 1, turns: 300 }]) {
          push(tenant, cost);
          waiting.set(tenant, (waiting.get(tenant) ?? 0) + 1);
          for (let turn = 0; turn < turns; turn++) {
            const both = pairs.filter((pair) => pair.every((each) => (waiting.get(each) ?? 0) > 0));
            for (const pair of pairs) if (!both.includes(pair)) since.delete(pair.join());
            const ticket = take();
            if (ticket === undefined) break;
            waiting.set(ticket.tenant, (waiting.get(ticket.tenant) ?? 0) - 1);
            for (const [left, right] of both) {
              const key = [left, right].join();
              const sign = ticket.tenant === left ? 1 : ticket.tenant === right ? -1 : 0;
              since.set(key, (since.get(key) ?? 0) + sign * ticket.cost);
              // One request's cost of difference when they met, and one now.
              expect(Math.abs(since.get(key) ?? 0)).toBeLessThanOrEqual(2 * 20);
            }
          }
        }
      }),
    );
  });

  it("lets no tenant get ahead by more than the most expensive request of those that began together", () => {
    const costs = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(fc.array(costs, { minLength: 2, maxLength: 5 }), (lists) => {
        const { push, take } = createBench();
        lists.forEach((list, index) => {
          for (const cost of list) push(String(index), cost);
        });
        const given = lists.map(() => 0);
        const left = lists.map(({ length }) => length);
        for (let ticket = take(); ticket !== undefined; ticket = take()) {
          const index = Number(ticket.tenant);
          given[index] = (given[index] ?? 0) + ticket.cost;
          left[index] = (left[index] ?? 0) - 1;
          if (left.some((count) => count === 0)) return;
          expect(Math.max(...given) - Math.min(...given)).toBeLessThanOrEqual(Math.max(...lists.flat()));
        }
      }),
    );
  });
});

describe("between classes", () => {
  it("takes interactive requests before default ones before batch ones", () => {
    const { push, takeAll } = createBench();
    push("a", 1, "batch");
    push("a", 1, "default");
    push("a", 1, "interactive");
    expect(takeAll().map(({ priority }) => priority)).toEqual(["interactive", "default", "batch"]);
  });

  it("gives lower classes their share of the work, however many interactive requests come", () => {
    const { push, take } = createBench();
    for (let index = 0; index < 100; index++) {
      push("b", 1, "batch");
      push("d", 1, "default");
    }
    const turns = { interactive: 0, default: 0, batch: 0 };
    for (let index = 0; index < 600; index++) {
      push("i", 1, "interactive");
      const ticket = take();
      if (ticket !== undefined) turns[ticket.priority] += 1;
    }
    expect(turns.default).toBeGreaterThanOrEqual(600 / 9 - 3);
    expect(turns.batch).toBeGreaterThanOrEqual(600 / 17 - 2);
    expect(turns.interactive).toBeGreaterThanOrEqual(600 * 0.8);
  });
});

describe("any sequence of requests", () => {
  const step = fc.record({
    kind: fc.constantFrom("push", "push", "take", "remove", "charge"),
    tenant: fc.constantFrom("a", "b", "c", "d"),
    priority: fc.constantFrom(...PRIORITIES),
    cost: fc.integer({ min: 1, max: 30 }),
    which: fc.nat(100),
  });

  it("keeps the order of each tenant's requests within a class, hands out each once, and forgets removed ones", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const { queue, push, takeAll } = createBench();
        const waiting: Entry<Ticket>[] = [];
        const taken: Ticket[] = [];
        for (const { kind, tenant, priority, cost, which } of steps) {
          const chosen = waiting[which % Math.max(1, waiting.length)];
          if (kind === "push") {
            waiting.push(push(tenant, cost, priority));
          } else if (kind === "remove" && chosen !== undefined) {
            expect(queue.remove(chosen)).toBe(true);
            expect(queue.remove(chosen)).toBe(false);
            waiting.splice(waiting.indexOf(chosen), 1);
          } else if (kind === "take") {
            const turn = queue.take();
            const index = waiting.findIndex(({ value }) => value === turn?.value);
            if (turn === undefined) expect(waiting).toEqual([]);
            else waiting.splice(index, 1);
            if (turn !== undefined) taken.push(turn.value);
            if (turn !== undefined && which % 2 === 0) queue.charge(turn, cost - 15);
          }
          expect(queue.size).toBe(waiting.length);
        }
        taken.push(...takeAll());
        const lanes = Map.groupBy(taken, ({ tenant, priority }) => `${tenant} ${priority}`);
        for (const lane of lanes.values())
          expect(lane.map(({ id }) => id)).toEqual(lane.map(({ id }) => id).toSorted((a, b) => a - b));
        expect(new Set(taken).size).toBe(taken.length);
        queue.forget();
        expect([queue.size, queue.work, queue.remembered]).toEqual([0, 0, 0]);
      }),
    );
  });

  it("starves no request: its turn comes within the bound, even if new tenants and higher classes keep coming", () => {
    const newcomer = fc.record({ cost: fc.integer({ min: 1, max: 10 }), priority: fc.constantFrom(...PRIORITIES) });
    fc.assert(
      fc.property(
        fc.array(newcomer, { minLength: 1, maxLength: 20 }),
        fc.constantFrom(...PRIORITIES),
        (pattern, priority) => {
          const { push, take } = createBench();
          // The one that must not starve has had a turn already, so that newcomers begin before it.
          push("old", 10, priority);
          push("old", 10, priority);
          for (const each of PRIORITIES) push(`first ${each}`, 1, each);
          while (take()?.tenant !== "old") push("first", 1, priority);
          // Its class has at least a share of the work, and in its class at most 1,024 of the dearest turns go before it, and those that were there.
          const dearest = 10;
          const boundOfWork = 40 * (1024 + 2 * (pattern.length + 2)) * dearest;
          let work = 0;
          for (let index = 0; work <= boundOfWork; index++) {
            const { cost, priority: theirs } = pattern[index % pattern.length] ?? { cost: 1, priority };
            push(`new ${index}`, cost, theirs);
            const ticket = take();
            if (ticket?.tenant === "old") return;
            work += ticket?.cost ?? 0;
          }
          expect.unreachable("it starved");
        },
      ),
      {
        numRuns: 30,
        // Cheap newcomers of its own class come before a dear one, each as soon as the class has been passed over long enough for it.
        examples: [
          [
            [
              ...Array.from({ length: 9 }, () => ({ cost: 5, priority: "default" as const })),
              { cost: 1, priority: "batch" },
            ],
            "batch",
          ],
        ],
      },
    );
  });
});
