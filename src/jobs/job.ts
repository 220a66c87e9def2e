import type { Logger } from "pino";
import type { Door } from "../batch/attempt.ts";
import { createValidation, failWithoutInput, RUNNING } from "../batch/begin.ts";
import type { Job } from "../batch/job.ts";
import type { Ledger } from "../batch/ledger.ts";
import { createRate, type Rate } from "../batch/rate.ts";
import { type Input, readLines } from "../batch/read-lines.ts";
import { createRequests } from "../batch/requests.ts";
import type { Clock } from "../clock.ts";
import type { BatchRecord } from "../store/batches.ts";
import type { BatchRow } from "./batch-rows.ts";
import type { SharedQueue } from "./batches.ts";
import { createBlockIndex } from "./block-index.ts";
import { createSharedRoom, openBook } from "./book.ts";
import { type Claims, createClaims, LEASE_MS, type Situation } from "./claims.ts";
import { createSharedEnding } from "./end.ts";
import { createPatience, type Patience } from "./patience.ts";
import type { SharedStore } from "./store.ts";

export type SharedJobOptions = {
  readonly record: BatchRecord;
  readonly store: SharedStore;
  readonly queue: SharedQueue;
  /** This gateway's id. */
  readonly gateway: string;
  /** Undefined if the file is gone. */
  readonly inputOf: (id: string) => Promise<Input | undefined>;
  readonly door: Door;
  /** How many requests a model runs at once. */
  readonly parallel: (model: string | undefined) => number;
  readonly maxLineBytes: number;
  readonly maxLines: number;
  readonly maxTenantBytes: () => number;
  readonly maxAllBytes: number;
  /** When the files of a batch that ends now expire. */
  readonly filesEndMs: (body: string, nowMs: number) => number;
  readonly clock: Clock;
  /** The time in Unix ms. */
  readonly now: () => number;
  readonly logger: Logger;
};

const RENEW_MS = LEASE_MS / 3;

/** How long a gateway leaves a batch alone in which nothing is to be taken now. */
const AGAIN_MS = 1_000;

/** How long a batch rests for whose results there is no room. */
const FULL_REST_MS = 10_000;

/** A line may be read so far before it begins. */
const MAX_AHEAD = 512;

