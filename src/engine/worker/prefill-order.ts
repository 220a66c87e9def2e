import { leastGiven, NO_SHARES, type Shares, withTenants, withWork } from "../../fairness/shares.ts";
import type { Sequence } from "./sequence.ts";

/** Of so many chunks that a tenant gets, one goes to its oldest prompt. */
const OLDEST_EVERY = 4;

/** What every tenant with prompts was given so far; plain data, which nothing here changes. */
export type PrefillOrder = {
  readonly shares: Shares;
  /** How often each tenant's turn came, counted on from all turns of the time when it came. */
  readonly turns: ReadonlyMap<string, number>;
  /** How often a prompt was chosen. */
  readonly chunks: number;
};

export const NOBODY_SERVED: PrefillOrder = { shares: NO_SHARES, turns: new Map(), chunks: 0 };

/**
 * The sequence that has the next chunk, undefined where no prompt is left, and the order after that choice.
 *
 * Chunks are dealt among the tenants that have prompts: each goes to the tenant that was given least. Within a tenant it goes to the prompt
 * that has least left, so that a short question does not wait for a long document; but every fourth goes to the oldest, so that the
 * document gets on.
 */
export function nextPrompt(
  order: PrefillOrder,
  oldestFirst: Iterable<Sequence>,
): { readonly sequence: Sequence | undefined; readonly order: PrefillOrder } {
  const prompts = Map.groupBy(unfinished(oldestFirst), ({ request }) => request.tenant);
  const shares = withTenants(order.shares, prompts);
  const chunks = order.chunks + 1;
  const turns = new Map([...prompts.keys()].map((tenant) => [tenant, order.turns.get(tenant) ?? order.chunks]));
  const tenant = leastGiven(shares);
  if (tenant === undefined) return { sequence: undefined, order: { shares, turns, chunks } };
  const mine = prompts.get(tenant) ?? [];
  const turn = turns.get(tenant) ?? 0;
  turns.set(tenant, turn + 1);
  const sequence =
    turn % OLDEST_EVERY === OLDEST_EVERY - 1
      ? mine[0]
      : mine.reduce((least, each) => (tokensLeft(each) < tokensLeft(least) ? each : least));
  return { sequence, order: { shares, turns, chunks } };
}

/** The order after a chunk of so many tokens was evaluated. */
export function charge(order: PrefillOrder, { request }: Sequence, tokens: number): PrefillOrder {
  return { ...order, shares: withWork(order.shares, request.tenant, request.priority, tokens) };
}

function* unfinished(sequences: Iterable<Sequence>): Iterable<Sequence> {
  for (const sequence of sequences) if (tokensLeft(sequence) > 0) yield sequence;
}

function tokensLeft({ prefill, slot }: Sequence): number {
  return prefill.length - (slot?.tokens.length ?? 0);
}
