import type { Clock } from "../clock.ts";
import type { Entry } from "../fairness/lanes.ts";
import type { PromptPrice } from "../generation/model.ts";
import type { WaitNews } from "../generation/news.ts";
import type { Hold, Priority } from "../generation/terms.ts";
import type { HeldSlots, Lease } from "./held-slots.ts";
import type { Limiter } from "./limiter.ts";
import { dueAfterMs, dueAgainAfterMs, endsSoon, type Overdue } from "./overdue.ts";
import type { Demand, Pricing, RunMeter } from "./price.ts";
import type { Waiting } from "./waits.ts";

/** A request that wants its turn. */
export type Job = Demand & {
  readonly priority: Priority;
  /** At most so long until its turn; undefined is however long it takes. */
  readonly maxWaitMs?: number | undefined;
  /** Its turn comes before others of its tenant and class, but for those of which the same is said. */
  readonly isFirst?: boolean | undefined;
  /** Nobody waits for it, so that its tenant is not here for its sake, and others need not leave room. */
  readonly isWarmUp?: boolean | undefined;
  /** Its turn has come. Called once at most, from within `arrive` where nothing is in its way. */
  readonly onTurn: () => void;
  /** It has waited as long as it may, or the engine says that it can never be answered. It is out of the queue. */
  readonly onRefused: (error: unknown) => void;
  readonly onWait?: ((news: WaitNews) => void) | undefined;
  /** What the engine knows of the prompt; asked where the job must wait. */
  readonly askPrice?: (() => Promise<PromptPrice>) | undefined;
  /** Whether nobody has taken what the engine says for long, so that it may have ended unseen. Asked while others wait. */
  readonly isStalled?: (() => boolean) | undefined;
};

/** A job's time here, waiting and then running. Whatever is told of one that has left is dropped. */
export type JobHandle = {
  /** Ends it, in whatever state: out of the queue, or its slots are free. Harmless when called again. */
  leave(): void;
  /** The engine has begun. @param prompt undefined where that is not known yet */
  started(prompt: PromptPrice | undefined): void;
  /** The engine can set it aside, for others that wait. */
  taken(hold: Hold): void;
  /** A text came. @param gapMs since the one before it, where that says how fast the engine is */
  text(gapMs: number | undefined): void;
  /** One of its choices has ended, and its slot is free. @param completionTokens undefined where that is not known yet */
  choiceEnded(completionTokens: number | undefined): void;
};

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
