import { type FileHandle, open } from "node:fs/promises";
import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import type { BatchQueue, BatchRecord, BatchStatus, LiveBatch } from "../store/batches.ts";
import type { Door } from "./attempt.ts";
import { createBeginning } from "./begin.ts";
import type { Elsewhere } from "./elsewhere/remote.ts";
import type { Stage, StageOptions } from "./elsewhere/stage.ts";
import { createEnding } from "./end.ts";
import { type Ledger, type OutputFile, openLedger } from "./ledger.ts";
import { doneOf, type Progress, readProgress } from "./progress.ts";
import { createRate, type Rate } from "./rate.ts";
import { type Place, readLines } from "./read-lines.ts";
import { createRequests } from "./requests.ts";
import { createRoom } from "./room.ts";
import { skipDone } from "./skip-done.ts";

export type Job = {
  readonly live: () => LiveBatch;
  /** The status may have been changed from outside. */
  readonly look: () => void;
  /**
   * Resolves when the batch has ended, or was left as it is because the signal was aborted. With a time of the clock if all its requests are
   * refused until then: it is to be run again.
   */
  readonly run: (signal: AbortSignal) => Promise<number | undefined>;
  /** Ends the batch with what is recorded, because it can't be run. */
  readonly giveUp: () => Promise<void>;
};

export type JobOptions = {
  readonly record: BatchRecord;
  readonly queue: BatchQueue;
  /** The path of a file, by its id. */
  readonly prepare: (id: string) => Promise<string>;
  readonly removeFile: (id: string) => Promise<void>;
  /** Opens the input. */
  readonly openInput?: (path: string) => Promise<FileHandle>;
  /** Opens a file to be written. */
  readonly openOutput?: (path: string) => Promise<OutputFile>;
  readonly door: Door;
  /** Headers that the endpoint needs. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What other servers do of it, and what makes that; absent if they do nothing. */
  readonly elsewhere?: JobElsewhere | undefined;
  /** How many requests a model runs at once. */
  readonly parallel: (model: string | undefined) => number;
  readonly maxLineBytes: number;
  readonly maxLines: number;
  /** How large the files of a key may be together, with the results of its batches. */
  readonly maxTenantBytes: () => number;
  /** When the files of a batch that ends now expire. */
  readonly filesEndMs: (body: string, nowMs: number) => number;
  readonly clock: Clock;
  /** The time in Unix ms. */
  readonly now: () => number;
  readonly logger: Logger;
};

type JobElsewhere = Pick<StageOptions, "segments" | "bounds"> & {
  readonly of: Elsewhere;
  readonly createStage: (options: StageOptions) => Stage;
};

/** Servers are told to stop when a batch is given up; they are not waited for longer. */
const ABANDON_MS = 10_000;

/** How long a batch rests whose key's files have no more room. */
const FULL_REST_MS = 10_000;

