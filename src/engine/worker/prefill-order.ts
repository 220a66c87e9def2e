import type { Priority } from "../../generation/terms.ts";
import type { Sequence } from "./sequence.ts";

/** Of so many chunks that a tenant gets, one goes to its oldest prompt. */
const OLDEST_EVERY = 4;

/** How many prompt tokens of each class cost a tenant the same. */
export const PREFILL_WEIGHTS: Readonly<Record<Priority, number>> = { interactive: 4, default: 2, batch: 1 };

/** What every tenant with prompts was given so far; plain data, which nothing here changes. */
export type PrefillOrder = {
  /** In the order in which the tenants came. Kept for as long as they have prompts. */
  readonly accounts: ReadonlyMap<string, Account>;
  /** Weighted tokens that the tenants were given on average. */
  readonly clock: number;
  /** How often a prompt was chosen. */
  readonly chunks: number;
};

type Account = {
  /** Weighted tokens, counted on from where the clock was when the tenant came. */
  readonly spent: number;
  /** Chunks, counted on from all chunks of that time. */
  readonly chunks: number;
};

export const NOBODY_SERVED: PrefillOrder = { accounts: new Map(), clock: 0, chunks: 0 };

/**
 * The sequence that has the next chunk, undefined where no prompt is left, and the order after that choice.
 *
 * Chunks are dealt among the tenants that have prompts: each goes to the tenant that has spent least. Within a tenant it goes to the prompt
 * that has least left, so that a short question does not wait for a long document; but every fourth goes to the oldest, so that the
 * document gets on.
 *
 * A tenant that comes has spent as much as the others have on average, by a clock that also counts what those who left have spent. So
 * nobody has credit for idle times, and a stream of newcomers can't keep a tenant from its turn.
 */
export function nextPrompt(
  order: PrefillOrder,
  oldestFirst: Iterable<Sequence>,
): { readonly sequence: Sequence | undefined; readonly order: PrefillOrder } {
  const prompts = Map.groupBy(unfinished(oldestFirst), ({ request }) => request.tenant);
  const { accounts, clock } = settle(order, prompts);
  const chunks = order.chunks + 1;
  let next: readonly [string, Account] | undefined;
  // Of equals the latest comes first: it has waited for a chunk already, the one during which it came.
  for (const entry of accounts) if (next === undefined || entry[1].spent <= next[1].spent) next = entry;
  if (next === undefined) return { sequence: undefined, order: { accounts, clock, chunks } };
  const [tenant, account] = next;
  const mine = prompts.get(tenant) ?? [];
  const isOldestsTurn = account.chunks % OLDEST_EVERY === OLDEST_EVERY - 1;
  accounts.set(tenant, { ...account, chunks: account.chunks + 1 });
  const sequence = isOldestsTurn
    ? mine[0]
    : mine.reduce((least, each) => (tokensLeft(each) < tokensLeft(least) ? each : least));
  return { sequence, order: { accounts, clock, chunks } };
}

/** The order after a chunk of so many tokens was evaluated. */
export function charge(order: PrefillOrder, { request }: Sequence, tokens: number): PrefillOrder {
  const account = order.accounts.get(request.tenant);
  if (account === undefined) return order;
  const spent = tokens / PREFILL_WEIGHTS[request.priority];
  const accounts = new Map(order.accounts).set(request.tenant, { ...account, spent: account.spent + spent });
  return { ...order, accounts, clock: order.clock + spent / accounts.size };
}

/** Forgets who has no prompts any more, and opens accounts for those who are new. */
function settle({ accounts, clock, chunks }: PrefillOrder, tenants: ReadonlyMap<string, unknown>) {
  const settled = new Map([...accounts].filter(([tenant]) => tenants.has(tenant)));
  // Without anybody to compare with, it begins anew.
  const least = Math.min(...Array.from(settled.values(), ({ spent }) => spent));
  const now = settled.size === 0 ? 0 : Math.max(clock, least);
  for (const tenant of tenants.keys()) if (!settled.has(tenant)) settled.set(tenant, { spent: now, chunks });
  return { accounts: settled, clock: now };
}

function* unfinished(sequences: Iterable<Sequence>): Iterable<Sequence> {
  for (const sequence of sequences) if (tokensLeft(sequence) > 0) yield sequence;
}

function tokensLeft({ prefill, slot }: Sequence): number {
  return prefill.length - (slot?.tokens.length ?? 0);
}
