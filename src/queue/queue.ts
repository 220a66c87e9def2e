import type { Clock } from "../clock.ts";
import { createFairQueue } from "../fairness/fair-queue.ts";
import type { PromptPrice } from "../generation/model.ts";
import type { Priority } from "../generation/terms.ts";
import type { QueuedView } from "../generation/view.ts";
import { createAsides } from "./asides.ts";
import { createHeldSlots } from "./held-slots.ts";
import { createLimiter } from "./limiter.ts";
import { listTasks } from "./list.ts";
import { createPricing, createRunMeter, type Demand } from "./price.ts";
import type { PromptSize } from "./prompt-size.ts";
import { createRefining } from "./refine.ts";
import { createRunning, LONGEST_KEPT_MS } from "./running.ts";
import { createTask, type Job, type JobHandle, type Task } from "./task.ts";
import { createWaits, waitedInVain } from "./waits.ts";

/** The queue of one model's engine: pure bookkeeping, on a clock that is passed in. */
export type ModelQueue = {
  arrive(job: Job): JobHandle;
  /**
   * In how many ms the first token of a job is likely if it arrives now, with `more` requests of its tenant at the same price before it. 0 until
   * speeds were measured, so that no request is refused on a guess.
   */
  predictMs(job: Demand & { readonly priority: Priority }, more?: number): number;
  /** The same to compare queues of one model: guessed where nothing was measured. @param heldShare the share of the prompt that needs no evaluation, from 0 to 1 */
  guessMs(job: Demand & { readonly priority: Priority }, heldShare: number): number;
  tokensOf(size: PromptSize): number;
  /** Whether a slot is free and no request waits for one. */
  readonly isIdle: boolean;
  /** Looks whether the model is still away: to be called when that may have changed. */
  look(): void;
  /** The requests that wait and run, the next turn first, at most `most` of them. */
  list(most: number): readonly QueuedView[];
  /** Refuses all requests that wait: the model can't be loaded for them. */
  refuseWaiting(error: Error): void;
  readonly counts: QueueCounts;
};

/** A model that is not in memory all the time: requests wait in the queue until it is loaded. */
export type Absence = {
  readonly isAway: () => boolean;
  /** In how many ms it is likely to be ready; 0 if it isn't away. */
  readonly readyInMs: () => number;
  /** Whether that is measured; no request is refused on a guess. */
  readonly isPredictable: () => boolean;
  /** Has it loaded, unless it is being loaded. */
  readonly call: () => void;
};

export type QueueCounts = {
  readonly waiting: number;
  readonly running: number;
  /** Slots in use. */
  readonly sequences: number;
  /** Slots that may be used now. */
  readonly limit: number;
  /** Waits that have a deadline or get reports. */
  readonly waits: number;
  /** Tenants whose lead over others is remembered. */
  readonly debtors: number;
};

export type ModelQueueOptions = {
  readonly clock: Clock;
  /** Sequences that the engine runs at once. */
  readonly slots: number;
  /** The fewest slots to use, however slow that is. */
  readonly minSlots: number;
  /** The target for the time between two tokens. */
  readonly targetItlMs: number;
  /** Whether the engine can begin at once; while it can't, times don't measure its speed. */
  readonly isReady?: (() => boolean) | undefined;
  /** The context size of one request, in tokens; undefined until the model has loaded. */
  readonly contextTokens?: (() => number | undefined) | undefined;
  /** For a model that is not in memory all the time. */
  readonly absence?: Absence | undefined;
  /** Whether requests of class batch rest in the engine while others run: their times then measure nothing. */
  readonly doRest?: boolean | undefined;
};

/** Never away. */
const PRESENT: Absence = { isAway: () => false, readyInMs: () => 0, isPredictable: () => true, call: () => {} };

/** How often running tasks are checked while others wait. */
const LOOK_MS = 1_000;

function isAwaited({ job }: Task): boolean {
  return job.priority !== "batch";
}

/** Requests with the same class and tenant wait about equally long. */
function lineOf({ tenant, priority }: Pick<Job, "tenant" | "priority">): string {
  return `${priority} ${tenant}`;
}