export function createJob(options: JobOptions): Job {
  const { record, queue, prepare, maxLineBytes, clock, logger } = options;
  const { id } = record;
  const { openInput: openToRead = open, openOutput = openToWrite } = options;
  let ledger: Ledger | undefined;
  let rate: Rate | undefined;
  const work = new AbortController();
  const room = createRoom({ queue, id, maxBytes: options.maxTenantBytes, clock });
  const beginning = createBeginning({ ...options, open: openToRead });
  const requests = createRequests({
    ...options,
    ...{ id, endpoint: record.endpoint, endsMs: record.endsMs, work, room },
    isCancelled: () => queue.statusOf(id) !== "in_progress",
  });
  const ending = createEnding({ ...options, openOutput });
  let stage: Stage | undefined;

  function look(): void {
    stopIfCancelled(queue.statusOf(id));
    requests.nudge();
  }

  function stopIfCancelled(status: BatchStatus | undefined): void {
    if (status === undefined || status === "cancelling") work.abort(new Error("The batch was cancelled."));
  }

  async function run(signal: AbortSignal): Promise<number | undefined> {
    look();
    const input = await beginning.openInput();
    if (input === undefined) return undefined;
    const files: OutputFile[] = [];
    try {
      const isReady = record.progress !== null || (await beginning.validate(input, signal, work.signal));
      if (!isReady) return undefined;
      const progress = progressOf(queue, record);
      if (progress === undefined) return undefined;
      for (const name of [record.outputFile, record.errorFile]) files.push(await openOutput(await prepare(name)));
      const [output, error] = files;
      if (output === undefined || error === undefined) return undefined;
      return await runLines({ input, output, error, progress, signal });
    } finally {
      await Promise.all([input, ...files].map((file) => file.close().catch(() => {})));
    }
  }

  type Running = {
    readonly input: FileHandle;
    readonly output: OutputFile;
    readonly error: OutputFile;
    readonly progress: Progress;
    readonly signal: AbortSignal;
  };

  async function runLines({ input, output, error, progress, signal }: Running): Promise<number | undefined> {
    const ends = new Map<number, number>([[progress.next.line - 1, progress.next.offset]]);
    const speed = createRate(doneOf(progress), progress.perSecond ?? undefined, clock.now);
    rate = speed;
    const book = await openLedger({
      ...{ output, error, progress, signal, clock },
      record(next) {
        const status = queue.record(id, JSON.stringify({ ...next, perSecond: speed.perSecond() ?? null }));
        speed.note(doneOf(next));
        stopIfCancelled(status);
      },
      placeOf(line): Place | undefined {
        const offset = ends.get(line - 1);
        if (offset === undefined) return undefined;
        for (const known of ends.keys()) {
          if (known >= line - 1) break;
          ends.delete(known);
        }
        return { line, offset };
      },
      onChange: requests.nudge,
      onPause: (reason) => logger.error({ batch: id, err: reason }, "a batch waits: its results can't be stored"),
    });
    ledger = book;
    const make = (lines: ReturnType<typeof skipDone>) => requests.make({ lines, book, rate: speed, signal });
    stage = openStage(make);
    // Also where all lines have a result: the server may still have files of it.
    const staged = await stage?.run({ input, book, ends, signal });
    if (typeof staged === "object" && "untilMs" in staged) return staged.untilMs;
    const { next, beyond } = book.progress;
    const rest = skipDone(readLines(input, next, maxLineBytes), new Set(beyond), ends);
    const end = typeof staged === "object" ? staged.end : await make(rest);
    if (end === "stopped") return undefined;
    if (end === "full") return clock.now() + FULL_REST_MS;
    if (end === "refused") return requests.backMs();
    if (end !== "completed") await ending.fillUp({ input, book, ends, fate: end });
    await ending.finish(end, book);
    return undefined;
  }

  /** Undefined if no other server may have any of it. */
  function openStage(make: StageOptions["make"]): Stage | undefined {
    const { elsewhere } = options;
    return elsewhere?.createStage({
      ...{ ...options, ...elsewhere, elsewhere: elsewhere.of, room, make },
      model: () => modelOf(queue.get(id)),
      isCancelled: () => queue.statusOf(id) !== "in_progress",
    });
  }

  async function giveUp(): Promise<void> {
    const left = stage ?? openStage(async () => "stopped");
    await left
      ?.abandon(AbortSignal.timeout(ABANDON_MS))
      .catch((error: unknown) => logger.warn({ batch: id, err: error }, "an upstream may still work on a batch"));
    await ending.giveUp();
  }

  return {
    look,
    run,
    giveUp,
    live() {
      const elsewhere = ledger && stage?.live(ledger.progress);
      return {
        // What another server does comes all at once.
        perSecond: elsewhere === undefined ? rate?.perSecond() : undefined,
        secondsLeft: elsewhere === undefined ? ledger && rate?.secondsLeft(ledger.progress.total) : undefined,
        pausedFor: ledger?.writer.pausedFor ?? room.reason() ?? stage?.trouble() ?? requests.pausedFor(),
        ...(elsewhere && { elsewhere }),
      };
    },
  };
}

/** The model of all of its requests; undefined if they have several. */
function modelOf(record: BatchRecord | undefined): string | undefined {
  const { model }: { model?: unknown } = Object(JSON.parse(record?.body ?? "{}"));
  return typeof model === "string" ? model : undefined;
}

/** What is recorded now, which may be newer than the record. */
function progressOf(queue: BatchQueue, { id, progress }: BatchRecord): Progress | undefined {
  if (progress !== null) return readProgress(progress);
  const stored = queue.get(id)?.progress;
  return stored == null ? undefined : readProgress(stored);
}

/** Without emptying it. */
async function openToWrite(path: string): Promise<OutputFile> {
  const created = await open(path, "a", 0o600);
  await created.close();
  return open(path, "r+");
}
