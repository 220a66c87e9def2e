import type { Batches } from "../batch/open.ts";
import type { LiveBatch } from "../live/snapshot.ts";
import { summarizeBatch } from "../protocols/batches/summary.ts";
import type { BatchRecord } from "../store/batches.ts";
import type { State } from "../store/state.ts";

/** More are not told. */
const MAX_BATCHES = 64;

/** The batches of all keys that have not ended, the oldest first. None while the state can't be read: nobody's look at the gateway ends for that. */
export function listLiveBatches(
  state: Pick<State, "exists" | "batchQueue">,
  { live }: Pick<Batches, "live">,
  nameOf: (keyId: string) => string,
): LiveBatch[] {
  try {
    if (!state.exists()) return [];
    return state.batchQueue
      .unfinished()
      .slice(0, MAX_BATCHES)
      .flatMap(({ id }) => {
        const batch = state.batchQueue.get(id);
        return batch === undefined ? [] : [describe(batch, live(id), nameOf)];
      });
  } catch {
    return [];
  }
}

/** The same of those that gateways share, as far as they are known. */
export function listSharedBatches(
  known: readonly BatchRecord[],
  { live }: Pick<Batches, "live">,
  nameOf: (keyId: string) => string,
): LiveBatch[] {
  return known.slice(0, MAX_BATCHES).map((batch) => describe(batch, batch.live ?? live(batch.id), nameOf));
}

function describe(batch: BatchRecord, live: ReturnType<Batches["live"]>, nameOf: (keyId: string) => string): LiveBatch {
  return { ...summarizeBatch(batch, live), key: batch.keyId === null ? "local" : nameOf(batch.keyId) };
}
