import type { Ledger } from "../batch/ledger.ts";
import { newProgress, type Progress } from "../batch/progress.ts";
import type { Room } from "../batch/room.ts";
import { createWriter, type Entry } from "../batch/writer.ts";
import type { Clock } from "../clock.ts";
import type { StateError } from "../store/errors.ts";
import type { Claims, Situation } from "./claims.ts";

export type BookOptions = {
  readonly claims: Claims;
  /** Hears how the batch is when results were written. */
  readonly onSituation: (situation: Situation) => void;
  readonly onChange: () => void;
  readonly onPause: (reason: StateError) => void;
  readonly signal: AbortSignal;
  readonly clock: Clock;
};

/** Redis does nothing else while it writes a group. */
const MAX_GROUP_BYTES = 1024 * 1024;
const MAX_GROUP = 256;

/** Writes results to Redis, in groups. */
export function openBook({ claims, onSituation, ...options }: BookOptions): Ledger & { note(is: Situation): void } {
  let progress = newProgress(0);

  function note(situation: Situation): void {
    progress = progressOf(situation);
    onSituation(situation);
  }

  async function write(entries: readonly Entry[]): Promise<void> {
    // A group that was written before a later one failed is sent again, which changes nothing.
    for (const group of groupsOf(entries)) note(await claims.commit(group));
  }

  const writer = createWriter({ ...options, write });
  return {
    writer,
    note,
    get progress() {
      return progress;
    },
  };
}

function progressOf({ total, counts, outputBytes, errorBytes }: Situation): Progress {
  return { ...newProgress(total), counts, outputBytes, errorBytes };
}

function* groupsOf(entries: readonly Entry[]): Generator<readonly Entry[]> {
  let group: Entry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const own = Buffer.byteLength(entry.text);
    if (group.length > 0 && (group.length >= MAX_GROUP || bytes + own > MAX_GROUP_BYTES)) {
      yield group;
      [group, bytes] = [[], 0];
    }
    group.push(entry);
    bytes += own;
  }
  if (group.length > 0) yield group;
}

export type SharedRoomOptions = {
  /** Undefined before it is known. */
  readonly situation: () => Situation | undefined;
  /** How large the files of a key may be together, with the results of its batches. */
  readonly maxTenantBytes: () => number;
  /** How large all files together may be. */
  readonly maxAllBytes: number;
};

/** The room that is left in Redis for a batch's results. */
export function createSharedRoom({ situation, maxTenantBytes, maxAllBytes }: SharedRoomOptions): Room {
  let reason: string | undefined;

  return {
    isFull({ writer: { waitingBytes } }) {
      const { tenantBytes = 0, allBytes = 0 } = situation() ?? {};
      reason =
        tenantBytes + waitingBytes >= maxTenantBytes()
          ? `the files of its key, with the results of its batches, take the ${maxTenantBytes()} bytes that they may; delete some`
          : allBytes + waitingBytes >= maxAllBytes
            ? `the files that the gateways share take the ${maxAllBytes} bytes that they may; delete some`
            : undefined;
      return reason !== undefined;
    },
    reason: () => reason,
  };
}
