import type { Clock } from "../clock.ts";
import type { HeldSlots } from "./held-slots.ts";
import type { Limiter } from "./limiter.ts";
import { dueAfterMs, dueAgainAfterMs, endsSoon, keptSlots, type Overdue } from "./overdue.ts";
import type { Pricing } from "./price.ts";
import type { Task } from "./task.ts";

/** The tasks that hold slots: which of them have no end in sight, and since when others may have their places. */
export type Running = {
  readonly tasks: Set<Task>;
  /** For how long it went on, in this turn and in earlier ones. */
  spokenMs(task: Task): number;
  /**
   * How long until a task is overdue, in ms, at least 0: infinite where its end is near. For one that has said nothing in this turn, as if it
   * began to now.
   */
  likelyDueMs(task: Task): number;
  /** Those that are overdue and have no end in sight. */
  overdue(): Overdue<Task>[];
  /** Slots of tasks without an end in sight, overdue or in a later turn. */
  endlessSlots(): number;
  /** How long until so much work is done and a slot is free for a request that is likely to take `slotMs`. */
  drainMs(work: number, slotMs: number): number;
};

export type RunningOptions = {
  readonly clock: Clock;
  readonly pricing: Pricing;
  readonly slots: HeldSlots;
  readonly limiter: Pick<Limiter, "limit">;
};

export function createRunning({ clock, pricing, slots, limiter }: RunningOptions): Running {
  const tasks = new Set<Task>();

  function spokenMs({ lease, spokeMs, earlierMs, earlierSpokenMs }: Task): number {
    if (lease === undefined) return earlierSpokenMs;
    if (earlierMs === 0) return slots.heldMs(lease);
    return earlierSpokenMs + (spokeMs === undefined ? 0 : (clock.now() - spokeMs) * lease.sequences);
  }

  /**
   * Until it has taken many times what it should have, or is in a later turn and has made good use of it; below 0 where it has. Undefined where
   * its end is near.
   */
  function untilDueMs(task: Task, spokeMs: number): number | undefined {
    const { job, lease, earlierMs } = task;
    if (lease === undefined) return undefined;
    const leftMs = lease.most * pricing.calibration - spokenMs(task);
    if (endsSoon(leftMs / Math.max(1, lease.sequences))) return undefined;
    if (earlierMs > 0) return dueAgainAfterMs(spokeMs - lease.sinceMs) - (clock.now() - lease.sinceMs);
    const cost = Math.max(lease.cost, pricing.expect(job, limiter.limit).slotMs);
    // One with more choices than slots has them in rounds: others need not wait for all of these.
    const rounds = Math.max(1, job.choices / limiter.limit);
    return dueAfterMs((cost / rounds) * pricing.calibration) - slots.heldMs(lease);
  }

  /** Only what the engine can set aside, and what has said something in this turn. */
  function isOverdue(task: Task): boolean {
    const { hold, spokeMs } = task;
    return hold !== undefined && spokeMs !== undefined && (untilDueMs(task, spokeMs) ?? 1) <= 0;
  }

  function endlessSlots(): number {
    let held = 0;
    for (const task of tasks) if (task.earlierMs > 0 || isOverdue(task)) held += task.lease?.sequences ?? 0;
    return held;
  }

  return {
    tasks,
    spokenMs,
    likelyDueMs: (task) => Math.max(0, untilDueMs(task, task.spokeMs ?? clock.now()) ?? Number.POSITIVE_INFINITY),
    overdue() {
      return [...tasks].flatMap((task) => {
        const { job, lease, earlierMs } = task;
        if (lease === undefined || !isOverdue(task)) return [];
        const { tenant, priority } = job;
        const hadMs = earlierMs + slots.heldMs(lease);
        return [{ value: task, tenant, priority, sequences: lease.sequences, hadMs, isAgain: earlierMs > 0 }];
      });
    },
    endlessSlots,
    drainMs(work, slotMs) {
      const { calibration } = pricing;
      // Slots that endless runs may keep serve none of the requests that wait.
      const turning = limiter.limit - Math.min(endlessSlots(), keptSlots(limiter.limit));
      return ((work + slots.workLeft(calibration, slotMs * calibration)) / turning) * calibration;
    },
  };
}
