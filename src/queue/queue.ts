import type { Clock } from "../clock.ts";
import { isLasting, OverloadedError } from "../generation/errors.ts";
import { type Hold, PRIORITIES, type Priority } from "../generation/terms.ts";
import { showDuration } from "./duration.ts";
import { createFairQueue, type Turn } from "./fair-queue.ts";
import { createHeldSlots, type Holding } from "./held-slots.ts";
import type { Job, Stay } from "./job.ts";
import { createLimiter } from "./limiter.ts";
import { createPricing, type Order } from "./price.ts";
import type { PromptSize } from "./prompt-size.ts";
import { createRunMeter, type RunMeter } from "./run-meter.ts";
import { createWaits, type Waiting } from "./waits.ts";

/** The turns of one model's engine: pure bookkeeping, on a clock that is passed in. */
export type ModelQueue = {
  arrive(job: Job): Stay;
  /**
   * When the first token of a job that came now is likely, in ms, with `more` of its tenant's requests of the same price before it. 0 until
   * speeds were measured: a guess refuses nobody.
   */
  predictMs(job: Order & { readonly priority: Priority }, more?: number): number;
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

type Visit = {
  readonly job: Job;
  readonly arrivedMs: number;
  readonly waiting: Waiting;
  /** In the queue, and after its turn what it was charged for. */
  turn: Turn<Visit> | undefined;
  /** Where it stood when it came, and how long what was before it should have taken; 0 where its turn came at once. */
  position: number;
  reckonedMs: number;
  /** Undefined while it waits. */
  run: Run | undefined;
  /** Set while it waits again, after it has run. */
  aside: Aside | undefined;
  hasLeft: boolean;
};

type Run = {
  readonly meter: RunMeter;
  readonly holding: Holding;
  /** Choices that have not ended. */
  choices: number;
  /** Sets it aside in the engine; undefined until that has taken it. */
  hold: Hold | undefined;
  /** For how long it held slots in its earlier turns, and what its tenant was charged for them. */
  readonly earlierMs: number;
  readonly earlierCost: number;
  /** When it first said something in this turn. */
  spokeMs: number | undefined;
};

/** What is kept of a run that was set aside. */
type Aside = Pick<Run, "meter" | "choices" | "hold" | "earlierMs" | "earlierCost">;

/** One that has taken so many times what it should have is set aside for others that are likely to take less. */
const OVERDUE = 4;

/** Nothing is set aside that has run for less, so that what it costs to take it up again stays small. */
const LEAST_TURN_MS = 2_000;

/** How often those who hold slots are looked at, while others wait for them. */
const LOOK_MS = 1_000;

/** Prices that the engine is asked for at once. */
const MAX_REFINING = 4;

/** Whose waits are alike. */
function lineOf({ tenant, priority }: Pick<Job, "tenant" | "priority">): string {
  return `${priority} ${tenant}`;
}

export function createModelQueue(options: ModelQueueOptions): ModelQueue {
  const { clock, minSlots, targetItlMs, isReady = () => true } = options;
  const pricing = createPricing(options.contextTokens);
  const queue = createFairQueue<Visit>();
  const waits = createWaits(clock);
  const limiter = createLimiter({
    min: Math.min(minSlots, options.slots),
    max: options.slots,
    targetMs: targetItlMs,
    aloneMs: () => pricing.speeds.measuredItlMs(1),
  });
  const runs = new Map<Run, Visit>();
  const slots = createHeldSlots(clock);
  /** Who waits and was not priced by the engine yet. */
  const unpriced: Visit[] = [];
  let refining = 0;
  let isLooking = false;
  let isServing = false;

  /** A request for more sequences than may run takes all there are. */
  function widthOf({ choices }: Pick<Job, "choices">): number {
    return Math.min(choices, limiter.limit);
  }
  function hasRoomFor(job: Pick<Job, "choices" | "tenant">): boolean {
    return slots.hasRoom(job.tenant, widthOf(job), limiter.limit);
  }
  function hasRoomAgain({ job: { tenant, choices }, aside }: Visit): boolean {
    return hasRoomFor({ tenant, choices: aside?.choices ?? choices });
  }

  /** How long until so much work is done and a slot is free for one that is likely to take `slotMs`. */
  function drainMs(work: number, slotMs: number): number {
    const { calibration } = pricing;
    return ((work + slots.workLeft(calibration, slotMs * calibration)) / limiter.limit) * calibration;
  }

  /** How long a job is likely to wait behind so much work. */
  function waitMs(job: Pick<Job, "tenant" | "priority">, work: number, slotMs: number): number {
    return drainMs(work, slotMs) * pricing.delay(lineOf(job));
  }

  /** Gives turns as long as there is room. The head waits for room enough: others that need less don't overtake it, so that it has its turn. */
  function serve(): void {
    if (isServing) return;
    isServing = true;
    try {
      for (let head = queue.head; head !== undefined && hasRoomAgain(head.entry.value); head = queue.head) {
        queue.take();
        begin(head.entry.value, head.entry.cost);
      }
    } finally {
      isServing = false;
    }
  }

  function begin(visit: Visit, cost: number): void {
    const { job, arrivedMs, aside } = visit;
    const nowMs = clock.now();
    if (aside === undefined) endWait(visit);
    const most = pricing.expect(job, limiter.limit).mostMs;
    const width = widthOf(aside ?? job);
    const holding = slots.take(job.isWarmUp === true ? undefined : job.tenant, width, { cost, most });
    visit.run = {
      ...(aside ?? newRun(job, nowMs)),
      ...{ holding, spokeMs: undefined },
    };
    visit.aside = undefined;
    runs.set(visit.run, visit);
    if (aside !== undefined) {
      aside.hold?.resume();
      return;
    }
    job.onWait?.({ type: "admitted", waitedMs: nowMs - arrivedMs, position: visit.position });
    job.onTurn();
  }

  function newRun(job: Job, nowMs: number): Aside {
    const meter = createRunMeter(pricing, job, nowMs, isReady());
    return { meter, choices: job.choices, hold: undefined, earlierMs: 0, earlierCost: 0 };
  }

  /**
   * How long until a run is overdue, in ms, below 0 where it is: it has taken many times what it should have, or is in a later turn and has made
   * good use of it. Undefined where the engine can't set it aside.
   */
  function untilDueMs({ holding, hold, spokeMs, earlierMs }: Run, job: Job): number | undefined {
    if (hold === undefined || spokeMs === undefined) return undefined;
    if (earlierMs > 0) return LEAST_TURN_MS + 2 * (spokeMs - holding.sinceMs) - (clock.now() - holding.sinceMs);
    const cost = Math.max(holding.cost, pricing.expect(job, limiter.limit).slotMs);
    return Math.max(LEAST_TURN_MS, OVERDUE * cost * pricing.calibration) - slots.heldMs(holding);
  }

  /** The run that is too late by most of those that may have to go for `waiting`, which is likely to take less than they have had. */
  function findOverdue(waiting: Visit, cost: number): { readonly run: Run; readonly visit: Visit } | undefined {
    let found: { readonly run: Run; readonly visit: Visit; readonly dueMs: number } | undefined;
    if (waiting.aside !== undefined) return undefined;
    for (const [run, visit] of runs) {
      const dueMs = untilDueMs(run, visit.job) ?? 0;
      if (dueMs >= (found?.dueMs ?? 0)) continue;
      if (run.earlierMs + slots.heldMs(run.holding) <= cost * pricing.calibration) continue;
      const isLower = PRIORITIES.indexOf(waiting.job.priority) > PRIORITIES.indexOf(visit.job.priority);
      if (!isLower || run.earlierMs > 0) found = { run, visit, dueMs };
    }
    return found;
  }

  /** Sets a run aside. It goes on when nobody waits who is likely to take less, or when others had much more than it: as one of the last class. */
  function setAside(run: Run, visit: Visit): boolean {
    const { job, turn } = visit;
    const { meter, holding, choices, hold } = run;
    if (turn === undefined || hold?.pause() !== true) return false;
    const heldMs = slots.heldMs(holding);
    const earlierMs = run.earlierMs + heldMs;
    const cost = heldMs / pricing.calibration;
    meter.setAside();
    slots.end(holding);
    runs.delete(run);
    queue.charge(turn, cost - holding.cost);
    visit.run = undefined;
    visit.reckonedMs = 0;
    visit.aside = { meter, choices, hold, earlierMs, earlierCost: run.earlierCost + cost };
    visit.turn = queue.push({ tenant: job.tenant, priority: "batch" }, visit, earlierMs / pricing.calibration);
    return true;
  }

  /** Makes room for whose turn is next, where those who run are overdue. */
  function relieve(): void {
    if (!pricing.speeds.isKnown) return;
    for (let { head } = queue; head !== undefined && !hasRoomAgain(head.entry.value); { head } = queue) {
      const overdue = findOverdue(head.entry.value, head.entry.cost);
      if (overdue === undefined || !setAside(overdue.run, overdue.visit)) return;
      serve();
    }
  }

  function endWait({ job, waiting, arrivedMs, reckonedMs }: Visit): void {
    waits.remove(waiting);
    if (reckonedMs > 0) pricing.noteWait(lineOf(job), reckonedMs, clock.now() - arrivedMs);
  }

  /**
   * What a reader doesn't take, the engine has perhaps said to its end long ago. So that such a one keeps nobody waiting, its slots count as free;
   * where it does run yet, the engine lets the next one wait.
   */
  function look(): void {
    isLooking = false;
    if (queue.size === 0) return;
    for (const [{ holding }, { job }] of runs) if (job.isStalled?.()) slots.release(holding, holding.sequences);
    serve();
    relieve();
    lookLater();
  }
  function lookLater(): void {
    if (isLooking || queue.size === 0) return;
    isLooking = true;
    clock.after(LOOK_MS, look);
  }

  function leave(visit: Visit): void {
    if (visit.hasLeft) return;
    visit.hasLeft = true;
    const { run, turn } = visit;
    if (run !== undefined && turn !== undefined) {
      const { meter, holding, choices, earlierMs, earlierCost } = run;
      const load = Math.max(1, slots.sequences);
      slots.end(holding);
      runs.delete(run);
      const wholeMs = choices === 0 ? earlierMs + holding.heldMs : undefined;
      queue.charge(turn, meter.end(load, wholeMs) - earlierCost - holding.cost);
    } else if (turn !== undefined) {
      queue.remove(turn);
      waits.remove(visit.waiting);
    }
    if (runs.size === 0 && queue.size === 0) queue.forget();
    serve();
  }

  function ahead({ turn }: Visit): { readonly entries: number; readonly work: number } {
    return turn === undefined ? { entries: 0, work: 0 } : queue.ahead(turn);
  }

  function tell(visit: Visit): void {
    const { entries, work } = ahead(visit);
    const { prefillMs, slotMs } = pricing.expect(visit.job, limiter.limit);
    visit.job.onWait?.({
      type: "waiting",
      position: entries + 1,
      etaMs: Math.round(waitMs(visit.job, work, slotMs) + prefillMs),
    });
  }

  function expire(visit: Visit): void {
    const waitedMs = clock.now() - visit.arrivedMs;
    const retryAfterMs = Math.max(
      1,
      Math.round(waitMs(visit.job, ahead(visit).work, pricing.expect(visit.job, limiter.limit).slotMs)),
    );
    endWait(visit);
    leave(visit);
    const reason = `The request waited ${showDuration(waitedMs)} for its turn, as long as it may.`;
    visit.job.onRefused(new OverloadedError(reason, retryAfterMs));
  }

  /** Prices those who wait, few at a time: of hundreds that come together, most would only have the engine answer at a bad time. */
  async function refineAll(): Promise<void> {
    if (refining >= MAX_REFINING) return;
    refining += 1;
    for (let visit = unpriced.shift(); visit !== undefined; visit = unpriced.shift()) await refine(visit);
    refining -= 1;
  }

  /**
   * Asks the engine for the price of one that must wait anyway. Where it has none to tell, the estimate stays; where it says that the prompt can
   * never be had, such as one longer than the context, there is nothing to wait for.
   */
  async function refine(visit: Visit): Promise<void> {
    if (visit.run !== undefined || visit.hasLeft) return;
    try {
      const known = await visit.job.askPrice?.();
      if (known === undefined || visit.run !== undefined || visit.turn === undefined) return;
      queue.reprice(visit.turn, pricing.expect(visit.job, limiter.limit, known).slotMs);
    } catch (error) {
      if (visit.run !== undefined || visit.hasLeft || !isLasting(error)) return;
      leave(visit);
      visit.job.onRefused(error);
    }
  }

  function arrive(job: Job): Stay {
    const arrivedMs = clock.now();
    if (job.isWarmUp !== true) slots.see(job.tenant);
    const visit: Visit = {
      ...{
        job,
        arrivedMs,
        turn: undefined,
        position: 0,
        reckonedMs: 0,
        run: undefined,
        aside: undefined,
        hasLeft: false,
      },
      waiting: {
        deadlineMs: job.maxWaitMs === undefined ? undefined : arrivedMs + job.maxWaitMs,
        tell: job.onWait && (() => tell(visit)),
        expire: () => expire(visit),
      },
    };
    visit.turn = queue.push(job, visit, pricing.expect(job, limiter.limit).slotMs);
    serve();
    if (visit.run === undefined) {
      const { entries, work } = ahead(visit);
      visit.position = entries + 1;
      visit.reckonedMs = drainMs(work, visit.turn.entry.cost);
      waits.add(visit.waiting);
      lookLater();
      tell(visit);
      relieve();
      if (job.askPrice !== undefined) {
        unpriced.push(visit);
        void refineAll();
      }
    }
    return stayOf(visit);
  }

  function stayOf(visit: Visit): Stay {
    const runNow = () => (visit.hasLeft ? undefined : visit.run);
    return {
      leave: () => leave(visit),
      started: (prompt) => runNow()?.meter.started(prompt),
      taken(hold) {
        const run = runNow();
        if (run === undefined) return;
        run.hold = hold;
        run.holding.untilDueMs = () => Math.max(0, untilDueMs(run, visit.job) ?? Number.POSITIVE_INFINITY);
      },
      text(sinceMs) {
        const nowMs = clock.now();
        const run = runNow();
        // The time for which it was set aside is no time between two tokens.
        const gapMs = run?.earlierMs !== 0 && run?.spokeMs === undefined ? undefined : sinceMs;
        run?.meter.text(gapMs, nowMs, slots.sequences);
        if (run !== undefined) run.spokeMs ??= nowMs;
        if (gapMs === undefined) return;
        const before = limiter.limit;
        limiter.observe(gapMs, slots.sequences, nowMs);
        if (limiter.limit > before) serve();
      },
      choiceEnded(completionTokens) {
        const run = runNow();
        if (run === undefined) return;
        run.choices -= 1;
        run.meter.choiceEnded(completionTokens);
        if (run.choices === 0) {
          leave(visit);
        } else if (run.choices < run.holding.sequences) {
          slots.release(run.holding, run.holding.sequences - run.choices);
          serve();
        }
      },
    };
  }

  return {
    arrive,
    tokensOf: pricing.tokensOf,
    get isIdle() {
      return queue.size === 0 && slots.sequences < limiter.limit;
    },
    predictMs(job, more = 0) {
      if (!pricing.speeds.isKnown) return 0;
      const { prefillMs, slotMs } = pricing.expect(job, limiter.limit);
      if (more === 0 && queue.size === 0 && hasRoomFor(job)) return prefillMs;
      return waitMs(job, queue.aheadOfNext(job, { entries: more, work: more * slotMs }).work, slotMs) + prefillMs;
    },
    get counts() {
      return {
        ...{ waiting: queue.size, running: runs.size, sequences: slots.sequences, limit: limiter.limit },
        ...{ waits: waits.size, debtors: queue.remembered },
      };
    },
  };
}
