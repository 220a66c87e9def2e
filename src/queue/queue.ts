import type { Clock } from "../clock.ts";
import { createFairQueue } from "../fairness/fair-queue.ts";
import type { Entry } from "../fairness/lanes.ts";
import { isLasting, OverloadedError } from "../generation/errors.ts";
import { type Hold, PRIORITIES, type Priority } from "../generation/terms.ts";
import { showDuration } from "./duration.ts";
import { createHeldSlots, type Holding } from "./held-slots.ts";
import type { Job, Stay } from "./job.ts";
import { createLimiter } from "./limiter.ts";
import { chooseOverdue, dueAfterMs, dueAgainAfterMs, endsSoon, keptSlots, type Overdue, pauseMs } from "./overdue.ts";
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
  turn: Entry<Visit> | undefined;
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
  /** For how long it went on in its earlier turns, without what it took to come to where it had been. */
  readonly spokenMs: number;
  /** When it first said something in this turn. */
  spokeMs: number | undefined;
};

/** What is kept of a run that was set aside. */
type Aside = Pick<Run, "meter" | "choices" | "hold" | "earlierMs" | "earlierCost" | "spokenMs"> & {
  /** From then on it goes on before others, where there is a place for one of its kind. */
  readonly backMs: number;
};

/** How much longer one waits to go on where all that wait are of a higher class. */
const LOWER_PAUSE_MS = 60_000;

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
  /** Those that were set aside and wait to go on, the longest first. */
  const asides = new Set<Visit>();
  /** Until then a single slot is left to others, since one that was set aside has had it for as long. */
  let restUntilMs = 0;
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
    // Those that may be kept by runs without an end serve nobody who waits.
    const turning = limiter.limit - Math.min(endlessSlots(), keptSlots(limiter.limit));
    return ((work + slots.workLeft(calibration, slotMs * calibration)) / turning) * calibration;
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
      for (let next = nextVisit(); next !== undefined && hasRoomAgain(next); next = nextVisit()) take(next);
    } finally {
      isServing = false;
    }
  }

  /** One that was set aside for long enough, where it may go on; else the queue's; else whoever was set aside. */
  function nextVisit(): Visit | undefined {
    for (const visit of asides) if (isBack(visit) && hasPlaceAgain(visit)) return visit;
    const [first] = asides;
    return queue.head?.value ?? first;
  }
  function isBack({ aside, job }: Visit): boolean {
    const { head } = queue;
    const isLower = head !== undefined && PRIORITIES.indexOf(head.priority) < PRIORITIES.indexOf(job.priority);
    return aside !== undefined && aside.backMs + (isLower ? LOWER_PAUSE_MS : 0) <= clock.now();
  }
  /** Whether there is a place among those that such runs may keep; where they may keep none, when others have had the slot for as long. */
  function hasPlaceAgain({ aside }: Visit): boolean {
    const held = endlessSlots();
    const width = Math.min(aside?.choices ?? 1, limiter.limit);
    const kept = keptSlots(limiter.limit);
    return held + width <= kept || (width > kept && held === 0 && clock.now() >= restUntilMs);
  }

  function take(visit: Visit): void {
    const { aside, turn } = visit;
    const cost = aside === undefined ? (turn?.cost ?? 0) : aside.earlierMs / pricing.calibration;
    if (turn === queue.head?.value.turn) {
      queue.take();
    } else if (turn !== undefined) {
      // It was set aside, or what was set aside for it has brought another before it.
      queue.remove(turn);
      queue.charge(turn, cost);
    }
    begin(visit, cost);
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
    asides.delete(visit);
    runs.set(visit.run, visit);
    if (aside !== undefined) {
      aside.hold?.resume();
      return;
    }
    job.onWait?.({ type: "admitted", waitedMs: nowMs - arrivedMs, position: visit.position });
    job.onTurn();
  }

  function newRun(job: Job, nowMs: number): Omit<Aside, "backMs"> {
    const meter = createRunMeter(pricing, job, nowMs, isReady());
    return { meter, choices: job.choices, hold: undefined, earlierMs: 0, earlierCost: 0, spokenMs: 0 };
  }

  /**
   * How long until a run is overdue, in ms, below 0 where it is: it has taken many times what it should have, or is in a later turn and has made
   * good use of it. Undefined where the engine can't set it aside, and where its end is near.
   */
  function untilDueMs(run: Run, job: Job): number | undefined {
    const { hold, spokeMs } = run;
    return hold === undefined || spokeMs === undefined ? undefined : likelyDueMs(run, job, spokeMs);
  }
  /** The same, @param spokeMs where it is about to say something: when that is */
  function likelyDueMs(run: Run, job: Job, spokeMs: number): number | undefined {
    const { holding, earlierMs } = run;
    const leftMs = holding.most * pricing.calibration - spokenMs(run);
    if (endsSoon(leftMs / Math.max(1, holding.sequences))) return undefined;
    if (earlierMs > 0) return dueAgainAfterMs(spokeMs - holding.sinceMs) - (clock.now() - holding.sinceMs);
    const cost = Math.max(holding.cost, pricing.expect(job, limiter.limit).slotMs);
    // One with more choices than slots has them in rounds: others need not wait for all of these.
    const rounds = Math.max(1, job.choices / limiter.limit);
    return dueAfterMs((cost / rounds) * pricing.calibration) - slots.heldMs(holding);
  }
  function spokenMs({ holding, spokeMs, earlierMs, spokenMs: earlier }: Run): number {
    if (earlierMs === 0) return slots.heldMs(holding);
    return earlier + (spokeMs === undefined ? 0 : (clock.now() - spokeMs) * holding.sequences);
  }

  /** Those that are overdue and have no end in sight. */
  function allOverdue(): Overdue<{ readonly run: Run; readonly visit: Visit }>[] {
    return [...runs].flatMap(([run, visit]) => {
      const { holding, earlierMs } = run;
      if ((untilDueMs(run, visit.job) ?? 1) > 0) return [];
      const { tenant, priority } = visit.job;
      const hadMs = earlierMs + slots.heldMs(holding);
      const { sequences } = holding;
      return [{ value: { run, visit }, tenant, priority, sequences, hadMs, isAgain: earlierMs > 0 }];
    });
  }
  /** Slots of runs without an end in sight, overdue or in a later turn. */
  function endlessSlots(): number {
    let held = 0;
    for (const [run, { job }] of runs) {
      if (run.earlierMs > 0 || (untilDueMs(run, job) ?? 1) <= 0) held += run.holding.sequences;
    }
    return held;
  }

  /** Sets a run aside. It goes on when nobody else waits, or when it was aside for long enough and there is a place for one of its kind. */
  function setAside(run: Run, visit: Visit): boolean {
    const { turn } = visit;
    const { meter, holding, choices, hold } = run;
    if (turn === undefined || hold?.pause() !== true) return false;
    const nowMs = clock.now();
    const heldMs = slots.heldMs(holding);
    const turnMs = nowMs - holding.sinceMs;
    const earlierMs = run.earlierMs + heldMs;
    const cost = heldMs / pricing.calibration;
    const spoken = spokenMs(run);
    meter.setAside();
    slots.end(holding);
    runs.delete(run);
    queue.charge(turn, cost - holding.cost);
    visit.run = undefined;
    visit.reckonedMs = 0;
    visit.aside = {
      ...{ meter, choices, hold, earlierMs, spokenMs: spoken },
      ...{ earlierCost: run.earlierCost + cost, backMs: nowMs + pauseMs(turnMs) },
    };
    restUntilMs = nowMs + turnMs;
    asides.add(visit);
    return true;
  }

  /** Makes room where those who run are overdue: for whose turn is next, and for those that were set aside for long enough. */
  function relieve(): void {
    if (!pricing.speeds.isKnown) return;
    while (relieveFor(nextVisit()));
    // Runs without an end take turns among each other in what they may keep; in more than that where nobody else waits.
    if (queue.size === 0 || endlessSlots() <= keptSlots(limiter.limit)) {
      for (const visit of [...asides]) if (isBack(visit)) relieveFor(visit);
    }
    serve();
  }

  /** Whether there was one to be set aside for it. It has its turn then, where that gives room enough. */
  function relieveFor(visit: Visit | undefined): boolean {
    if (visit === undefined || hasRoomAgain(visit)) return false;
    const { job, aside, turn } = visit;
    if (aside !== undefined && !isBack(visit)) return false;
    const { tenant, priority } = job;
    const takesMs = aside === undefined ? (turn?.cost ?? 0) * pricing.calibration : 0;
    const claimant = { tenant, priority, takesMs, held: slots.heldBy(tenant), isAgain: aside !== undefined };
    const found = chooseOverdue(allOverdue(), claimant, {
      ...{ limit: limiter.limit, tenants: slots.tenants },
      endless: endlessSlots() + slots.keptFrom(tenant, widthOf(aside ?? job), limiter.limit),
    });
    if (found === undefined || !setAside(found.run, found.visit)) return false;
    // The slot that others keep free for newcomers is no reason to set two aside for one.
    if (slots.sequences + widthOf(aside ?? job) <= limiter.limit) take(visit);
    return true;
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
    if (queue.size + asides.size === 0) return;
    for (const [{ holding }, { job }] of runs) if (job.isStalled?.()) slots.release(holding, holding.sequences);
    serve();
    relieve();
    lookLater();
  }
  function lookLater(): void {
    if (isLooking || queue.size + asides.size === 0) return;
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
      asides.delete(visit);
      queue.remove(turn);
      waits.remove(visit.waiting);
    }
    if (runs.size + queue.size + asides.size === 0) queue.forget();
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
      visit.reckonedMs = drainMs(work, visit.turn.cost);
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
        run.holding.untilDueMs = () =>
          Math.max(0, likelyDueMs(run, visit.job, run.spokeMs ?? clock.now()) ?? Number.POSITIVE_INFINITY);
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
      return queue.size + asides.size === 0 && slots.sequences < limiter.limit;
    },
    predictMs(job, more = 0) {
      if (!pricing.speeds.isKnown) return 0;
      const { prefillMs, slotMs } = pricing.expect(job, limiter.limit);
      if (more === 0 && queue.size + asides.size === 0 && hasRoomFor(job)) return prefillMs;
      return waitMs(job, queue.aheadOfNext(job, { entries: more, work: more * slotMs }).work, slotMs) + prefillMs;
    },
    get counts() {
      return {
        ...{ waiting: queue.size + asides.size, running: runs.size, sequences: slots.sequences, limit: limiter.limit },
        ...{ waits: waits.size, debtors: queue.remembered },
      };
    },
  };
}
