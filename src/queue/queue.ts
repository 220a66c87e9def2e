import { OverloadedError } from "../generation/errors.ts";
import type { Priority, WaitNews } from "../generation/terms.ts";
import type { Clock } from "./clock.ts";
import { createFairQueue, type Turn } from "./fair-queue.ts";
import { createLimiter } from "./limiter.ts";
import { createPricing, type Order, type PromptPrice } from "./price.ts";
import type { PromptSize } from "./prompt-size.ts";
import { createRunMeter, type RunMeter } from "./run-meter.ts";
import { createWaits, type Waiting } from "./waits.ts";

/** A request that wants its turn. */
export type Job = Order & {
  readonly priority: Priority;
  /** At most so long until its turn; undefined is however long it takes. */
  readonly maxWaitMs?: number | undefined;
  /** Its turn has come. Called once at most, from within `arrive` where nothing is in its way. */
  readonly onTurn: () => void;
  /** It has waited as long as it may, and is out of the queue. */
  readonly onExpired: (error: OverloadedError) => void;
  readonly onWait?: ((news: WaitNews) => void) | undefined;
  /** What the engine knows of the prompt; asked where the job must wait. */
  readonly askPrice?: (() => Promise<PromptPrice>) | undefined;
};

/** A job's time here, waiting and then running. Whatever is told of one that has left is dropped. */
export type Stay = {
  /** Ends it, in whatever state: out of the queue, or its slots are free. Harmless when called again. */
  leave(): void;
  /** The engine has begun. */
  started(prompt: PromptPrice): void;
  /** A text came. @param gapMs since the one before it, where that says how fast the engine is */
  text(gapMs: number | undefined): void;
  /** One of its choices has ended, and its slot is free. */
  choiceEnded(completionTokens: number): void;
};

/** The turns of one model's engine: pure bookkeeping, on a clock that is passed in. */
export type ModelQueue = {
  arrive(job: Job): Stay;
  /**
   * When the first token of a job that came now is likely, in ms, with `more` of its tenant's requests of the same price before it. 0 until
   * speeds were measured: a guess refuses nobody.
   */
  predictMs(job: Order & { readonly priority: Priority }, more?: number): number;
  tokensOf(size: PromptSize): number;
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
};

type Visit = {
  readonly job: Job;
  readonly arrivedMs: number;
  readonly waiting: Waiting;
  /** In the queue, and after its turn what it was charged for. */
  turn: Turn<Visit> | undefined;
  /** Where it stood when it came. */
  position: number;
  /** Undefined while it waits. */
  run: Run | undefined;
  hasLeft: boolean;
};

type Run = {
  readonly meter: RunMeter;
  readonly sinceMs: number;
  readonly cost: number;
  /** Slots that it holds, and choices that have not ended. */
  sequences: number;
  choices: number;
  /** For how long slots were held that are free again, together. */
  heldMs: number;
};

