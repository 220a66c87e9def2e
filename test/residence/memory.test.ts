import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InsufficientMemoryError, OverloadedError } from "../../src/generation/errors.ts";
import { createMemory } from "../../src/residence/memory.ts";
import { createFakeClock } from "../fake-clock.ts";
import { addModel, type FakeOptions } from "./fake-process.ts";

const MIB = 1024 ** 2;
const ALICE = { tenant: "alice", isForAll: false };

function setUp(budgetMib: number, maxWaitMs = 60_000) {
  const clock = createFakeClock();
  const lines: string[] = [];
  const logger = { info: (_facts: object, message: string) => void lines.push(message) };
  const memory = createMemory({ clock, budgetBytes: budgetMib * MIB, maxWaitMs, logger });
  const add = (id: string, options: FakeOptions) => addModel(memory, clock, id, options);
  return { clock, memory, add, lines };
}

describe("a model that is asked for", () => {
  it("is loaded once for all that wait for it", () => {
    const { clock, add } = setUp(100);
    const model = add("small", { mib: 50 });
    const requests = [model.ask(10), model.ask(10), model.ask(10)];
    clock.advance(1_010);
    expect(requests.every(({ isDone }) => isDone())).toBe(true);
    expect(model.loads).toBe(1);
  });

  it("is loaded for those that stay when one leaves", () => {
    const { clock, add } = setUp(100);
    const model = add("small", { mib: 50 });
    const [first, second] = [model.ask(10), model.ask(10)];
    clock.advance(500);
    first.leave();
    clock.advance(510);
    expect([second.isDone(), model.state, model.loads]).toEqual([true, "ready", 1]);
  });

  it("puts out the least valuable idle model when it doesn't fit beside it", () => {
    const { clock, add, lines } = setUp(100);
    const [old, recent, next] = [add("old", { mib: 40 }), add("recent", { mib: 40 }), add("next", { mib: 40 })];
    old.ask(10);
    clock.advance(5_000);
    recent.ask(10);
    clock.advance(5_000);
    next.ask(10);
    clock.advance(2_000);
    expect([old.state, recent.state, next.state]).toEqual(["unloaded", "ready", "ready"]);
    expect(lines).toEqual(["unloaded to make room for next"]);
  });

  it("never puts out one that was pinned meanwhile, until it is no longer", () => {
    const { clock, add } = setUp(100);
    const [kept, other] = [add("kept", { mib: 60, keepLoadedMs: 10_000 }), add("other", { mib: 60 })];
    kept.ask(10);
    clock.advance(2_000);
    kept.berth.pin(true);
    clock.advance(60_000);
    expect([kept.state, kept.berth.isPinned, kept.berth.unloadInMs]).toEqual(["ready", true, undefined]);
    other.ask(10);
    clock.advance(5_000);
    expect(kept.state).toBe("ready");
    expect(other.errors[0]).toBeInstanceOf(InsufficientMemoryError);
    kept.berth.pin(false);
    other.ask(10);
    clock.advance(5_000);
    expect([kept.state, other.state]).toEqual(["unloaded", "ready"]);
  });

  it("never puts out a pinned one, and says so with figures before anything is put out", () => {
    const { clock, add } = setUp(100);
    const [pinned, idle, large] = [
      add("pinned", { mib: 50, isPinned: true }),
      add("idle", { mib: 20 }),
      add("large", { mib: 60 }),
    ];
    pinned.ask(10);
    idle.ask(10);
    clock.advance(2_000);
    large.ask(10);
    expect([pinned.state, idle.state, large.state]).toEqual(["ready", "ready", "unloaded"]);
    expect(large.errors[0]).toBeInstanceOf(InsufficientMemoryError);
    expect(large.errors[0]?.message).toContain("`large` needs 60 MiB of memory, and models may take 100 MiB");
    expect(large.errors[0]?.message).toContain("pinned models hold 50 MiB");
  });

  it("waits for a busy model to become idle, and lets it finish its answers", () => {
    const { clock, add } = setUp(100);
    const [busy, next] = [add("busy", { mib: 60 }), add("next", { mib: 60 })];
    const answer = busy.ask(3_000);
    clock.advance(1_500);
    const waiting = next.ask(10);
    clock.advance(2_000);
    expect([busy.state, next.state, answer.isDone()]).toEqual(["ready", "loading", false]);
    clock.advance(2_000);
    expect([answer.isDone(), waiting.isDone(), next.state]).toEqual([true, true, "ready"]);
  });

  it("gives up when it had to wait longer than it may, and frees its place for the next", () => {
    const { clock, add } = setUp(100, 10_000);
    const [busy, large, small] = [add("busy", { mib: 60 }), add("large", { mib: 60 }), add("small", { mib: 30 })];
    busy.ask(60_000);
    clock.advance(1_000);
    large.ask(10);
    const behind = small.ask(10);
    clock.advance(9_000);
    expect([large.errors.length, small.state]).toEqual([0, "loading"]);
    clock.advance(3_000);
    expect(large.errors[0]).toBeInstanceOf(OverloadedError);
    expect([behind.isDone(), small.state]).toEqual([true, "ready"]);
  });

  it("is not loaded any more when all that waited for room have left", () => {
    const { clock, add } = setUp(100);
    const [busy, next] = [add("busy", { mib: 60 }), add("next", { mib: 60 })];
    busy.ask(5_000);
    clock.advance(1_000);
    const request = next.ask(10);
    request.leave();
    clock.advance(20_000);
    expect([next.loads, next.state, busy.state]).toEqual([0, "unloaded", "ready"]);
  });
});

