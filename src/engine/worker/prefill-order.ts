import { leastGiven, NO_SHARES, type Shares, withTenants, withWork } from "../../fairness/shares.ts";
import type { Sequence } from "./sequence.ts";

/** One in this many chunks of a tenant goes to its oldest prompt. */
const OLDEST_EVERY = 4;

/** How much every tenant with prompts has been given. Immutable. */
export type PrefillOrder = {
  readonly shares: Shares;
  /** How many chunks each tenant has had, starting at the total count when the tenant arrived. */
  readonly turns: ReadonlyMap<string, number>;
  /** How many chunks were given in total. */
  readonly chunks: number;
};

export const NOBODY_SERVED: PrefillOrder = { shares: NO_SHARES, turns: new Map(), chunks: 0 };

/**
 * The sequence that gets the next chunk, and the order after that choice. The sequence is undefined if no prompt is left.
 *
 * Each chunk goes to the tenant that was given least. Within a tenant it goes to the prompt with the fewest tokens left, so that a short
 * prompt doesn't wait for a long one. Every fourth chunk goes to the oldest prompt, so that long prompts advance, too.
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

/** The order after a chunk of `tokens` tokens was evaluated. */
export function charge(order: PrefillOrder, { request }: Sequence, tokens: number): PrefillOrder {
  return { ...order, shares: withWork(order.shares, request.tenant, request.priority, tokens) };
}

function* unfinished(sequences: Iterable<Sequence>): Iterable<Sequence> {
  for (const sequence of sequences) if (tokensLeft(sequence) > 0) yield sequence;
}

function tokensLeft({ prefill, slot }: Sequence): number {
  return prefill.length - (slot?.tokens.length ?? 0);
}
