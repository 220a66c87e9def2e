import type { Clock } from "../clock.ts";
import type { FairQueue } from "../fairness/fair-queue.ts";
import { PRIORITIES } from "../generation/terms.ts";
import type { HeldSlots } from "./held-slots.ts";
import type { Limiter } from "./limiter.ts";
import { chooseOverdue, keptSlots, pauseMs } from "./overdue.ts";
import type { Pricing } from "./price.ts";
import type { Running } from "./running.ts";
import type { Task } from "./task.ts";

/** Tasks that were set aside so that others get their slots: preemption. */
export type Asides = {
  /** The longest aside first. */
  readonly tasks: ReadonlySet<Task>;
  /** Whether a task has been aside long enough to go on before others. */
  isBack(task: Task): boolean;
  /** A task that may go on before whatever waits in the queue. */
  next(): Task | undefined;
  /** Whether endless tasks hold no more slots than they may keep. */
  hasKeptRoom(): boolean;
  /** A task of class batch that yielded, the longest aside first: it goes on before others of its class begin. */
  yielded(): Task | undefined;
  /** The running task to set aside for `task`; undefined if there is none. */
  findFor(task: Task): Task | undefined;
  /** Sets a task aside for `other`. False if the engine can't. */
  add(task: Task, other: Task): boolean;
  /** The task goes on, or has left. */
  remove(task: Task): void;
};

export type AsidesOptions = {
  readonly clock: Clock;
  readonly pricing: Pick<Pricing, "calibration">;
  readonly queue: Pick<FairQueue<Task>, "head" | "charge">;
  readonly slots: HeldSlots;
  readonly running: Running;
  readonly limiter: Pick<Limiter, "limit">;
};

/** How much longer a task stays aside while requests of a higher class wait. */
const LOWER_PAUSE_MS = 60_000;

/** Whether those of class batch yield to it: a request that somebody waits for, and that has not begun. */
function mayClaim({ job, state }: Task): boolean {
  return state === "waiting" && job.priority !== "batch" && job.isWarmUp !== true;
}

export function createAsides({ clock, pricing, queue, slots, running, limiter }: AsidesOptions): Asides {
  const tasks = new Set<Task>();
  /** A single slot is left to others until then: for as long as the task that was set aside had held it. */
  let restUntilMs = 0;

  function isBack({ state, backMs, job }: Task): boolean {
    const { head } = queue;
    const isLower = head !== undefined && PRIORITIES.indexOf(head.priority) < PRIORITIES.indexOf(job.priority);
    return state === "aside" && backMs + (isLower ? LOWER_PAUSE_MS : 0) <= clock.now();
  }

  /** Whether one of the slots that endless tasks may keep is free. If they may keep none, whether others had the slot for long enough. */
  function hasPlace(task: Task): boolean {
    const held = running.endlessSlots();
    const width = slots.widthOf(task.choices);
    const kept = keptSlots(limiter.limit);
    return held + width <= kept || (width > kept && held === 0 && clock.now() >= restUntilMs);
  }

  return {
    tasks,
    isBack,
    hasKeptRoom: () => running.endlessSlots() <= keptSlots(limiter.limit),
    next() {
      for (const task of tasks) if (isBack(task) && hasPlace(task)) return task;
      return undefined;
    },
    yielded() {
      for (const task of tasks) if (task.hasYielded) return task;
      return undefined;
    },
    findFor(task) {
      const { job, state, entry, choices } = task;
      if (state === "aside" && !isBack(task)) return undefined;
      const yielding = mayClaim(task) ? running.yielding() : undefined;
      if (yielding !== undefined) return yielding;
      const { tenant, priority } = job;
      const takesMs = state === "aside" ? 0 : (entry?.cost ?? 0) * pricing.calibration;
      const claimant = { tenant, priority, takesMs, held: slots.heldBy(tenant), isAgain: state === "aside" };
      return chooseOverdue(running.overdue(), claimant, {
        ...{ limit: limiter.limit, tenants: slots.tenants },
        lasting: running.lastingSlots() + slots.keptFrom(tenant, choices),
      });
    },
    add(task, other) {
      const { entry, lease, hold } = task;
      if (entry === undefined || lease === undefined || hold?.pause() !== true) return false;
      const nowMs = clock.now();
      const heldMs = slots.heldMs(lease);
      const turnMs = nowMs - lease.sinceMs;
      const cost = heldMs / pricing.calibration;
      task.earlierSpokenMs = running.spokenMs(task);
      task.earlierMs += heldMs;
      task.earlierCost += cost;
      task.meter?.setAside();
      slots.end(lease);
      running.tasks.delete(task);
      queue.charge(entry, cost - lease.cost);
      task.lease = undefined;
      task.reckonedMs = 0;
      task.sinceMs = nowMs;
      task.backMs = nowMs + pauseMs(turnMs);
      task.hasYielded = task.job.priority === "batch" && other.job.priority !== "batch";
      task.state = "aside";
      restUntilMs = nowMs + turnMs;
      tasks.add(task);
      return true;
    },
    remove(task) {
      tasks.delete(task);
    },
  };
}
