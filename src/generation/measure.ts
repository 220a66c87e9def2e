import type { Generate } from "./layer.ts";
import type { ModelText } from "./model.ts";
import { OWN_TERMS } from "./terms.ts";

/**
 * Returns a backend that counts the prompt's tokens and generates nothing. Below the layers of a model's engine it gets the same prompt as
 * the engine would.
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

/** The same with the prompt's price. A prompt that doesn't fit is an error here, and is not fully counted. */
export function pricePrompts(text: Pick<ModelText, "price">): Generate {
  return async function* price({ prompt, tools, signal, terms = OWN_TERMS }) {
    yield {
      type: "started",
      ...(await text.price(prompt, tools?.tools, { tenant: terms.tenant, priority: terms.priority, signal })),
    };
  };
}
