import type { FileHandle } from "node:fs/promises";
import type { Clock } from "../clock.ts";
import type { StateError } from "../store/errors.ts";
import { advance, type Progress } from "./progress.ts";
import type { Place } from "./read-lines.ts";
import { createWriter, type Entry, type Writer } from "./writer.ts";

/** Results that may wait to be written before no more requests begin. */
export const MAX_UNWRITTEN = 256;

/** The bytes that they may have. Those of requests that run are added. */
export const MAX_UNWRITTEN_BYTES = 32 * 1024 * 1024;

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
  readonly writer: Writer;
  /** What is recorded. */
  readonly progress: Progress;
};

export async function openLedger(options: LedgerOptions): Promise<Ledger> {
  const { output, error, record, placeOf } = options;
  let { progress } = options;
  await Promise.all([output.truncate(progress.outputBytes), error.truncate(progress.errorBytes)]);

  /** A place that was not recorded is written again, from its beginning. */
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

  const writer = createWriter({ ...options, write });
  return {
    writer,
    get progress() {
      return progress;
    },
  };
}

async function writeAt(file: OutputFile, bytes: Buffer, from: number): Promise<void> {
  for (let at = 0; at < bytes.byteLength; ) {
    const { bytesWritten } = await file.write(bytes, at, bytes.byteLength - at, from + at);
    at += bytesWritten;
  }
}
