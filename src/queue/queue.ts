import type { Clock } from "../clock.ts";
import { createFairQueue } from "../fairness/fair-queue.ts";
import type { Priority } from "../generation/terms.ts";
import { createAsides } from "./asides.ts";
import { createHeldSlots } from "./held-slots.ts";
import { createLimiter } from "./limiter.ts";
import { createPricing, createRunMeter, type Demand } from "./price.ts";
import type { PromptSize } from "./prompt-size.ts";
import { createRefining } from "./refine.ts";
import { createRunning } from "./running.ts";
import { createTask, type Job, type JobHandle, type Task } from "./task.ts";
import { createWaits, waitedInVain } from "./waits.ts";

/** The turns of one model's engine: pure bookkeeping, on a clock that is passed in. */
export type ModelQueue = {
  arrive(job: Job): JobHandle;
  /**
   * When the first token of a job that came now is likely, in ms, with `more` of its tenant's requests of the same price before it. 0 until
   * speeds were measured: a guess refuses nobody.
   */
  predictMs(job: Demand & { readonly priority: Priority }, more?: number): number;
  tokensOf(size: PromptSize): number;
  /** A slot is free, and nobody waits for one. */
  readonly isIdle: boolean;
  readonly counts: QueueCounts;
};

export type QueueCounts = {
  readonly waiting: number;
  readonly running: number;
  /** Sequences that hold slots. */
  readonly sequences: number;
  /** How many may, now. */
  readonly limit: number;
  /** Timers that are set or news that are due, for those who wait. */
  readonly waits: number;
  /** Tenants whose surplus over others is remembered. */
  readonly debtors: number;
};

export type ModelQueueOptions = {
  readonly clock: Clock;
  /** Sequences that the engine runs at once. */
  readonly slots: number;
  /** How many of these are used at least, however slow that is. */
  readonly minSlots: number;
  /** What the time between two tokens should stay under. */
  readonly targetItlMs: number;
  /** Whether the engine can begin at once; while it can't, times say nothing about its speed. */
  readonly isReady?: (() => boolean) | undefined;
  /** Tokens for one request, prompt and answer together; undefined as long as the model has not loaded. */
  readonly contextTokens?: (() => number | undefined) | undefined;
};

/** How often those who hold slots are looked at, while others wait for them. */
const LOOK_MS = 1_000;

/** Whose waits are alike. */
function lineOf({ tenant, priority }: Pick<Job, "tenant" | "priority">): string {
  return `${priority} ${tenant}`;
}

