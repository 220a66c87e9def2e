import type { Generate } from "./layer.ts";
import type { ModelText } from "./model.ts";

/**
 * A backend that says how long the prompt is and generates nothing. Below the same layers as a model's engine it is asked for the very prompt
 * that the engine would get.
 */
export function measurePrompts(text: Pick<ModelText, "countTokens">): Generate {
  return async function* measure({ prompt, tools }) {
    yield { type: "started", promptTokens: await text.countTokens(prompt, tools?.tools), cachedTokens: 0 };
  };
}
