import type { Clock } from "../clock.ts";
import type { Priority } from "../generation/terms.ts";
import type { HeldSlots, Lease } from "./held-slots.ts";
import type { Limiter } from "./limiter.ts";
import { dueAfterMs, dueAgainAfterMs, endsSoon, keptSlots, LEAST_TURN_MS, type Overdue } from "./overdue.ts";
import type { Pricing } from "./price.ts";
import type { Task } from "./task.ts";

/** The tasks that hold slots, and which of them are overdue. An endless task is one without an end in sight: overdue, or set aside before. */
export type Running = {
  readonly tasks: Set<Task>;
  /** For how long it has generated since its start, without the time it took to resume. */
  spokenMs(task: Task): number;
  /**
   * In how many ms a task is overdue, at least 0; infinite if its end is near. A task that hasn't produced text in this turn counts as if it
   * began to now.
   */
  likelyDueMs(task: Task): number;
  /** The tasks that are overdue. */
  overdue(): Overdue<Task>[];
  /**
   * The task of class batch to set aside for any request of a higher class: the one that has generated least, since resuming costs least then.
   * One that has yielded before has a turn of some length first, so that each makes progress.
   */
  yielding(): Task | undefined;
  /** The slots of endless tasks. */
  endlessSlots(): number;
  /** The slots that don't become free soon: those of endless tasks, and of overdue tasks whose end is near, but not nearer than another turn. */
  lastingSlots(): number;
  /** How long until so much work is done and a slot is free for a request that is likely to take `slotMs`. */
  drainMs(work: number, slotMs: number): number;
};

export type RunningOptions = {
  readonly clock: Clock;
  readonly pricing: Pricing;
  readonly slots: HeldSlots;
  readonly limiter: Pick<Limiter, "limit">;
  /** Whether requests of class batch rest in the engine while others run. */
  readonly doRest: boolean;
};

/** A request of class batch takes a slot that is kept for others if it has waited for so long. */
export const LONGEST_KEPT_MS = 60_000;

/** The class whose requests nobody waits for. */
const LOWEST: Priority = "batch";

export function createRunning({ clock, pricing, slots, limiter, doRest }: RunningOptions): Running {
  const tasks = new Set<Task>();

  function spokenMs({ lease, spokeMs, earlierMs, earlierSpokenMs }: Task): number {
    if (lease === undefined) return earlierSpokenMs;
    if (earlierMs === 0) return slots.heldMs(lease);
    return earlierSpokenMs + (spokeMs === undefined ? 0 : (clock.now() - spokeMs) * lease.sequences);
  }

  /** The expected time until a task reaches its limit of tokens; below 0 if it should have by now. */
  function untilEndMs(task: Task, { most, sequences }: Lease): number {
    return (most * pricing.calibration - spokenMs(task)) / Math.max(1, sequences);
  }

  /** The time until a task is overdue, in its first turn or a later one; below 0 if it is overdue. Undefined if its end is near. */
  function untilDueMs(task: Task, spokeMs: number): number | undefined {
    const { lease, earlierMs } = task;
    if (lease === undefined || endsSoon(untilEndMs(task, lease))) return undefined;
    if (earlierMs > 0) return dueAgainAfterMs(spokeMs - lease.sinceMs) - (clock.now() - lease.sinceMs);
    return firstTurnMs(task, lease) - slots.heldMs(lease);
  }

  /** How long a task may hold its slots in its first turn until it is overdue. */
  function firstTurnMs({ job }: Task, lease: Lease): number {
    const cost = Math.max(lease.cost, pricing.expect(job, limiter.limit).slotMs);
    // With more choices than slots they run in rounds: others need not wait for all of them.
    const rounds = Math.max(1, job.choices / limiter.limit);
    return dueAfterMs((cost / rounds) * pricing.calibration);
  }

  /** Only tasks that the engine can set aside and that have produced text in this turn. */
  function isOverdue(task: Task): boolean {
    const { hold, spokeMs } = task;
    return hold !== undefined && spokeMs !== undefined && (untilDueMs(task, spokeMs) ?? 1) <= 0;
  }

  function endlessSlots(): number {
    let held = 0;
    for (const task of tasks) {
      const wasEndless = task.earlierMs > 0 && !task.hasYielded;
      if (wasEndless || isOverdue(task)) held += task.lease?.sequences ?? 0;
    }
    return held;
  }

  function mayYield({ job, hold, lease, sinceMs, spokeMs, hasYielded, earlierMs }: Task): boolean {
    if (job.priority !== LOWEST || hold === undefined || lease === undefined) return false;
    // It would rest, unless it has waited so long for its slot that it has a turn in any case.
    if (doRest) return lease.sinceMs - sinceMs < LONGEST_KEPT_MS || clock.now() - lease.sinceMs >= LEAST_TURN_MS;
    const isFresh = earlierMs === 0 && !hasYielded;
    return isFresh || (spokeMs !== undefined && clock.now() - spokeMs >= LEAST_TURN_MS);
  }

  /** Whether a task's end is near, but it has taken longer than a turn, and will take another. */
  function isLateAndLasting(task: Task): boolean {
    const { lease } = task;
    if (lease === undefined) return false;
    const leftMs = untilEndMs(task, lease);
    const turnMs = firstTurnMs(task, lease);
    return endsSoon(leftMs) && Math.abs(leftMs) > turnMs && slots.heldMs(lease) > turnMs;
  }

  function lastingSlots(): number {
    let held = endlessSlots();
    for (const task of tasks) if (task.earlierMs === 0 && isLateAndLasting(task)) held += task.lease?.sequences ?? 0;
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
    yielding() {
      let least: Task | undefined;
      for (const task of tasks) {
        if (mayYield(task) && (least === undefined || spokenMs(task) < spokenMs(least))) least = task;
      }
      return least;
    },
    endlessSlots,
    lastingSlots,
    drainMs(work, slotMs) {
      const { calibration } = pricing;
      // The slots that endless tasks may keep don't become free for the requests that wait.
      const turning = limiter.limit - Math.min(endlessSlots(), keptSlots(limiter.limit));
      return ((work + slots.workLeft(calibration, slotMs * calibration)) / turning) * calibration;
    },
  };
}
