import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import type { BatchQueue, BatchRecord, LiveBatch, UnfinishedBatch } from "../store/batches.ts";
import type { Lock } from "../store/lock.ts";
import type { Either } from "../store/shelf.ts";
import type { Door } from "./attempt.ts";
import type { Job } from "./job.ts";
import { isDisks } from "./writer.ts";

/** Runs the batches of a state file, each to its end, over restarts. */
export type Runner = {
  /** There may be new work. */
  readonly wake: () => void;
  /** A batch may have been changed. */
  readonly look: (id: string) => void;
  readonly live: (id: string) => LiveBatch | undefined;
  /** Stops at once. What is done is recorded; the rest is done by whoever runs next. */
  readonly stop: () => Promise<void>;
};

export type RunnerOptions = {
  readonly queue: Pick<Either<BatchQueue>, "unfinished" | "get">;
  readonly createJob: (record: BatchRecord, door: Door) => Job;
  /** A door for the requests of a key. They rest while others are there, until that time in Unix ms. */
  readonly doorFor: (keyId: string | undefined, restUntilMs: number) => Door;
  /** Undefined while another process runs the batches. */
  readonly tryLock: () => Promise<Lock | undefined>;
  /** Whether others may add batches that nobody here hears of, so that it looks for them all the time. */
  readonly isShared?: boolean;
  readonly clock: Clock;
  /** The time in Unix ms. */
  readonly now: () => number;
  readonly logger: Logger;
};

/** Batches that run at once. The queue shares the slots among their tenants. */
const MAX_JOBS = 8;
const MAX_JOBS_OF_TENANT = 2;

/** How soon a change by another process is seen, and its end. */
const LOOK_EVERY_MS = 2_000;

/** How long a batch rests that could not go on: twice as long each time, unless the disk is why. */
const REST_MS = 30_000;
const MAX_REST_MS = 3_600_000;

/** A batch is given up that has failed so often for a reason that nobody expects: after three hours, or with its window. */
const MAX_FAILURES = 10;

/** The part of a batch's window in which it gives way to all others. In the rest of it, it goes on beside them, slowly. */
const RESTING_SHARE = 3 / 4;

function restsUntilMs({ createdMs, endsMs }: BatchRecord): number {
  return createdMs + RESTING_SHARE * (endsMs - createdMs);
}

export function createRunner(options: RunnerOptions): Runner {
  const { queue, createJob, doorFor, tryLock, isShared = false, clock, logger } = options;
  const jobs = new Map<string, { readonly job: Job; readonly tenant: string; readonly ended: Promise<void> }>();
  /** When batches may be tried again that have failed, and how often they have, or whose requests were refused. */
  const resting = new Map<string, { readonly untilMs: number; readonly failures: number; readonly live?: LiveBatch }>();
  const stopping = new AbortController();
  let lock: Lock | undefined;
  let cancelTimer: (() => void) | undefined;
  let looking: Promise<void> | undefined;
  let isAskedAgain = false;
  let hasToldFailure = false;

  /** One look at a time. */
  function wake(): void {
    if (stopping.signal.aborted) return;
    if (looking !== undefined) {
      isAskedAgain = true;
      return;
    }
    looking = lookForWork()
      .then(
        () => {
          hasToldFailure = false;
        },
        (error: unknown) => {
          // Once for each outage, not for each look.
          if (!hasToldFailure) logger.error({ err: error }, "batches can't be run now");
          hasToldFailure = true;
          plan();
        },
      )
      .finally(() => {
        looking = undefined;
        if (!isAskedAgain) return;
        isAskedAgain = false;
        wake();
      });
  }

  async function lookForWork(): Promise<void> {
    cancelTimer?.();
    cancelTimer = undefined;
    const unfinished = await queue.unfinished();
    if (stopping.signal.aborted) return;
    // Another gateway may have ended it.
    for (const id of resting.keys()) if (!unfinished.some((batch) => batch.id === id)) resting.delete(id);
    if (unfinished.length === 0 && !isShared) {
      if (jobs.size === 0) {
        lock?.release();
        lock = undefined;
      }
      return;
    }
    lock ??= await tryLock();
    if (stopping.signal.aborted) return;
    if (lock !== undefined) await begin(unfinished);
    for (const { job } of jobs.values()) job.look();
    plan();
  }

  function plan(): void {
    if (stopping.signal.aborted) return;
    cancelTimer?.();
    cancelTimer = clock.after(LOOK_EVERY_MS, wake);
  }

  /** The oldest first, but a tenant's second one after the first ones of the others. */
  async function begin(unfinished: readonly UnfinishedBatch[]): Promise<void> {
    for (let round = 1; round <= MAX_JOBS_OF_TENANT; round++) {
      for (const record of unfinished) {
        const held = [...jobs.values()].filter(({ tenant }) => tenant === record.tenant).length;
        const { untilMs = 0, live } = resting.get(record.id) ?? {};
        // One that is cancelled has nothing more to wait for, unless it fails.
        const isResting = untilMs > clock.now() && (live === undefined || record.status !== "cancelling");
        if (jobs.size >= MAX_JOBS) return;
        if (held < round && !jobs.has(record.id) && !isResting) await start(record);
      }
    }
  }

  function rest(id: string, error: unknown): void {
    const before = resting.get(id)?.failures ?? 0;
    // A full disk is nothing that a batch does.
    const failures = isDisks(error) ? before : before + 1;
    const ms = isDisks(error) ? REST_MS : Math.min(MAX_REST_MS, REST_MS * 2 ** before);
    resting.set(id, { untilMs: clock.now() + ms, failures });
  }

  /** A rest ends with the batch's window, unless that is over. */
  function untilBefore(untilMs: number, endMs: number): number {
    return clock.now() < endMs ? Math.min(untilMs, endMs) : untilMs;
  }

  async function start({ id, tenant }: UnfinishedBatch): Promise<void> {
    const record = await queue.get(id);
    if (record === undefined || stopping.signal.aborted) return;
    const endMs = clock.now() + record.endsMs - options.now();
    const job = createJob(record, doorFor(record.keyId ?? undefined, restsUntilMs(record)));
    const ended = job
      .run(stopping.signal)
      .then((untilMs) => {
        if (untilMs === undefined) resting.delete(id);
        else resting.set(id, { untilMs: untilBefore(untilMs, endMs), failures: 0, live: job.live() });
      })
      .catch(async (error: unknown) => {
        if (stopping.signal.aborted) return;
        rest(id, error);
        const { failures } = resting.get(id) ?? { failures: 0 };
        logger.error({ batch: id, err: error, failures }, "a batch could not go on; it is tried again");
        if (failures >= MAX_FAILURES || options.now() >= record.endsMs) await job.giveUp();
      })
      .catch((error: unknown) => logger.error({ batch: id, err: error }, "a batch could not be given up"))
      .finally(() => {
        jobs.delete(id);
        wake();
      });
    jobs.set(id, { job, tenant, ended });
  }

  return {
    wake,
    look: (id) => jobs.get(id)?.job.look(),
    live: (id) => jobs.get(id)?.job.live() ?? resting.get(id)?.live,
    async stop() {
      stopping.abort(new Error("The gateway stops."));
      cancelTimer?.();
      await looking;
      await Promise.all([...jobs.values()].map(({ ended }) => ended));
      lock?.release();
      lock = undefined;
    },
  };
}
