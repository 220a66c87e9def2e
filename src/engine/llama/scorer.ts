import type { Score, Scorer } from "../contract/native.ts";
import type { NativeBindings, NativeContext, NativeModel } from "./binding.ts";

/** OpenAI's value for a practically impossible token. A logit may be minus infinity, which JSON can't express. */
const LEAST_LOGPROB = -9999;

/**
 * Reads log-probabilities with samplers that don't change the logits: a greedy one for the sum over the whole vocabulary, and a top-k one for
 * the most likely tokens, because sorting the whole vocabulary would take ten times as long.
 */
export function createScorer(
  context: NativeContext,
  model: NativeModel,
  bindings: NativeBindings,
  topCount: number,
): Scorer {
  const whole = new bindings.AddonSampler(model);
  whole.applyConfig({ temperature: 0 });
  const best = topCount > 0 ? new bindings.AddonSampler(model) : undefined;
  best?.applyConfig({ temperature: 1, topK: topCount, seed: 0 });

  async function mostLikely(logitIndex: number): Promise<readonly Pair[]> {
    if (best === undefined) return [];
    const filter = [[], false, false, false, topCount] as const;
    const [, , , logits] = await context.sampleToken(logitIndex, best, false, false, filter, false);
    return pairs(logits);
  }

  return {
    async score(logitIndex, token) {
      const asked = mostLikely(logitIndex);
      const chosen = await token;
      if (chosen === undefined) {
        await asked;
        return undefined;
      }
      // `includeSelected` adds the greedy choice, which has the largest logit.
      const filter = [[chosen], false, false, true, 0] as const;
      const [[, , , logits, weight], top] = await Promise.all([
        context.sampleToken(logitIndex, whole, false, false, filter, true),
        asked,
      ]);
      const found = pairs(logits);
      const largest = Math.max(...found.map(({ logit }) => logit));
      const normalizer = largest + Math.log(weight ?? Number.NaN);
      const score = ({ token, logit }: Pair): Score => ({ token, logprob: bounded(logit - normalizer) });
      const own = found.find((pair) => pair.token === chosen) ?? { token: chosen, logit: Number.NaN };
      return { ...score(own), top: top.map(score) };
    },
    dispose() {
      whole.dispose();
      best?.dispose();
    },
  };
}

type Pair = { readonly token: number; readonly logit: number };

/** The binding's flat list: token, logit, token, logit. */
function pairs(flat: readonly number[] | undefined): Pair[] {
  const found: Pair[] = [];
  for (let index = 0; flat !== undefined && index + 1 < flat.length; index += 2) {
    found.push({ token: flat[index] ?? Number.NaN, logit: flat[index + 1] ?? Number.NaN });
  }
  return found;
}

/** Limits a log-probability to the range from `LEAST_LOGPROB` to 0; NaN becomes `LEAST_LOGPROB`. */
function bounded(logprob: number): number {
  return logprob >= LEAST_LOGPROB ? Math.min(0, logprob) : LEAST_LOGPROB;
}