describe("the memory of a model", () => {
  it("counts as it was measured once it has served a request", () => {
    const { clock, memory, add } = setUp(100);
    const [first, second] = [add("first", { mib: 60, realMib: 30 }), add("second", { mib: 60 })];
    first.ask(10);
    clock.advance(2_000);
    expect(memory.heldBytes).toBe(30 * MIB);
    second.ask(10);
    clock.advance(2_000);
    expect([first.state, second.state]).toEqual(["ready", "ready"]);
  });

  it("counts for no more than was estimated where the budget was made for it", () => {
    const { clock, memory, add } = setUp(100);
    const [first, second] = [
      add("first", { mib: 50, realMib: 90, isReserved: true }),
      add("second", { mib: 50, isReserved: true }),
    ];
    first.ask(10);
    clock.advance(2_000);
    second.ask(10);
    clock.advance(2_000);
    expect([first.state, second.state, memory.heldBytes]).toEqual(["ready", "ready", 100 * MIB]);
  });

  it("is freed by idle models when they turn out to take more than they may", () => {
    const { clock, memory, add } = setUp(100);
    const [first, second] = [
      add("first", { mib: 40, keepLoadedMs: 600_000 }),
      add("second", { mib: 40, realMib: 80, keepLoadedMs: 600_000 }),
    ];
    first.ask(10);
    clock.advance(5_000);
    second.ask(10);
    clock.advance(5_000);
    expect([first.state, second.state, memory.heldBytes]).toEqual(["unloaded", "ready", 80 * MIB]);
  });
});

describe("a model without requests", () => {
  it("is unloaded after its time, counted from the end of its last request", () => {
    const { clock, add } = setUp(100);
    const model = add("small", { mib: 50, keepLoadedMs: 10_000 });
    model.ask(5_000);
    clock.advance(1_000 + 5_000 + 9_999);
    expect([model.state, model.berth.unloadInMs]).toEqual(["ready", 1]);
    model.ask(1_000);
    expect(model.berth.unloadInMs).toBe(10_000);
    clock.advance(1_000 + 9_999);
    expect(model.state).toBe("ready");
    clock.advance(200);
    expect(model.state).toBe("unloaded");
  });

  it("stays for as long as its last request said, until it is unloaded", () => {
    const { clock, add } = setUp(100);
    const model = add("small", { mib: 50, keepLoadedMs: 10_000 });
    model.ask(10);
    model.berth.keepLoaded(undefined, ALICE);
    clock.advance(1_000_000);
    expect(model.state).toBe("ready");
    model.berth.keepLoaded(0, ALICE);
    clock.advance(1_000);
    expect(model.state).toBe("unloaded");
    model.ask(10);
    clock.advance(5_000);
    expect([model.state, model.berth.unloadInMs]).toEqual(["ready", 10_000 - 3_990]);
  });

  it("stays for others who used it lately, whatever one of them says", () => {
    const { clock, add } = setUp(100);
    const model = add("small", { mib: 50, keepLoadedMs: 10_000 });
    model.ask(10, "bob");
    clock.advance(2_000);
    model.ask(10, "alice");
    clock.advance(3_000);
    model.berth.keepLoaded(0, ALICE);
    clock.advance(1_000);
    expect(model.state).toBe("ready");
    // Bob's last request ended after 1,010 ms.
    clock.advance(10_000 + 1_010 - 6_000 + 200);
    expect(model.state).toBe("unloaded");
  });

  it("is unloaded at once where nobody else has used it since it was loaded", () => {
    const { clock, add } = setUp(100);
    const model = add("small", { mib: 50, keepLoadedMs: 10_000 });
    model.ask(10, "alice");
    clock.advance(2_000);
    model.berth.keepLoaded(0, ALICE);
    clock.advance(200);
    expect(model.state).toBe("unloaded");
  });

  it("stays no longer than an administrator says, for all", () => {
    const { clock, add } = setUp(100);
    const model = add("small", { mib: 50, keepLoadedMs: 10_000 });
    model.ask(10, "bob");
    model.berth.keepLoaded(undefined, { tenant: "bob", isForAll: false });
    clock.advance(2_000);
    model.berth.keepLoaded(0, { tenant: "root", isForAll: true });
    clock.advance(200);
    expect(model.state).toBe("unloaded");
  });

  it("stays for ever where the settings say so, whatever a request says", () => {
    const { clock, add } = setUp(100);
    const model = add("small", { mib: 50 });
    model.ask(10);
    model.berth.keepLoaded(0, ALICE);
    clock.advance(1_000_000);
    expect(model.state).toBe("ready");
  });
});

