import { expect, it } from "vitest";
import { createModelQueue } from "../../src/queue/queue.ts";
import type { Job } from "../../src/queue/task.ts";
import { createFakeClock } from "../fake-clock.ts";

function createBench() {
  const clock = createFakeClock();
  const queue = createModelQueue({ clock, slots: 1, minSlots: 1, targetItlMs: 250 });
  const arrive = (id: string, more: Partial<Job> = {}) =>
    queue.arrive({
      ...{ id, tenant: id, priority: "default", choices: 1, maxTokens: 10, size: { type: "tokens", count: 100 } },
      ...{ onTurn() {}, onRefused() {}, ...more },
    });
  return { clock, queue, arrive };
}

it("shows who waits in the order of turns, then who runs, and nobody who has left", () => {
  const { queue, arrive } = createBench();
  const first = arrive("running");
  arrive("batch", { priority: "batch" });
  arrive("default");
  arrive("interactive", { priority: "interactive" });
  expect(queue.list(10).map(({ requestId, state, position }) => [requestId, state, position])).toEqual([
    ["interactive", "waiting", 1],
    ["default", "waiting", 2],
    ["batch", "waiting", 3],
    ["running", "running", undefined],
  ]);
  expect(queue.list(2).map(({ requestId }) => requestId)).toEqual(["interactive", "default"]);
  first.leave();
  expect(queue.list(10).map(({ requestId }) => requestId)).not.toContain("running");
});

it("shows how long each has waited, what it was promised, and what it can still expect", () => {
  const { clock, queue, arrive } = createBench();
  const first = arrive("first");
  arrive("second", { onWait() {} });
  clock.advance(3_000);
  const [second] = queue.list(10);
  expect(second).toMatchObject({ waitedMs: 3_000, promisedMs: expect.any(Number), etaMs: expect.any(Number) });
  clock.advance(1_000);
  first.leave();
  clock.advance(5_000);
  const [running] = queue.list(10);
  expect(running).toMatchObject({ requestId: "second", state: "running", waitedMs: 4_000 });
  expect(running).not.toHaveProperty("etaMs");
  expect(running).toHaveProperty("promisedMs");
});

it("hides the warm-up, for which nobody waits", () => {
  const { queue, arrive } = createBench();
  arrive("warm-up", { isWarmUp: true });
  expect(queue.list(10)).toEqual([]);
});
