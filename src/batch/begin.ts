import type { FileHandle } from "node:fs/promises";
import type { BatchMoment, BatchQueue, BatchRecord, BatchStatus } from "../store/batches.ts";
import type { Either } from "../store/shelf.ts";
import { newProgress } from "./progress.ts";
import type { Input, Line } from "./read-lines.ts";
import { validateInput } from "./validate.ts";

/** The statuses of batches that have not ended. */
export const RUNNING: readonly BatchStatus[] = ["validating", "in_progress", "finalizing", "cancelling"];

export type ValidationOptions = {
  readonly record: BatchRecord;
  readonly queue: Pick<Either<BatchQueue>, "change">;
  readonly maxLineBytes: number;
  readonly maxLines: number;
  /** Hears of each line that is read. */
  readonly onLine?: (line: Line) => void;
  /** Called when all lines are requests, before the batch is in progress. */
  readonly onValid?: () => Promise<void>;
  /** The time in Unix ms. */
  readonly now: () => number;
};

export type BeginningOptions = ValidationOptions & {
  /** The path of a file, by its id. */
  readonly prepare: (id: string) => Promise<string>;
  /** Opens the input. */
  readonly open: (path: string) => Promise<FileHandle>;
};

/** A batch's first steps: its input is opened, and checked to its end before its first request. */
export type Beginning = Validation & {
  /** Undefined, and the batch has failed, if it is gone. */
  readonly openInput: () => Promise<FileHandle | undefined>;
};

export type Validation = {
  /**
   * Returns whether there is something to run; if not, the batch has failed or was cancelled, or the gateway stops.
   *
   * @param stopping the gateway stops
   * @param cancelled the batch was cancelled
   */
  readonly validate: (input: Input, stopping: AbortSignal, cancelled: AbortSignal) => Promise<boolean>;
};

/** The moment that a batch has with a status. */
export function momentOf(status: BatchStatus): BatchMoment {
  return `${status}_ms` as BatchMoment;
}

export function createValidation(options: ValidationOptions): Validation {
  const { record, queue, maxLineBytes, maxLines, onLine, onValid, now } = options;
  const { id, endpoint } = record;

  async function validate(input: Input, stopping: AbortSignal, cancelled: AbortSignal): Promise<boolean> {
    const signal = AbortSignal.any([stopping, cancelled]);
    try {
      signal.throwIfAborted();
      const { lines, faults, model } = await validateInput(input, {
        ...{ endpoint, maxLineBytes, maxLines, signal },
        ...(onLine && { onLine }),
      });
      if (faults.length > 0) {
        const errors = { object: "list", data: faults };
        const change = { to: "failed", moment: "failed_ms", atMs: now(), more: JSON.stringify({ errors }) } as const;
        if (!(await queue.change(id, ["validating"], change))) await cancelUnread();
        return false;
      }
      await onValid?.();
      const progress = JSON.stringify(newProgress(lines));
      const more = JSON.stringify({ model });
      const begun = { to: "in_progress", moment: "in_progress_ms", atMs: now(), progress, more } as const;
      const isReady = await queue.change(id, ["validating"], begun);
      if (!isReady) await cancelUnread();
      return isReady;
    } catch (error) {
      if (stopping.aborted) return false;
      if (!cancelled.aborted) throw error;
      await cancelUnread();
      return false;
    }
  }

  /** It was cancelled before it began: none of its lines is known. */
  async function cancelUnread(): Promise<void> {
    await queue.change(id, ["cancelling"], { to: "cancelled", moment: "cancelled_ms", atMs: now() });
  }

  return { validate };
}

/** Ends a batch whose input is gone. */
export async function failWithoutInput({ record, queue, now }: Pick<ValidationOptions, "record" | "queue" | "now">) {
  const data = [{ code: "missing_file", message: "The input file is gone.", param: "input_file_id", line: null }];
  const more = JSON.stringify({ errors: { object: "list", data } });
  await queue.change(record.id, RUNNING, { to: "failed", moment: "failed_ms", atMs: now(), more });
}

export function createBeginning(options: BeginningOptions): Beginning {
  const { record, prepare, open } = options;

  async function openInput(): Promise<FileHandle | undefined> {
    try {
      return await open(await prepare(record.inputFile));
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
      await failWithoutInput(options);
      return undefined;
    }
  }

  return { openInput, ...createValidation(options) };
}