describe("a model that the settings have moved", () => {
  it("stays for ever from then on, or for as long as others on demand, whatever it did before", () => {
    const { clock, add } = setUp(100);
    const model = add("small", { mib: 50, keepLoadedMs: 10_000 });
    model.ask(10);
    clock.advance(2_000);
    model.berth.stay(undefined);
    model.berth.keepLoaded(0, ALICE);
    clock.advance(1_000_000);
    expect(model.state).toBe("ready");
    model.ask(10);
    clock.advance(2_000);
    model.berth.stay(5_000);
    clock.advance(2_000);
    expect(model.state).toBe("ready");
    clock.advance(2_000);
    expect(model.state).toBe("unloaded");
  });
});

describe("the predicted wait for a model", () => {
  it("is a guess until a model was loaded, then learned by size, and counts down while it loads", () => {
    const { clock, add } = setUp(1_000);
    const [first, twice] = [add("first", { mib: 100, loadMs: 2_400 }), add("twice", { mib: 200, loadMs: 4_400 })];
    expect(first.berth.isPredictable).toBe(false);
    first.ask(10);
    clock.advance(3_000);
    expect([first.berth.isPredictable, first.berth.readyInMs]).toEqual([true, 0]);
    expect(twice.berth.readyInMs).toBeCloseTo(4_400);
    twice.ask(10);
    clock.advance(4_000);
    expect(twice.berth.readyInMs).toBeCloseTo(440);
    clock.advance(1_000);
    expect([twice.berth.readyInMs, twice.berth.isAway]).toEqual([0, false]);
  });

  it("counts the wait for room", () => {
    const { clock, add } = setUp(100);
    const [busy, next] = [add("busy", { mib: 60 }), add("next", { mib: 60 })];
    busy.ask(600_000);
    clock.advance(1_000);
    next.ask(10);
    expect(next.berth.readyInMs).toBeGreaterThan(8_000);
    expect(next.berth.readyInMs).toBeLessThan(15_000);
  });
});

describe("models that are all asked for all the time", () => {
  it("all get their turns, within the time that those before them may take", () => {
    const setting = fc.record({
      models: fc.array(
        fc.record({
          mib: fc.integer({ min: 20, max: 100 }),
          loadMs: fc.integer({ min: 100, max: 3_000 }),
          answerMs: fc.integer({ min: 10, max: 2_000 }),
          /** How many clients ask for it, each again as soon as it has an answer. */
          clients: fc.integer({ min: 1, max: 4 }),
        }),
        { minLength: 2, maxLength: 5 },
      ),
      budget: fc.integer({ min: 100, max: 160 }),
    });
    fc.assert(
      fc.property(setting, ({ models, budget }) => {
        const { clock, memory, add } = setUp(budget, 120_000);
        const fakes = models.map((options, index) => ({ ...options, fake: add(`model-${index}`, options) }));
        const served = fakes.map(() => 0);
        const longest = fakes.map(() => 0);
        const clients = fakes.flatMap((each, index) =>
          Array.from({ length: each.clients }, () => ({ ...each, index, request: each.fake.ask(each.answerMs) })),
        );
        for (let elapsed = 0; elapsed < 600_000; elapsed += 50) {
          clock.advance(50);
          expect(memory.heldBytes).toBeLessThanOrEqual(budget * MIB);
          for (const client of clients) {
            if (!client.request.isDone()) continue;
            const { index } = client;
            served[index] = (served[index] ?? 0) + 1;
            longest[index] = Math.max(longest[index] ?? 0, client.request.waitedMs() ?? 0);
            client.request = client.fake.ask(client.answerMs);
          }
        }
        // A turn, the answers that are finished, the exit and the load of each of the others, and its own load.
        const turnMs = Math.max(2_000, 4 * 2 * 3_000) + 2_000 + 100 + 3_000;
        for (const wait of longest) expect(wait).toBeLessThanOrEqual(fakes.length * turnMs);
        for (const [index, { fake }] of fakes.entries()) {
          expect([fake.errors, (served[index] ?? 0) > 0]).toEqual([[], true]);
        }
      }),
      { numRuns: 25 },
    );
  });
});