export function createModelQueue(options: ModelQueueOptions): ModelQueue {
  const { clock, minSlots, targetItlMs, isReady = () => true } = options;
  const pricing = createPricing(options.contextTokens);
  const queue = createFairQueue<Task>();
  const waits = createWaits(clock);
  const limiter = createLimiter({
    min: Math.min(minSlots, options.slots),
    max: options.slots,
    targetMs: targetItlMs,
    aloneMs: () => pricing.speeds.measuredItlMs(1),
  });
  const slots = createHeldSlots(clock, limiter);
  const running = createRunning({ clock, pricing, slots, limiter });
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

  function hasRoomFor({ choices, job }: Task): boolean {
    return slots.hasRoom(job.tenant, choices);
  }

  function waitingCount(): number {
    return queue.size + asides.tasks.size;
  }

  /** How long a job is likely to wait behind so much work. */
  function waitMs(job: Pick<Job, "tenant" | "priority">, work: number, slotMs: number): number {
    return running.drainMs(work, slotMs) * pricing.delay(lineOf(job));
  }

  /** Gives turns as long as there is room. The head waits for room enough: others that need less don't overtake it, so that it has its turn. */
  function serve(): void {
    if (isServing) return;
    isServing = true;
    try {
      for (let next = nextTask(); next !== undefined && hasRoomFor(next); next = nextTask()) take(next);
    } finally {
      isServing = false;
    }
  }

  /** One that was set aside for long enough, where it may go on; else the queue's; else whoever was set aside. */
  function nextTask(): Task | undefined {
    const [first] = asides.tasks;
    return asides.next() ?? queue.head?.value ?? first;
  }

  function take(task: Task): void {
    const { state, entry, earlierMs } = task;
    const cost = state === "aside" ? earlierMs / pricing.calibration : (entry?.cost ?? 0);
    if (entry === queue.head) {
      queue.take();
    } else if (entry !== undefined) {
      // It was set aside, or what was set aside for it has brought another before it.
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
    task.lease = slots.take(job.isWarmUp === true ? undefined : job.tenant, task.choices, { cost, most });
    task.meter ??= createRunMeter(pricing, job, nowMs, isReady());
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

  /** Makes room where those who run are overdue: for whose turn is next, and for those that were set aside for long enough. */
  function relieve(): void {
    if (!pricing.speeds.isKnown) return;
    while (relieveFor(nextTask()));
    // Those without an end take turns among each other in what they may keep; in more than that where nobody else waits.
    if (queue.size === 0 || asides.hasKeptRoom()) {
      for (const task of [...asides.tasks]) if (asides.isBack(task)) relieveFor(task);
    }
    serve();
  }

  /** Whether there was one to be set aside for it. It has its turn then, where that gives room enough. */
  function relieveFor(task: Task | undefined): boolean {
    if (task === undefined || hasRoomFor(task)) return false;
    const found = asides.findFor(task);
    if (found === undefined || !asides.add(found)) return false;
    // The slot that others keep free for newcomers is no reason to set two aside for one.
    if (slots.sequences + slots.widthOf(task.choices) <= limiter.limit) take(task);
    return true;
  }

  function endWait({ job, waiting, arrivedMs, reckonedMs }: Task): void {
    waits.remove(waiting);
    if (reckonedMs > 0) pricing.noteWait(lineOf(job), reckonedMs, clock.now() - arrivedMs);
  }

  /**
   * What a reader doesn't take, the engine has perhaps said to its end long ago. So that such a one keeps nobody waiting, its slots count as free;
   * where it does run yet, the engine lets the next one wait.
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

  function leave(task: Task): void {
    const { state, entry, lease, meter } = task;
    if (state === "left") return;
    task.state = "left";
    if (lease !== undefined && meter !== undefined && entry !== undefined) {
      const load = Math.max(1, slots.sequences);
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

  function tell(task: Task): void {
    const { entries, work } = ahead(task);
    const { prefillMs, slotMs } = pricing.expect(task.job, limiter.limit);
    task.job.onWait?.({
      type: "waiting",
      position: entries + 1,
      etaMs: Math.round(waitMs(task.job, work, slotMs) + prefillMs),
    });
  }

  function expire(task: Task): void {
    const { job, arrivedMs } = task;
    const retryAfterMs = waitMs(job, ahead(task).work, pricing.expect(job, limiter.limit).slotMs);
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
    serve();
    if (task.lease === undefined) {
      const { entries, work } = ahead(task);
      task.position = entries + 1;
      task.reckonedMs = running.drainMs(work, entry.cost);
      waits.add(task.waiting);
      lookLater();
      tell(task);
      relieve();
      refine(task);
    }
    return handleOf(task);
  }

  function handleOf(task: Task): JobHandle {
    const leaseNow = () => (task.state === "running" ? task.lease : undefined);
    return {
      leave: () => leave(task),
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
        // The time for which it was set aside is no time between two tokens.
        const gapMs = !isRunning || (task.earlierMs > 0 && task.spokeMs === undefined) ? undefined : sinceMs;
        if (isRunning) {
          task.meter?.text(gapMs, nowMs, slots.sequences);
          task.spokeMs ??= nowMs;
        }
        if (gapMs === undefined) return;
        const before = limiter.limit;
        limiter.observe(gapMs, slots.sequences, nowMs);
        if (limiter.limit > before) serve();
      },
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
      if (!pricing.speeds.isKnown) return 0;
      const { prefillMs, slotMs } = pricing.expect(job, limiter.limit);
      if (more === 0 && waitingCount() === 0 && slots.hasRoom(job.tenant, job.choices)) return prefillMs;
      return waitMs(job, queue.aheadOfNext(job, { entries: more, work: more * slotMs }).work, slotMs) + prefillMs;
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
