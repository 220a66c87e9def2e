import type { Clock } from "../clock.ts";
import type { BatchQueue } from "../store/batches.ts";
import type { Ledger } from "./ledger.ts";

/** The room that a batch's key has for files. */
export type Room = {
  /** Whether its key's files, with the results of its batches, are as large as they may be. */
  readonly isFull: (book: Ledger) => boolean;
  /** Why no more requests are made, in a sentence; undefined if they are. */
  readonly reason: () => string | undefined;
};

export type RoomOptions = {
  readonly queue: Pick<BatchQueue, "storedBytes">;
  /** The batch's. */
  readonly id: string;
  /** Read at each use. */
  readonly maxBytes: () => number;
  readonly clock: Clock;
};

/** How often the key's other files are counted. */
const COUNT_EVERY_MS = 2_000;

export function createRoom({ queue, id, maxBytes, clock }: RoomOptions): Room {
  let countAgainMs = Number.NEGATIVE_INFINITY;
  /** What is stored beside this batch's results. */
  let others = 0;
  let reason: string | undefined;

  return {
    isFull({ progress: { outputBytes, errorBytes }, writer: { waitingBytes } }) {
      const own = outputBytes + errorBytes;
      if (clock.now() >= countAgainMs) {
        countAgainMs = clock.now() + COUNT_EVERY_MS;
        others = queue.storedBytes(id) - own;
      }
      const isFull = others + own + waitingBytes >= maxBytes();
      reason = isFull
        ? `the files of its key, with the results of its batches, take the ${maxBytes()} bytes that they may; delete some`
        : undefined;
      return isFull;
    },
    reason: () => reason,
  };
}
