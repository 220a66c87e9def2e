import { calcPrice, type ModelPrice } from "@pydantic/genai-prices";
import type { Work } from "../generation/cost.ts";
import { type Price, priceTokens } from "./price.ts";

/** What work costs by the table, in US dollars; undefined where it doesn't have the model. */
export type Listed = (work: Work) => number | undefined;

/** Some providers have other prices at night. */
const REFRESH_MS = 60_000;

/**
 * The table's price of a model of the server at `baseUrl`. A server that the table doesn't know has no prices, since the same model costs
 * something else elsewhere.
 *
 * @param model the server's own name for it
 */
export function listedPrice(baseUrl: string, model: string, now: () => number = Date.now): Listed {
  let untilMs = Number.NEGATIVE_INFINITY;
  let price: Listed = () => undefined;

  function look(): Listed {
    const find = ({ prompt, cached, completion }: Work) =>
      calcPrice({ input_tokens: prompt, cache_read_tokens: cached, output_tokens: completion }, model, {
        providerApiUrl: baseUrl,
        timestamp: new Date(now()),
      });
    const found = find({ prompt: 0, cached: 0, completion: 0 });
    if (found === null) return () => undefined;
    const plain = plainPrice(found.model_price);
    // The table's own arithmetic takes 60 µs, and is needed only where long prompts have another price.
    return plain === undefined ? (work) => find(work)?.total_price : (work) => priceTokens(plain, work);
  }

  return (work) => {
    if (now() >= untilMs) {
      price = look();
      untilMs = now() + REFRESH_MS;
    }
    return price(work);
  };
}

/** Undefined if the price depends on the number of tokens. */
function plainPrice(prices: ModelPrice): Price | undefined {
  const { input_mtok: input = 0, output_mtok: output = 0, cache_read_mtok: cachedInput = input } = prices;
  const isPlain = typeof input === "number" && typeof output === "number" && typeof cachedInput === "number";
  return isPlain ? { input, output, cachedInput } : undefined;
}