export function createModelQueue(options: ModelQueueOptions): ModelQueue {
  const { clock, minSlots, targetItlMs, isReady = () => true, absence = PRESENT, doRest = false } = options;
  const pricing = createPricing(options.contextTokens);
  const queue = createFairQueue<Task>();
  /** All that have come and not left. */
  const present = new Set<Task>();
  const waits = createWaits(clock);
  const limiter = createLimiter({
    min: Math.min(minSlots, options.slots),
    max: options.slots,
    targetMs: targetItlMs,
    aloneMs: () => pricing.speeds.measuredItlMs(1),
  });
  const slots = createHeldSlots(clock, limiter, doRest);
  const running = createRunning({ clock, pricing, slots, limiter, doRest });
  const asides = createAsides({ clock, pricing, queue, slots, running, limiter });
  const refine = createRefining({
    price: ({ job, entry }, known) => {
      if (entry !== undefined) queue.reprice(entry, pricing.expect(job, limiter.limit, known).slotMs);
    },
    refuse(task, error) {
      leave(task);
      task.job.onRefused(error);
    },
  });
  let isLooking = false;
  let isServing = false;
  /** Waiting requests whose class isn't batch. */
  let awaitedWaiting = 0;

  function hasRoomFor(task: Task): boolean {
    const { choices, job, sinceMs } = task;
    if (!slots.hasRoom(job.tenant, choices)) return false;
    if (isAwaited(task) || awaitedWaiting > 0 || clock.now() - sinceMs >= LONGEST_KEPT_MS) return true;
    return slots.sequences + slots.widthOf(choices) + slots.keptForAwaited() <= limiter.limit;
  }

  function waitingCount(): number {
    return queue.size + asides.tasks.size;
  }

  /** The likely wait of a job behind so much work. */
  function waitMs(job: Pick<Job, "tenant" | "priority">, work: number, slotMs: number): number {
    return running.drainMs(work, slotMs) * pricing.delay(lineOf(job));
  }

  /** Starts tasks while there is room. If the next one needs more room, smaller ones don't overtake it, so that it isn't starved. */
  function serve(): void {
    if (isServing || absence.isAway()) return;
    isServing = true;
    try {
      for (let next = nextTask(); next !== undefined && hasRoomFor(next); next = nextTask()) take(next);
    } finally {
      isServing = false;
    }
  }

  /**
   * A task that was aside long enough, if it may go on; else the head of the queue, or one that yielded if that is of class batch too; else any
   * task that is aside.
   */
  function nextTask(): Task | undefined {
    const [first] = asides.tasks;
    const head = queue.head?.value;
    const yielded = head === undefined || head.job.priority === "batch" ? asides.yielded() : undefined;
    return asides.next() ?? yielded ?? head ?? first;
  }

  function take(task: Task): void {
    const { state, entry, earlierMs } = task;
    const cost = state === "aside" ? earlierMs / pricing.calibration : (entry?.cost ?? 0);
    if (entry === queue.head) {
      queue.take();
    } else if (entry !== undefined) {
      // It was aside, or it isn't the head any more since a charge has moved another before it.
      queue.remove(entry);
      queue.charge(entry, cost);
    }
    begin(task, cost);
  }

  function begin(task: Task, cost: number): void {
    const { job, arrivedMs, state } = task;
    const nowMs = clock.now();
    if (state === "waiting") endWait(task);
    const { mostMs: most } = pricing.expect(job, limiter.limit);
    if (state === "waiting" && isAwaited(task)) awaitedWaiting -= 1;
    const of = { cost, most, isAwaited: isAwaited(task) };
    task.lease = slots.take(job.isWarmUp === true ? undefined : job.tenant, task.choices, of);
    task.meter ??= createRunMeter(pricing, job, nowMs, isReady());
    task.turnMs ??= nowMs;
    task.spokeMs = undefined;
    task.state = "running";
    asides.remove(task);
    running.tasks.add(task);
    if (state === "aside") {
      task.hold?.resume();
      return;
    }
    job.onWait?.({ type: "admitted", waitedMs: nowMs - arrivedMs, position: task.position });
    job.onTurn();
  }

  /** Sets overdue tasks aside for the next task, and for tasks that were aside long enough. */
  function relieve(): void {
    if (!pricing.speeds.isKnown || absence.isAway()) return;
    while (relieveFor(nextTask()));
    // Endless tasks take turns in the slots that they may keep; in all slots if no other request waits.
    if (queue.size === 0 || asides.hasKeptRoom()) {
      for (const task of [...asides.tasks]) if (asides.isBack(task)) relieveFor(task);
    }
    serve();
  }

  /** Sets a task aside for this one, which begins if that frees enough slots. Returns whether one was set aside. */
  function relieveFor(task: Task | undefined): boolean {
    if (task === undefined || hasRoomFor(task)) return false;
    const found = asides.findFor(task);
    if (found === undefined || !asides.add(found, task)) return false;
    // Ignores the slot kept free for other tenants: two tasks need not be set aside for one.
    if (slots.sequences + slots.widthOf(task.choices) <= limiter.limit) take(task);
    return true;
  }

  function endWait({ job, waiting, arrivedMs, reckonedMs }: Task): void {
    waits.remove(waiting);
    if (reckonedMs > 0) pricing.noteWait(lineOf(job), reckonedMs, clock.now() - arrivedMs);
  }

  /**
   * For a stalled reader the engine may have finished long ago. So its slots count as free; if it does still run, the engine makes the next request
   * wait.
   */
  function look(): void {
    isLooking = false;
    if (waitingCount() === 0) return;
    for (const { job, lease } of running.tasks) {
      if (lease !== undefined && job.isStalled?.()) slots.release(lease, lease.sequences);
    }
    serve();
    relieve();
    lookLater();
  }
  function lookLater(): void {
    if (isLooking || waitingCount() === 0) return;
    isLooking = true;
    clock.after(LOOK_MS, look);
  }

  /** Of times in which it may have rested nothing is learned. */
  function hasRested({ job, lease, meter }: Task, gapMs = 0): boolean {
    if (job.priority !== "batch" || lease === undefined) return false;
    if (slots.hasRestedSince(lease.sinceMs)) meter?.setAside();
    return slots.hasRestedSince(clock.now() - gapMs);
  }

  function leave(task: Task): void {
    const { state, entry, lease, meter } = task;
    if (state === "left") return;
    if (state === "waiting" && isAwaited(task)) awaitedWaiting -= 1;
    task.state = "left";
    present.delete(task);
    if (lease !== undefined && meter !== undefined && entry !== undefined) {
      const load = Math.max(1, slots.awake);
      hasRested(task);
      slots.end(lease);
      running.tasks.delete(task);
      const wholeMs = task.choices === 0 ? task.earlierMs + lease.heldMs : undefined;
      queue.charge(entry, meter.end(load, wholeMs) - task.earlierCost - lease.cost);
    } else if (entry !== undefined) {
      asides.remove(task);
      queue.remove(entry);
      waits.remove(task.waiting);
    }
    if (running.tasks.size + waitingCount() === 0) queue.forget();
    serve();
  }

  function ahead({ entry }: Task): { readonly entries: number; readonly work: number } {
    return entry === undefined ? { entries: 0, work: 0 } : queue.ahead(entry);
  }

  function outlook(task: Task): { readonly position: number; readonly etaMs: number } {
    const { entries, work } = ahead(task);
    const { prefillMs, slotMs } = pricing.expect(task.job, limiter.limit);
    const etaMs = Math.round(absence.readyInMs() + waitMs(task.job, work, slotMs) + prefillMs);
    return { position: entries + 1, etaMs };
  }

  function tell(task: Task): void {
    const { position, etaMs } = outlook(task);
    task.promisedMs ??= etaMs;
    task.job.onWait?.({ type: "waiting", position, etaMs, ...(absence.isAway() && { isLoading: true }) });
  }

  function knownOf({ size }: Demand, heldShare: number): PromptPrice {
    const promptTokens = pricing.tokensOf(size);
    return { promptTokens, cachedTokens: Math.floor(promptTokens * heldShare) };
  }

  /** The likely time to the first token of a job that arrives now, once the model is there. */
  function expectMs(job: Demand & { readonly priority: Priority }, more: number, known?: PromptPrice): number {
    const { prefillMs, slotMs } = pricing.expect(job, limiter.limit, known);
    if (more === 0 && waitingCount() === 0 && slots.hasRoom(job.tenant, job.choices)) return prefillMs;
    const { entries, work } = queue.aheadOfNext(job, { entries: more, work: more * slotMs });
    // Those of class batch yield at once.
    if (entries === 0 && job.priority !== "batch" && running.yielding() !== undefined) return prefillMs;
    return waitMs(job, work, slotMs) + prefillMs;
  }

  function expire(task: Task): void {
    const { job, arrivedMs } = task;
    const retryAfterMs = absence.readyInMs() + waitMs(job, ahead(task).work, pricing.expect(job, limiter.limit).slotMs);
    endWait(task);
    leave(task);
    job.onRefused(waitedInVain(clock.now() - arrivedMs, retryAfterMs));
  }

  function arrive(job: Job): JobHandle {
    const arrivedMs = clock.now();
    if (job.isWarmUp !== true) slots.see(job.tenant);
    const task = createTask({
      job,
      arrivedMs,
      waiting: {
        deadlineMs: job.maxWaitMs === undefined ? undefined : arrivedMs + job.maxWaitMs,
        tell: job.onWait && (() => tell(task)),
        expire: () => expire(task),
      },
    });
    const entry = queue.push(job, task, pricing.expect(job, limiter.limit).slotMs);
    task.entry = entry;
    present.add(task);
    if (isAwaited(task)) awaitedWaiting += 1;
    serve();
    if (task.lease === undefined) {
      const { entries, work } = ahead(task);
      task.position = entries + 1;
      // A wait for a load tells nothing about the waits for turns.
      task.reckonedMs = absence.isAway() ? 0 : running.drainMs(work, entry.cost);
      waits.add(task.waiting);
      lookLater();
      tell(task);
      relieve();
      if (absence.isAway()) absence.call();
      else refine(task);
    }
    return handleOf(task);
  }

  function handleOf(task: Task): JobHandle {
    const leaseNow = () => (task.state === "running" ? task.lease : undefined);
    return {
      leave: () => leave(task),
      guessMs(heldShare) {
        const { prefillMs, slotMs } = pricing.expect(task.job, limiter.limit, knownOf(task.job, heldShare));
        return absence.readyInMs() + waitMs(task.job, ahead(task).work, slotMs) + prefillMs;
      },
      started(prompt) {
        if (task.state === "running") task.meter?.started(prompt);
      },
      taken(hold) {
        const lease = leaseNow();
        if (lease === undefined) return;
        task.hold = hold;
        lease.untilDueMs = () => running.likelyDueMs(task);
      },
      text(sinceMs) {
        const nowMs = clock.now();
        const isRunning = task.state === "running";
        // The time for which it was aside doesn't count as a time between two tokens.
        const isBroken = !isRunning || (task.earlierMs > 0 && task.spokeMs === undefined) || hasRested(task, sinceMs);
        const gapMs = isBroken ? undefined : sinceMs;
        if (isRunning) {
          task.meter?.text(gapMs, nowMs, slots.awake);
          task.spokeMs ??= nowMs;
        }
        if (gapMs === undefined) return;
        const before = limiter.limit;
        // Nobody waits for the tokens of what rests: however slow they are, fewer at once would help nobody.
        limiter.observe(doRest && !isAwaited(task) ? 0 : gapMs, slots.awake, nowMs);
        if (limiter.limit > before) serve();
      },
      other: () => task.meter?.other(),
      choiceEnded(completionTokens) {
        const lease = leaseNow();
        if (lease === undefined) return;
        task.choices -= 1;
        task.meter?.choiceEnded(completionTokens);
        if (task.choices === 0) {
          leave(task);
        } else if (task.choices < lease.sequences) {
          slots.release(lease, lease.sequences - task.choices);
          serve();
        }
      },
    };
  }

  return {
    arrive,
    tokensOf: pricing.tokensOf,
    get isIdle() {
      return waitingCount() === 0 && slots.sequences < limiter.limit;
    },
    predictMs(job, more = 0) {
      const awayMs = absence.isPredictable() ? absence.readyInMs() : 0;
      return pricing.speeds.isKnown ? awayMs + expectMs(job, more) : awayMs;
    },
    guessMs: (job, heldShare) => absence.readyInMs() + expectMs(job, 0, knownOf(job, heldShare)),
    look() {
      if (!absence.isAway()) serve();
      else if (waitingCount() > 0) absence.call();
    },
    list: (most) => listTasks(present, { most, nowMs: clock.now(), outlook }),
    refuseWaiting(error) {
      // Those that are aside have begun: the engine tells them.
      for (let { head } = queue; head !== undefined; { head } = queue) {
        leave(head.value);
        head.value.job.onRefused(error);
      }
    },
    get counts() {
      return {
        ...{
          waiting: waitingCount(),
          running: running.tasks.size,
          sequences: slots.sequences,
          limit: limiter.limit,
        },
        ...{ waits: waits.size, debtors: queue.remembered },
      };
    },
  };
}
