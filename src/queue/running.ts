import type { Clock } from "../clock.ts";
import type { Entry } from "../fairness/lanes.ts";
import type { Hold } from "../generation/terms.ts";
import type { HeldSlots, Lease } from "./held-slots.ts";
import type { Job } from "./job.ts";
import type { Limiter } from "./limiter.ts";
import { dueAfterMs, dueAgainAfterMs, endsSoon, type Overdue } from "./overdue.ts";
import type { Pricing } from "./price.ts";
import type { RunMeter } from "./run-meter.ts";
import type { Waiting } from "./waits.ts";

/** A job on its way: it waits, runs, may be set aside and go on, and leaves. */
export type Task = {
  readonly job: Job;
  readonly arrivedMs: number;
  readonly waiting: Waiting;
  state: "waiting" | "running" | "aside" | "left";
  /** In the queue, and after its turn what it was charged for. */
  entry: Entry<Task> | undefined;
  /** Where it stood when it came, and how long what was before it should have taken; 0 where its turn came at once. */
  position: number;
  reckonedMs: number;
  /** Choices that have not ended. */
  choices: number;
  /** From its first turn on. */
  meter: RunMeter | undefined;
  /** The slots that it holds, while it runs. */
  lease: Lease | undefined;
  /** Sets it aside in the engine; undefined until that has taken it. */
  hold: Hold | undefined;
  /** For how long it held slots in its earlier turns, and what its tenant was charged for them. */
  earlierMs: number;
  earlierCost: number;
  /** For how long it went on in its earlier turns, without what it took to come to where it had been. */
  earlierSpokenMs: number;
  /** When it first said something in this turn. */
  spokeMs: number | undefined;
  /** While it is aside: from then on it goes on before others, where there is a place for one of its kind. */
  backMs: number;
};

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
    endlessSlots() {
      let held = 0;
      for (const task of tasks) if (task.earlierMs > 0 || isOverdue(task)) held += task.lease?.sequences ?? 0;
      return held;
    },
  };
}
