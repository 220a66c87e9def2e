import type { FileHandle } from "node:fs/promises";
import type { BatchMoment, BatchQueue, BatchRecord, BatchStatus } from "../store/batches.ts";
import { newProgress } from "./progress.ts";
import { validateInput } from "./validate.ts";

/** The statuses of batches that have not ended. */
export const RUNNING: readonly BatchStatus[] = ["validating", "in_progress", "finalizing", "cancelling"];

export type BeginningOptions = {
  readonly record: BatchRecord;
  readonly queue: BatchQueue;
  /** The path of a file, by its id. */
  readonly prepare: (id: string) => Promise<string>;
  /** Opens the input. */
  readonly open: (path: string) => Promise<FileHandle>;
  readonly maxLineBytes: number;
  readonly maxLines: number;
  /** The time in Unix ms. */
  readonly now: () => number;
};

/** A batch's first steps: its input is opened, and checked to its end before its first request. */
export type Beginning = {
  /** Undefined, and the batch has failed, if it is gone. */
  readonly openInput: () => Promise<FileHandle | undefined>;
  /**
   * Returns whether there is something to run; if not, the batch has failed or was cancelled, or the gateway stops.
   *
   * @param stopping the gateway stops
   * @param cancelled the batch was cancelled
   */
  readonly validate: (input: FileHandle, stopping: AbortSignal, cancelled: AbortSignal) => Promise<boolean>;
};

/** The moment that a batch has with a status. */
export function momentOf(status: BatchStatus): BatchMoment {
  return `${status}_ms` as BatchMoment;
}

export function createBeginning(options: BeginningOptions): Beginning {
  const { record, queue, prepare, open, maxLineBytes, maxLines, now } = options;
  const { id, endpoint } = record;

  async function validate(input: FileHandle, stopping: AbortSignal, cancelled: AbortSignal): Promise<boolean> {
    const signal = AbortSignal.any([stopping, cancelled]);
    try {
      signal.throwIfAborted();
      const { lines, faults, model } = await validateInput(input, { endpoint, maxLineBytes, maxLines, signal });
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
      if (stopping.aborted) return false;
      if (!cancelled.aborted) throw error;
      cancelUnread();
      return false;
    }
  }

  /** It was cancelled before it began: none of its lines is known. */
  function cancelUnread(): void {
    queue.change(id, ["cancelling"], { to: "cancelled", moment: "cancelled_ms", atMs: now() });
  }

  async function openInput(): Promise<FileHandle | undefined> {
    try {
      return await open(await prepare(record.inputFile));
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
      const data = [{ code: "missing_file", message: "The input file is gone.", param: "input_file_id", line: null }];
      const more = JSON.stringify({ errors: { object: "list", data } });
      queue.change(id, RUNNING, { to: "failed", moment: "failed_ms", atMs: now(), more });
      return undefined;
    }
  }

  return { openInput, validate };
}