/** One gateway's part in a batch: it takes lines that nobody has, until there are none. Whoever writes the last result ends the batch. */
export function createSharedJob(options: SharedJobOptions): Job {
  const { store, queue, gateway, inputOf, clock, now, logger } = options;
  const { id, endpoint, endsMs } = options.record;
  const work = new AbortController();
  let situation: Situation | undefined;
  let claims: Claims | undefined;
  let book: ReturnType<typeof openBook> | undefined;
  let rate: Rate | undefined;
  let patience: Patience | undefined;
  let isOver = false;
  let cancelBeat: (() => void) | undefined;
  const room = createSharedRoom({ ...options, situation: () => situation });
  const requests = createRequests({
    ...options,
    ...{ id, endpoint, endsMs, work, room, readsAhead: (waiting) => waiting < aheadOf(situation) },
    isCancelled: () => situation?.status !== "in_progress",
  });
  const ending = createSharedEnding(options);

  const pausedFor = () => book?.writer.pausedFor ?? patience?.reason() ?? room.reason() ?? requests.pausedFor();

  function hear(is: Situation): void {
    situation = is;
    rate?.note(doneOf(is));
    // Validated or not, it goes on only in these.
    if (is.status !== "in_progress" && is.status !== "validating") work.abort(new Error("The batch was cancelled."));
    requests.nudge();
  }

  async function renew(own: Claims): Promise<void> {
    const is = await own.renew(rate?.perSecond(), pausedFor() ?? "");
    if (book === undefined) hear(is);
    else book.note(is);
  }

  /** Until it is over. */
  function beat(own: Claims): void {
    cancelBeat?.();
    renew(own)
      // While Redis is down nobody can take anything either.
      .catch(() => {})
      .finally(() => {
        if (!isOver) cancelBeat = clock.after(RENEW_MS, () => beat(own));
      });
  }

  async function run(signal: AbortSignal): Promise<number | undefined> {
    const patient = createPatience(signal, clock);
    patience = patient;
    const row = await patient.wait(() => queue.find(id));
    if (row === undefined || !RUNNING.includes(row.record.status)) return undefined;
    const own = createClaims(store, { id, tenant: row.tenant }, gateway);
    claims = own;
    beat(own);
    try {
      const input = await patient.wait(() => inputOf(row.record.inputFile));
      if (input === undefined) {
        await patient.wait(() => failWithoutInput(options));
        return undefined;
      }
      const waits: Input = { read: (...given) => patient.wait(() => input.read(...given)) };
      const isReady = (row.isIndexed && row.record.progress !== null) || (await prepare(row, waits, own, signal));
      if (!isReady) return clock.now() + AGAIN_MS;
      return await runLines(row, waits, own, signal);
    } finally {
      isOver = true;
      cancelBeat?.();
      // If this fails, they run out.
      await own.leave().catch(() => {});
    }
  }

  /** Returns whether there are lines to run. */
  async function prepare({ record }: BatchRow, input: Input, own: Claims, signal: AbortSignal): Promise<boolean> {
    if ((await patience?.wait(own.takePreparation)) !== true) return false;
    const index = createBlockIndex();
    if (record.status !== "validating" && record.progress !== null) {
      for await (const line of readLines(input, { line: 0, offset: 0 }, options.maxLineBytes)) {
        signal.throwIfAborted();
        index.note(line);
      }
      await patience?.wait(() => own.putIndex(index.index()));
      return true;
    }
    const change: SharedQueue["change"] = async (...given) =>
      (await patience?.wait(() => queue.change(...given))) ?? false;
    const validation = createValidation({
      ...options,
      queue: { change },
      onLine: index.note,
      onValid: async () => patience?.wait(() => own.putIndex(index.index())),
    });
    return validation.validate(input, signal, work.signal);
  }

  async function runLines(row: BatchRow, input: Input, own: Claims, signal: AbortSignal): Promise<number | undefined> {
    const opened = openBook({
      ...{ claims: own, signal, clock, onSituation: hear, onChange: requests.nudge },
      onPause: (reason) => logger.error({ batch: id, err: reason }, "a batch waits: its results can't be stored"),
    });
    book = opened;
    await patience?.wait(() => renew(own));
    const speed = createRate(situation === undefined ? 0 : doneOf(situation), row.perSecond, clock.now);
    rate = speed;
    if (fateNow() === undefined) {
      const end = await requests.make({ lines: linesOf(input, own), book: opened, rate: speed, signal });
      if (end === "stopped") return undefined;
      if (end === "full") return clock.now() + FULL_REST_MS;
      if (end === "refused") return requests.backMs();
    }
    const fate = fateNow();
    if (fate !== undefined) await fillUp(fate, input, own, opened);
    const is = situation;
    if (is?.status === undefined) return undefined;
    if (doneOf(is) >= is.total && (await patience?.wait(() => ending.finish(is))) === true) return undefined;
    return clock.now() + AGAIN_MS;
  }

  function fateNow(): "cancelled" | "expired" | undefined {
    if (situation?.status === "cancelling") return "cancelled";
    return now() >= endsMs ? "expired" : undefined;
  }

  async function fillUp(fate: "cancelled" | "expired", input: Input, own: Claims, opened: Ledger): Promise<void> {
    // Its own first, of which some lines have not begun.
    await patience?.wait(own.leave);
    await ending.fillUp(fate, linesOf(input, own), opened);
  }

  async function* linesOf(input: Input, own: Claims) {
    for (;;) {
      const block = await patience?.wait(own.claim);
      if (block === undefined) return;
      let left = block.lines;
      for await (const line of readLines(input, block, options.maxLineBytes)) {
        if (block.open.has(line.line)) yield line;
        left -= 1;
        if (left === 0) break;
      }
      if (left > 0) throw new Error("The batch's input has fewer lines than when it was validated.");
    }
  }

  return {
    look: () => claims !== undefined && !isOver && beat(claims),
    run,
    giveUp: ending.giveUp,
    live: () => ({
      perSecond: rate?.perSecond(),
      secondsLeft: situation && rate?.secondsLeft(situation.total),
      pausedFor: pausedFor(),
    }),
  };
}

function doneOf({ counts }: Situation): number {
  return counts.completed + counts.failed + counts.expired + counts.cancelled;
}

/** Fewer towards the end, so that others have some too. */
function aheadOf(situation: Situation | undefined): number {
  if (situation === undefined) return 1;
  const left = situation.total - doneOf(situation);
  return Math.min(MAX_AHEAD, Math.max(1, Math.ceil(left / (4 * Math.max(1, situation.workers)))));
}
