import { type FileHandle, open } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import type { BatchMoment, BatchQueue, BatchRecord, BatchStatus } from "../store/batches.ts";
import type { FileRecord } from "../store/files.ts";
import { attempt, type Door, type Wait } from "./attempt.ts";
import { type Ledger, type OutputFile, openLedger } from "./ledger.ts";
import { isFault, parseLine } from "./line.ts";
import { createLookAhead } from "./look-ahead.ts";
import { doneOf, newProgress, type Progress, readProgress } from "./progress.ts";
import { createRate, type Rate } from "./rate.ts";
import { type Line, type Place, readLines } from "./read-lines.ts";
import { answered, unanswered } from "./results.ts";
import { createRoom } from "./room.ts";
import { validateInput } from "./validate.ts";

/** What is known of a batch that runs, beside what is stored. */
export type LiveBatch = {
  /** Lines a second; undefined while unknown. */
  readonly perSecond: number | undefined;
  readonly secondsLeft: number | undefined;
  /** Why it waits, in a sentence; undefined if it doesn't. */
  readonly pausedFor: string | undefined;
};

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

/** A line may be done this far before the first that is not. */
const MAX_AHEAD = 512;
/** The bytes of lines that were read and have not begun. */
const MAX_AHEAD_BYTES = 32 * 1024 * 1024;
/** Results that may wait to be written before no more requests begin. */
const MAX_UNWRITTEN = 256;

/** How long a batch rests whose key's files have no more room. */
const FULL_REST_MS = 10_000;

/** Longer times don't fit into a timer. The runner looks every few seconds in any case. */
const MAX_TIMER_MS = 1_000_000_000;

const GIVEN_UP = "The server failed again and again while it worked on this batch; its log says more.";

const RUNNING: readonly BatchStatus[] = ["validating", "in_progress", "finalizing", "cancelling"];

/** Why a batch makes no more requests. */
type End = "completed" | "expired" | "cancelled" | "stopped" | "refused" | "full";

