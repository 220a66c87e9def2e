import type { Clock } from "../clock.ts";
import { StateError } from "../store/errors.ts";
import { pause } from "./attempt.ts";
import type { BatchUsage, LineFate } from "./progress.ts";

/** A line that is done, to be written. */
export type Entry = {
  readonly line: number;
  readonly fate: LineFate;
  readonly isError: boolean;
  /** The line of the output, without its end. */
  readonly text: string;
  readonly usage?: BatchUsage | undefined;
};

export type WriterOptions = {
  /** Writes a group, whole or not at all. A `StateError`, or one of the file system, is tried again. */
  readonly write: (entries: readonly Entry[]) => Promise<void>;
  /** Called when a group was written, and when writing stops or goes on. */
  readonly onChange: () => void;
  readonly onPause: (reason: StateError) => void;
  /** Ends the waits for room. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
};

/** Writes what is done in groups, one after the other: what comes while one is written is the next. */
export type Writer = {
  /** Lines that are done and not written. */
  readonly waiting: number;
  /** About how many bytes they have. */
  readonly waitingBytes: number;
  /** Why writing has stopped, in a sentence for clients; it is tried again by itself. */
  readonly pausedFor: string | undefined;
  readonly add: (entry: Entry) => void;
  /** Resolves when all that was added is written. Rejects if it can't be. */
  readonly settled: () => Promise<void>;
};

/** How often a full or failing disk is tried again. */
const RETRY_MS = 2_000;

export function createWriter({ write, onChange, onPause, signal, clock }: WriterOptions): Writer {
  let queue: Entry[] = [];
  let writing: Promise<void> = Promise.resolve();
  let isWriting = false;
  let taken = 0;
  let waitingBytes = 0;
  let pausedFor: string | undefined;

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
    try {
      while (queue.length > 0) {
        const entries = queue;
        queue = [];
        taken = entries.length;
        await writeUntilItWorks(entries);
        taken = 0;
        waitingBytes -= entries.reduce((sum, { text }) => sum + text.length, 0);
        onChange();
      }
    } finally {
      // In the turn that found nothing more: what is added a moment later would wait for nobody.
      isWriting = false;
    }
  }

  return {
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
      writing = Promise.resolve().then(drain);
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
