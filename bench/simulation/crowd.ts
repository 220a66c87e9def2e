import { createModelQueue } from "../../src/queue/queue.ts";
import type { JobHandle } from "../../src/queue/task.ts";
import { createSimulatedClock } from "../../src/what-if/clock.ts";
import { seededRandom } from "../statistics.ts";

const TENANTS = 1_000;
const SLOTS = 16;
/** A prediction, an arrival, and an end with the next one's turn. */
const DECISIONS_A_ROUND = 3;

/** CPU in µs for each decision while `waiting` requests wait: each round one arrives, is predicted for, another ends, and the next has its turn. */
export function measureCrowd(waiting: number, rounds: number): number {
  const random = seededRandom(7);
  const clock = createSimulatedClock();
  const queue = createModelQueue({ clock, slots: SLOTS, minSlots: 1, targetItlMs: 250 });
  const running: { stay?: JobHandle }[] = [];
  let arrived = 0;

  function arrive(): void {
    const order = {
      tenant: `tenant ${Math.floor(random() * TENANTS)}`,
      size: { type: "tokens", count: 1 + Math.floor(random() * 2_000) } as const,
      ...{ choices: 1, maxTokens: 1 + Math.floor(random() * 500) },
    };
    const priority = arrived++ % 3 === 0 ? "interactive" : arrived % 3 === 1 ? "default" : "batch";
    queue.predictMs({ ...order, priority });
    const visit: { stay?: JobHandle } = {};
    visit.stay = queue.arrive({
      ...{ ...order, priority, maxWaitMs: 1e6 + random() * 1e6, onWait: () => {}, onRefused: () => {} },
      onTurn: () => void running.push(visit),
    });
  }
  for (let index = 0; index < waiting; index++) arrive();
  const before = process.threadCpuUsage();
  for (let round = 0; round < rounds; round++) {
    arrive();
    running.shift()?.stay?.leave();
  }
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / (DECISIONS_A_ROUND * rounds);
}
