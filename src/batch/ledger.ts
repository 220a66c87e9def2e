import type { FileHandle } from "node:fs/promises";
import type { Clock } from "../clock.ts";
import { StateError } from "../store/errors.ts";
import { pause } from "./attempt.ts";
import { advance, type BatchUsage, type LineFate, type Progress } from "./progress.ts";
import type { Place } from "./read-lines.ts";

/** Results that may wait to be written before no more requests begin. */
export const MAX_UNWRITTEN = 256;

/** A line that is done, to be written. */
export type Entry = {
  readonly line: number;
  readonly fate: LineFate;
  readonly isError: boolean;
  /** The line of the output, without its end. */
  readonly text: string;
  readonly usage?: BatchUsage | undefined;
};

/** A file that only grows, to be written at any place. */
export type OutputFile = Pick<FileHandle, "write" | "datasync" | "truncate" | "close">;

export type LedgerOptions = {
  readonly output: OutputFile;
  readonly error: OutputFile;
  readonly progress: Progress;
  /** Stores how far the batch is, in one transaction. */
  readonly record: (progress: Progress) => void;
  /** Where a line begins. */
  readonly placeOf: (line: number) => Place | undefined;
  /** Called when lines have been recorded, and when writing stops or goes on. */
  readonly onChange: () => void;
  readonly onPause: (reason: StateError) => void;
  /** Ends the waits for a disk. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
};

/**
 * Writes each line that is done exactly once. A group of lines is appended and synced, then one transaction records the files' sizes with the
 * lines that are in them. Whatever a killed process wrote beyond the recorded sizes is cut off by the next one, which runs those lines again.
 */
export type Ledger = {
  /** What is recorded. */
  readonly progress: Progress;
  /** Lines that are done and not recorded. */
  readonly waiting: number;
  /** About how many bytes they have. */
  readonly waitingBytes: number;
  /** Why writing has stopped, in a sentence for clients; it is tried again by itself. */
  readonly pausedFor: string | undefined;
  readonly add: (entry: Entry) => void;
  /** Resolves when all that was added is recorded. Rejects if it can't be. */
  readonly settled: () => Promise<void>;
};

/** How often a full or failing disk is tried again. */
const RETRY_MS = 2_000;

export async function openLedger(options: LedgerOptions): Promise<Ledger> {
  const { output, error, record, placeOf, onChange, onPause, signal, clock } = options;
  let { progress } = options;
  let queue: Entry[] = [];
  let writing: Promise<void> = Promise.resolve();
  let isWriting = false;
  let taken = 0;
  let waitingBytes = 0;
  let pausedFor: string | undefined;
  await Promise.all([output.truncate(progress.outputBytes), error.truncate(progress.errorBytes)]);

  async function write(entries: readonly Entry[]): Promise<void> {
    const pieces = entries.map((entry) => ({ entry, bytes: Buffer.from(`${entry.text}\n`) }));
    for (const [file, isError, from] of [
      [output, false, progress.outputBytes],
      [error, true, progress.errorBytes],
    ] as const) {
      const own = pieces.filter(({ entry }) => entry.isError === isError).map(({ bytes }) => bytes);
      if (own.length === 0) continue;
      await writeAt(file, Buffer.concat(own), from);
      await file.datasync();
    }
    const done = pieces.map(({ entry: { line, fate, isError, usage }, bytes }) => ({
      ...{ line, fate, isError, usage },
      bytes: bytes.byteLength,
    }));
    const next = advance(progress, done, placeOf);
    record(next);
    progress = next;
  }

  /** A place that was not recorded is written again, from its beginning. */
  async function writeUntilItWorks(entries: readonly Entry[]): Promise<void> {
    for (;;) {
      try {
        await write(entries);
        pausedFor = undefined;
        return;
      } catch (failure) {
        if (!isDisks(failure)) throw failure;
        const reason = failure instanceof StateError ? failure.forClients : FULL;
        if (pausedFor === undefined) onPause(failure instanceof StateError ? failure : new StateError("", FULL));
        pausedFor = reason;
        onChange();
        await pause(RETRY_MS, signal, clock);
      }
    }
  }

  async function drain(): Promise<void> {
    while (queue.length > 0) {
      const entries = queue;
      queue = [];
      taken = entries.length;
      await writeUntilItWorks(entries);
      taken = 0;
      waitingBytes -= entries.reduce((sum, { text }) => sum + text.length, 0);
      onChange();
    }
  }

  return {
    get progress() {
      return progress;
    },
    get waiting() {
      return queue.length + taken;
    },
    get waitingBytes() {
      return waitingBytes;
    },
    get pausedFor() {
      return pausedFor;
    },
    add(entry) {
      queue.push(entry);
      waitingBytes += entry.text.length;
      if (isWriting) return;
      isWriting = true;
      // What is done in this turn goes in one group.
      writing = Promise.resolve()
        .then(drain)
        .finally(() => {
          isWriting = false;
        });
      writing.catch(() => onChange());
    },
    settled: () => writing,
  };
}

const FULL = "the disk is full or can't be written; free some space";

/** Whether the disk failed, or the state on it. */
export function isDisks(failure: unknown): boolean {
  return failure instanceof StateError || (failure instanceof Error && "syscall" in failure);
}

async function writeAt(file: OutputFile, bytes: Buffer, from: number): Promise<void> {
  for (let at = 0; at < bytes.byteLength; ) {
    const { bytesWritten } = await file.write(bytes, at, bytes.byteLength - at, from + at);
    at += bytesWritten;
  }
}
