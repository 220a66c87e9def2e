import type { UpstreamModel, UpstreamSettings } from "../config/upstreams.ts";
import type { CostOf } from "../generation/cost.ts";
import { costElsewhere } from "../prices/price.ts";

type ListedPrice = typeof import("../prices/table.ts").listedPrice;

/** A server by an address, or by a name without a dot, is the operator's own, and the table has no prices of it. */
const OWN_HOST = /^(\[.*\]|[\d.]+|[^.]+)$/;

/** Loads the table of prices if one of the upstreams may be in it: that takes 0.1 s. */
export async function loadPrices(upstreams: readonly UpstreamSettings[]): Promise<ListedPrice | undefined> {
  const isNeeded = upstreams.some(({ baseUrl }) => !OWN_HOST.test(new URL(baseUrl).hostname));
  return isNeeded ? (await import("../prices/table.ts")).listedPrice : undefined;
}

/** What work costs at a model of an upstream. @param listedPrice the table of prices, if it is loaded */
export function costAt(upstream: UpstreamSettings, model: UpstreamModel, listedPrice: ListedPrice | undefined): CostOf {
  const listed = listedPrice?.(upstream.baseUrl, model.name);
  return costElsewhere(model.price ?? upstream.price, listed ?? (() => undefined), discountOf(upstream));
}

/** OpenAI's price list takes half for what is in a batch. */
const OPENAI_DISCOUNT = 0.5;

function discountOf({ kind, batchDiscount }: UpstreamSettings): number {
  return batchDiscount ?? (kind === "openai" ? OPENAI_DISCOUNT : 0);
}
