import type { CostOf, Work } from "../generation/cost.ts";

/** What tokens cost, in US dollars per million. */
export type Price = {
  readonly input: number;
  readonly output: number;
  /** Of prompt tokens that the server had already; as `input` if absent. */
  readonly cachedInput?: number | undefined;
};

/** What the tokens cost, in US dollars. */
export function priceTokens(
  { input, output, cachedInput = input }: Price,
  { prompt, cached, completion }: Work,
): number {
  return (input * (prompt - cached) + cachedInput * cached + output * completion) / 1e6;
}

/**
 * What work at another server costs. The operator's own price goes before what the server tells with its answer, and that before the table.
 *
 * @param own the price in the settings
 * @param listed the price in the table, in US dollars
 * @param batchDiscount by which part batches are cheaper than these two prices; what the server tells is what it takes
 */
export function costElsewhere(
  own: Price | undefined,
  listed: (work: Work) => number | undefined,
  batchDiscount = 0,
): CostOf {
  const usual = (work: Work) => {
    const money = own === undefined ? listed(work) : priceTokens(own, work);
    return money === undefined || work.isBatch !== true ? money : money * (1 - batchDiscount);
  };
  return (work) => {
    const money = own === undefined ? (work.told ?? usual(work)) : usual(work);
    return money === undefined ? undefined : { money };
  };
}