export function createModelQueue(options: ModelQueueOptions): ModelQueue {
  const { clock, slots, minSlots, targetItlMs, isReady = () => true } = options;
  const pricing = createPricing();
  const queue = createFairQueue<Visit>();
  const waits = createWaits(clock);
  const limiter = createLimiter({
    min: Math.min(minSlots, slots),
    max: slots,
    targetMs: targetItlMs,
    aloneMs: () => pricing.speeds.measuredItlMs(1),
  });
  let running = 0;
  let sequences = 0;
  /** What all that run were reckoned to take. */
  let runningWork = 0;
  let isServing = false;

  /** A request for more sequences than may run takes all there are. */
  function widthOf({ choices }: Pick<Job, "choices">): number {
    return Math.min(choices, limiter.limit);
  }
  function hasRoomFor(job: Pick<Job, "choices">): boolean {
    return sequences + widthOf(job) <= limiter.limit;
  }

  /** How long until so much work is done and a slot is free. */
  function drainMs(work: number): number {
    const untilDeparture = running === 0 ? 0 : runningWork / running;
    return ((work + untilDeparture) / limiter.limit) * pricing.calibration;
  }

  /** Gives turns as long as there is room. The head waits for room enough: others that need less don't overtake it, so that it has its turn. */
  function serve(): void {
    if (isServing) return;
    isServing = true;
    try {
      for (let head = queue.head; head !== undefined && hasRoomFor(head.entry.value.job); head = queue.head) {
        queue.take();
        begin(head.entry.value, head.entry.cost);
      }
    } finally {
      isServing = false;
    }
  }

  function begin(visit: Visit, cost: number): void {
    const { job, arrivedMs } = visit;
    const nowMs = clock.now();
    waits.remove(visit.waiting);
    visit.run = {
      meter: createRunMeter(pricing, job, nowMs, isReady()),
      ...{ sinceMs: nowMs, cost, sequences: widthOf(job), choices: job.choices, heldMs: 0 },
    };
    running += 1;
    sequences += visit.run.sequences;
    runningWork += cost;
    job.onWait?.({ type: "admitted", waitedMs: nowMs - arrivedMs, position: visit.position });
    job.onTurn();
  }

  function release(run: Run, count: number): void {
    run.sequences -= count;
    sequences -= count;
    run.heldMs += count * (clock.now() - run.sinceMs);
  }

  function leave(visit: Visit): void {
    if (visit.hasLeft) return;
    visit.hasLeft = true;
    const { run, turn } = visit;
    if (run !== undefined && turn !== undefined) {
      const load = Math.max(1, sequences);
      release(run, run.sequences);
      running -= 1;
      runningWork = running === 0 ? 0 : runningWork - run.cost;
      queue.charge(turn, run.meter.end(load, run.choices === 0 ? run.heldMs : undefined) - run.cost);
    } else if (turn !== undefined) {
      queue.remove(turn);
      waits.remove(visit.waiting);
    }
    if (running === 0 && queue.size === 0) queue.forget();
    serve();
  }

  function ahead({ turn }: Visit): { readonly entries: number; readonly work: number } {
    return turn === undefined ? { entries: 0, work: 0 } : queue.ahead(turn);
  }

  function tell(visit: Visit): void {
    const { entries, work } = ahead(visit);
    const { prefillMs } = pricing.expect(visit.job, limiter.limit);
    visit.job.onWait?.({ type: "waiting", position: entries + 1, etaMs: Math.round(drainMs(work) + prefillMs) });
  }

  function expire(visit: Visit): void {
    const waitedMs = clock.now() - visit.arrivedMs;
    const retryAfterMs = Math.max(1, Math.round(drainMs(ahead(visit).work)));
    leave(visit);
    const reason = `The request waited ${(waitedMs / 1000).toFixed(1)} s for its turn, as long as it may.`;
    visit.job.onExpired(new OverloadedError(reason, retryAfterMs));
  }

  /** Asks the engine for the price of one that must wait anyway. Where it has none to tell, the estimate stays. */
  async function refine(visit: Visit): Promise<void> {
    const known = await visit.job.askPrice?.().catch(() => undefined);
    if (known === undefined || visit.run !== undefined || visit.turn === undefined) return;
    queue.reprice(visit.turn, pricing.expect(visit.job, limiter.limit, known).slotMs);
  }

  function arrive(job: Job): Stay {
    const arrivedMs = clock.now();
    const visit: Visit = {
      ...{ job, arrivedMs, turn: undefined, position: 0, run: undefined, hasLeft: false },
      waiting: {
        deadlineMs: job.maxWaitMs === undefined ? undefined : arrivedMs + job.maxWaitMs,
        tell: job.onWait && (() => tell(visit)),
        expire: () => expire(visit),
      },
    };
    visit.turn = queue.push(job, visit, pricing.expect(job, limiter.limit).slotMs);
    serve();
    if (visit.run === undefined) {
      visit.position = ahead(visit).entries + 1;
      waits.add(visit.waiting);
      tell(visit);
      if (job.askPrice !== undefined) void refine(visit);
    }
    return stayOf(visit);
  }

  function stayOf(visit: Visit): Stay {
    const runNow = () => (visit.hasLeft ? undefined : visit.run);
    return {
      leave: () => leave(visit),
      started: (prompt) => runNow()?.meter.started(prompt),
      text(gapMs) {
        const nowMs = clock.now();
        runNow()?.meter.text(gapMs, nowMs, sequences);
        if (gapMs === undefined) return;
        const before = limiter.limit;
        limiter.observe(gapMs, sequences, nowMs);
        if (limiter.limit > before) serve();
      },
      choiceEnded(completionTokens) {
        const run = runNow();
        if (run === undefined) return;
        run.choices -= 1;
        run.meter.choiceEnded(completionTokens);
        if (run.choices === 0) {
          leave(visit);
        } else if (run.choices < run.sequences) {
          release(run, run.sequences - run.choices);
          serve();
        }
      },
    };
  }

  return {
    arrive,
    tokensOf: pricing.tokensOf,
    predictMs(job, more = 0) {
      if (!pricing.speeds.isKnown) return 0;
      const { prefillMs, slotMs } = pricing.expect(job, limiter.limit);
      if (more === 0 && queue.size === 0 && hasRoomFor(job)) return prefillMs;
      return drainMs(queue.aheadOfNext(job, { entries: more, work: more * slotMs }).work) + prefillMs;
    },
    get counts() {
      return {
        ...{ waiting: queue.size, running, sequences, limit: limiter.limit },
        ...{ waits: waits.size, debtors: queue.remembered },
      };
    },
  };
}