export function createJob(options: JobOptions): Job {
  const { record, queue, prepare, removeFile, door, clock, now, logger } = options;
  const { id, endpoint, maxLineBytes, maxLines } = { ...record, ...options };
  const { openInput: openToRead = open, openOutput = openToWrite } = options;
  let ledger: Ledger | undefined;
  let rate: Rate | undefined;
  const room = createRoom({ queue, id, maxBytes: options.maxTenantBytes, clock });
  /** The requests that were refused, and wait. */
  const refused = new Map<number, Wait>();
  let underWay = 0;
  let wake = Promise.withResolvers<void>();
  /** Ends the validation and the requests, but not the writing of what is done. */
  const work = new AbortController();

  function look(): void {
    const status = queue.statusOf(id);
    if (status === undefined || status === "cancelling") work.abort(new Error("The batch was cancelled."));
    nudge();
  }

  function nudge(): void {
    wake.resolve();
    wake = Promise.withResolvers();
  }

  const moment = (to: BatchStatus) => `${to}_ms` as BatchMoment;
  const isCancelled = () => queue.statusOf(id) !== "in_progress";

  /** Returns whether there is something to run. */
  async function validate(input: FileHandle, signal: AbortSignal): Promise<boolean> {
    const stop = AbortSignal.any([signal, work.signal]);
    try {
      stop.throwIfAborted();
      const { lines, faults, model } = await validateInput(input, { endpoint, maxLineBytes, maxLines, signal: stop });
      if (faults.length > 0) {
        const errors = { object: "list", data: faults };
        const change = { to: "failed", moment: "failed_ms", atMs: now(), more: JSON.stringify({ errors }) } as const;
        if (!queue.change(id, ["validating"], change)) cancelUnread();
        return false;
      }
      const progress = JSON.stringify(newProgress(lines));
      const more = JSON.stringify({ model });
      const begun = { to: "in_progress", moment: "in_progress_ms", atMs: now(), progress, more } as const;
      const isReady = queue.change(id, ["validating"], begun);
      if (!isReady) cancelUnread();
      return isReady;
    } catch (error) {
      if (signal.aborted) return false;
      if (!work.signal.aborted) throw error;
      cancelUnread();
      return false;
    }
  }

  /** It was cancelled before it began: none of its lines is known. */
  function cancelUnread(): void {
    queue.change(id, ["cancelling"], { to: "cancelled", moment: "cancelled_ms", atMs: now() });
  }

  /** Undefined, and the batch has failed, if it is gone. */
  async function openInput(): Promise<FileHandle | undefined> {
    try {
      return await openToRead(await prepare(record.inputFile));
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
      const data = [{ code: "missing_file", message: "The input file is gone.", param: "input_file_id", line: null }];
      const more = JSON.stringify({ errors: { object: "list", data } });
      queue.change(id, RUNNING, { to: "failed", moment: "failed_ms", atMs: now(), more });
      return undefined;
    }
  }

  async function run(signal: AbortSignal): Promise<number | undefined> {
    look();
    const input = await openInput();
    if (input === undefined) return undefined;
    const files: OutputFile[] = [];
    try {
      const isReady = record.progress !== null || (await validate(input, signal));
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
        if (status === undefined || status === "cancelling") work.abort(new Error("The batch was cancelled."));
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
      onChange: nudge,
      onPause: (reason) => logger.error({ batch: id, err: reason }, "a batch waits: its results can't be stored"),
    });
    ledger = book;
    const lines = readLines(input, progress.next, maxLineBytes);
    const rest = skipDone(lines, new Set(progress.beyond), ends);
    const end = await makeRequests(rest, book, signal);
    if (end === "stopped") return undefined;
    if (end === "full") return clock.now() + FULL_REST_MS;
    if (end === "refused") return Math.min(...[...refused.values()].map(({ untilMs }) => untilMs));
    if (end !== "completed") await fillUp({ input, book, ends, fate: end });
    await finish(end, book);
    return undefined;
  }

  /** Makes the requests of all lines, several at once. Resolves when none runs and all that are done are recorded. */
  async function makeRequests(lines: AsyncGenerator<Line>, book: Ledger, signal: AbortSignal): Promise<End> {
    const waiting = createLookAhead();
    const requests = AbortSignal.any([signal, work.signal]);
    const running = new Set<Promise<void>>();
    let isAllRead = false;
    let newest = book.progress.next.line;
    const cancelTimer = clock.after(Math.min(MAX_TIMER_MS, Math.max(0, record.endsMs - now())), nudge);
    const onStop = () => nudge();
    signal.addEventListener("abort", onStop);
    if (isCancelled()) work.abort(new Error("The batch was cancelled."));

    const endOf = (): End | undefined => {
      if (signal.aborted) return "stopped";
      if (work.signal.aborted) return "cancelled";
      if (now() >= record.endsMs) return "expired";
      return isAllRead && waiting.size === 0 && running.size === 0 && book.waiting === 0 ? "completed" : undefined;
    };

    const isRefused = () =>
      underWay > 0 && book.waiting === 0 && [...refused.values()].filter(isLong).length === underWay;

    async function readAhead(): Promise<void> {
      while (!isAllRead && newest < book.progress.next.line + MAX_AHEAD && waiting.bytes < MAX_AHEAD_BYTES) {
        const { value: line, done } = await lines.next();
        if (done === true) {
          isAllRead = true;
          return;
        }
        newest = line.line;
        const read = parseLine(line, endpoint, maxLineBytes);
        // It was a request when it was validated.
        if (isFault(read)) book.add(unanswered({ line: line.line, customId: "" }, "failed"));
        else waiting.add({ ...read, line: line.line, offset: line.offset, bytes: line.end - line.offset });
      }
    }

    function begin(): boolean {
      const next = waiting.peek();
      if (next === undefined || requests.aborted || book.pausedFor !== undefined) return false;
      if (book.waiting >= MAX_UNWRITTEN || room.isFull(book)) return false;
      // One more than run, so that the next is there when one ends.
      if (running.size > options.parallel(next.model)) return false;
      waiting.take();
      underWay += 1;
      const request = attempt({
        ...{ door, path: endpoint, body: next.body, signal: requests, clock },
        onWait(wait) {
          if (wait === undefined) refused.delete(next.line);
          else refused.set(next.line, wait);
          nudge();
        },
        ...(options.headers && { headers: options.headers }),
      }).then(
        (answer) => book.add(answered(next, answer)),
        (error: unknown) => {
          if (requests.aborted) return;
          logger.error({ batch: id, err: error }, "a batch's request failed");
          book.add(unanswered(next, "failed"));
        },
      );
      const settled = request.finally(() => {
        running.delete(settled);
        underWay -= 1;
        nudge();
      });
      running.add(settled);
      return true;
    }

    let end: End | undefined;
    try {
      for (;;) {
        const changed = wake.promise;
        end = endOf();
        if (end !== undefined) break;
        await readAhead();
        if (begin()) continue;
        end = endOf();
        if (end === undefined && isRefused()) end = "refused";
        if (end === undefined && running.size === 0 && book.waiting === 0 && room.reason() !== undefined) end = "full";
        if (end !== undefined) break;
        await Promise.race([changed, book.settled().then(() => changed)]);
      }
    } finally {
      cancelTimer();
      signal.removeEventListener("abort", onStop);
      if (end !== "completed") work.abort(new Error("The batch makes no more requests."));
      await Promise.all(running);
    }
    if (end !== "stopped") await book.settled();
    else await book.settled().catch(() => {});
    return end;
  }

  /** Gives a result to each line that has none. */
  async function fillUp(given: {
    readonly input: FileHandle;
    readonly book: Ledger;
    readonly ends: Map<number, number>;
    readonly fate: "expired" | "cancelled";
  }): Promise<void> {
    const { input, book, ends, fate } = given;
    const { next, beyond } = book.progress;
    for await (const line of skipDone(readLines(input, next, maxLineBytes), new Set(beyond), ends)) {
      const read = parseLine(line, endpoint, maxLineBytes);
      book.add(unanswered({ line: line.line, customId: isFault(read) ? "" : read.customId }, fate));
      if (book.waiting >= MAX_UNWRITTEN) await book.settled();
      else if (line.line % 64 === 0) await setImmediate();
    }
    await book.settled();
  }

  /** The files that are its tenant's when it has ended. */
  function filesOf(progress: Progress, atMs: number): FileRecord[] {
    const files: FileRecord[] = [];
    for (const [fileId, bytes, name] of [
      [record.outputFile, progress.outputBytes, "output"],
      [record.errorFile, progress.errorBytes, "error"],
    ] as const) {
      if (bytes === 0 || record.kind === "anthropic") continue;
      const filename = `${id}_${name}.jsonl`;
      files.push({
        id: fileId,
        createdMs: atMs,
        expiresMs: options.filesEndMs(record.body, atMs),
        bytes,
        filename,
        purpose: "batch_output",
      });
    }
    return files;
  }

  async function giveUp(): Promise<void> {
    const status = queue.statusOf(id);
    const atMs = now();
    const to = status === "cancelling" ? "cancelled" : atMs >= record.endsMs ? "expired" : "failed";
    const data = [{ code: "server_error", message: GIVEN_UP, param: null, line: null }];
    const more = JSON.stringify({ errors: { object: "list", data } });
    const progress = recordedOf(queue, id) ?? newProgress(0);
    await cutOff(progress).catch((error: unknown) => logger.error({ batch: id, err: error }, "results are left uncut"));
    const files = filesOf(progress, atMs);
    queue.change(id, RUNNING, { to, moment: moment(to), atMs, more, files });
    logger.error({ batch: id, status: to }, "a batch that can't be run was given up");
    await removeUnused(progress);
  }

  /** Removes what was written and not recorded. */
  async function cutOff({ outputBytes, errorBytes }: Progress): Promise<void> {
    for (const [fileId, bytes] of [
      [record.outputFile, outputBytes],
      [record.errorFile, errorBytes],
    ] as const) {
      if (bytes === 0) continue;
      const file = await openOutput(await prepare(fileId));
      await file.truncate(bytes).finally(() => file.close());
    }
  }

  async function removeUnused({ outputBytes, errorBytes }: Progress): Promise<void> {
    if (outputBytes === 0) await removeFile(record.outputFile);
    if (errorBytes === 0) await removeFile(record.errorFile);
    // Nobody else knows of this file.
    if (record.kind === "anthropic") await removeFile(record.inputFile);
  }

  async function finish(end: Exclude<End, "stopped" | "refused" | "full">, { progress }: Ledger): Promise<void> {
    const more = JSON.stringify({ finalizing_ms: now() });
    const atMs = now();
    const files = filesOf(progress, atMs);
    queue.change(id, RUNNING, { to: end, moment: moment(end), atMs, more, files });
    await removeUnused(progress);
    logger.info({ batch: id, status: end, ...progress.counts }, "a batch has ended");
  }

  function reasonOf(): string | undefined {
    const [wait] = refused.values();
    if (wait === undefined || refused.size < underWay) return undefined;
    return `its requests are refused for now (status ${wait.status}); they are made again when the refusals say`;
  }

  return {
    look,
    run,
    giveUp,
    live() {
      const perSecond = rate?.perSecond();
      const left = ledger && ledger.progress.total - doneOf(ledger.progress);
      return {
        perSecond,
        secondsLeft: perSecond === undefined || left === undefined || perSecond <= 0 ? undefined : left / perSecond,
        pausedFor: ledger?.pausedFor ?? room.reason() ?? reasonOf(),
      };
    },
  };
}

/** What is recorded now, which may be newer than the record. */
function progressOf(queue: BatchQueue, { id, progress }: BatchRecord): Progress | undefined {
  if (progress !== null) return readProgress(progress);
  const stored = queue.get(id)?.progress;
  return stored == null ? undefined : readProgress(stored);
}

function isLong(wait: Wait): boolean {
  return wait.isLong;
}

/** How far a batch is, as far as that can be read. */
function recordedOf(queue: BatchQueue, id: string): Progress | undefined {
  try {
    return readProgress(queue.get(id)?.progress ?? "");
  } catch {
    return undefined;
  }
}

/** Notes where all lines end, and leaves out those that are done. */
async function* skipDone(
  lines: AsyncGenerator<Line>,
  done: ReadonlySet<number>,
  ends: Map<number, number>,
): AsyncGenerator<Line> {
  for await (const line of lines) {
    ends.set(line.line, line.end);
    if (!done.has(line.line)) yield line;
  }
}

/** Without emptying it. */
async function openToWrite(path: string): Promise<OutputFile> {
  const created = await open(path, "a", 0o600);
  await created.close();
  return open(path, "r+");
}
