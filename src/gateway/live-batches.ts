import type { Batches } from "../batch/open.ts";
import type { LiveBatch } from "../live/snapshot.ts";
import { summarizeBatch } from "../protocols/batches/summary.ts";
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
        if (batch === undefined) return [];
        return [{ ...summarizeBatch(batch, live(id)), key: batch.keyId === null ? "local" : nameOf(batch.keyId) }];
      });
  } catch {
    return [];
  }
}
