import type { Generate } from "./layer.ts";
import type { ModelText } from "./model.ts";
import { OWN_TERMS } from "./terms.ts";

/**
 * A backend that says how long the prompt is and generates nothing. Below the same layers as a model's engine it is asked for the very prompt
 * that the engine would get.
 */
export function measurePrompts(text: Pick<ModelText, "countTokens">): Generate {
  return async function* measure({ prompt, tools, signal, terms = OWN_TERMS }) {
    const promptTokens = await text.countTokens(prompt, tools?.tools, {
      tenant: terms.tenant,
      priority: terms.priority,
      signal,
    });
    yield { type: "started", promptTokens, cachedTokens: 0 };
  };
}

/** The same with the prompt's price: what does not fit is an error here, and is not counted to its end. */
export function pricePrompts(text: Pick<ModelText, "price">): Generate {
  return async function* price({ prompt, tools, signal, terms = OWN_TERMS }) {
    yield {
      type: "started",
      ...(await text.price(prompt, tools?.tools, { tenant: terms.tenant, priority: terms.priority, signal })),
    };
  };
}
