import type { Sampler } from "../worker/backend.ts";
import type { SamplerConfig, SamplerConfigFor } from "../worker/sampling.ts";
import type { NativeContext, NativeSampler } from "./binding.ts";
import type { Constraint } from "./constraint.ts";

/** How many tokens are tried that lead past a trigger into text that the grammar refuses, before the generation ends. */
const MAX_REDRAWS = 16;

/** What the binding says when the token that it drew is not in the grammar: nothing that is was left to draw. */
const REFUSED = "Failed to accept token in sampler";

/** Draws with llama.cpp's chain: bias → penalties → top-k → top-p → min-p → temperature → draw. */
export function createSampler(context: NativeContext, native: NativeSampler, configFor: SamplerConfigFor): Sampler {
  let current: SamplerConfig | undefined;
  return {
    async sample(logitIndex, history) {
      const config = configFor(history);
      if (config !== current) native.applyConfig(config);
      current = config;
      const token = await context.sampleToken(logitIndex, native);
      return token < 0 ? undefined : token;
    },
    accept: () => {},
    dispose: () => native.dispose(),
  };
}

/**
 * Draws like `createSampler`, and only what the grammar allows once it holds.
 *
 * @param configBanning the configurations with these tokens banned besides
 * @param silentTokens what the grammar must not be spelled with
 */
export function createConstrainedSampler(
  context: NativeContext,
  native: NativeSampler,
  configBanning: (tokens: readonly number[]) => SamplerConfigFor,
  constraint: Constraint,
  silentTokens: readonly number[],
): Sampler {
  const free = configBanning([]);
  const held = configBanning(silentTokens);
  /** Nothing may follow. The state that refused a token must not be used again: llama.cpp would end the process. */
  let refused = false;

  async function draw(logitIndex: number): Promise<number | undefined> {
    try {
      const token = await context.sampleToken(logitIndex, native);
      return token < 0 ? undefined : token;
    } catch (error) {
      if (error instanceof Error && error.message.startsWith(REFUSED)) return undefined;
      throw error;
    }
  }

  return {
    async sample(logitIndex, history) {
      const banned: number[] = [];
      while (!refused && banned.length <= MAX_REDRAWS) {
        const { state } = constraint;
        if (state === undefined) native.applyConfig((banned.length === 0 ? free : configBanning(banned))(history));
        else native.applyConfig({ ...held(history), grammarEvaluationState: state });
        const token = await draw(logitIndex);
        if (token === undefined) break;
        if (state !== undefined || constraint.take(token)) return token;
        banned.push(token);
      }
      refused = true;
      return undefined;
    },
    accept(token) {
      if (!constraint.take(token)) refused = true;
    },
    dispose: () => native.dispose(),
  };
}
