import type { Priority } from "../../generation/terms.ts";
import type { Sequence } from "./sequence.ts";

/** Of so many chunks that a tenant gets, one goes to its oldest prompt. */
const OLDEST_EVERY = 4;

/** How many prompt tokens of each class cost a tenant the same. */
export const PREFILL_WEIGHTS: Readonly<Record<Priority, number>> = { interactive: 4, default: 2, batch: 1 };

/** Says whose prompt is evaluated next. */
export type PrefillOrder = {
  /** The sequence that has the next chunk; undefined where no prompt is left. */
  next(oldestFirst: Iterable<Sequence>): Sequence | undefined;
  /** Takes in that a chunk of so many tokens was evaluated. */
  charge(sequence: Sequence, tokens: number): void;
};

/** Kept of a tenant for as long as it has prompts. */
type Account = {
  /** Weighted tokens, counted on from where the clock was when the tenant came. */
  spent: number;
  /** Chunks, counted on from all chunks of that time. */
  chunks: number;
};

/**
 * Deals chunks among the tenants that have prompts: each goes to the tenant that has spent least. Within a tenant it goes to the prompt
 * that has least left, so that a short question does not wait for a long document; but every fourth goes to the oldest, so that the
 * document gets on.
 *
 * A tenant that comes has spent as much as the others have on average, by a clock that also counts what those who left have spent. So
 * nobody has credit for idle times, and a stream of newcomers can't keep a tenant from its turn.
 */
export function createPrefillOrder(): PrefillOrder {
  const accounts = new Map<string, Account>();
  let clock = 0;
  let chunks = 0;

  function settle(tenants: ReadonlyMap<string, unknown>): void {
    for (const tenant of accounts.keys()) if (!tenants.has(tenant)) accounts.delete(tenant);
    // Without anybody to compare with, it begins anew.
    const least = Math.min(...Array.from(accounts.values(), ({ spent }) => spent));
    clock = accounts.size === 0 ? 0 : Math.max(clock, least);
    for (const tenant of tenants.keys()) if (!accounts.has(tenant)) accounts.set(tenant, { spent: clock, chunks });
  }

  return {
    next(oldestFirst) {
      const prompts = Map.groupBy(unfinished(oldestFirst), ({ request }) => request.tenant);
      settle(prompts);
      chunks += 1;
      let next: readonly [string, Account] | undefined;
      // Of equals the latest comes first: it has waited for a chunk already, the one during which it came.
      for (const entry of accounts) if (next === undefined || entry[1].spent <= next[1].spent) next = entry;
      if (next === undefined) return undefined;
      const [tenant, account] = next;
      const mine = prompts.get(tenant) ?? [];
      if (account.chunks++ % OLDEST_EVERY === OLDEST_EVERY - 1) return mine[0];
      return mine.reduce((least, each) => (tokensLeft(each) < tokensLeft(least) ? each : least));
    },
    charge({ request }, tokens) {
      const account = accounts.get(request.tenant);
      if (account === undefined) return;
      const spent = tokens / PREFILL_WEIGHTS[request.priority];
      account.spent += spent;
      clock += spent / accounts.size;
    },
  };
}

function* unfinished(sequences: Iterable<Sequence>): Iterable<Sequence> {
  for (const sequence of sequences) if (tokensLeft(sequence) > 0) yield sequence;
}

function tokensLeft({ prefill, slot }: Sequence): number {
  return prefill.length - (slot?.tokens.length ?? 0);
}
