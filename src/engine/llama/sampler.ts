import type { Sampler } from "../contract/native.ts";
import type { WordBans } from "./bans.ts";
import type { NativeContext, NativeSampler } from "./binding.ts";
import type { Constraint } from "./constraint.ts";
import { createDrawBudget, type DrawClock } from "./draw-clock.ts";
import type { SamplerConfig, SamplerConfigFor } from "./sampling.ts";

/** How many tokens may complete a trigger with text that the grammar refuses before the generation ends. */
const MAX_REDRAWS = 16;

/** How many tokens may complete a banned word before the generation ends. */
const MAX_WORD_REDRAWS = 64;

/** The binding's error if the grammar refuses the sampled token, which means that no allowed token was left. */
const REFUSED = "Failed to accept token in sampler";

/** Samples with llama.cpp's chain: bias → penalties → top-k → top-p → min-p → temperature → random choice. */
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
 * Samples like `createSampler`, but never completes one of `words`.
 *
 * @param configBanning returns the configuration with additional banned tokens
 */
export function createWordlessSampler(
  context: NativeContext,
  native: NativeSampler,
  configBanning: (tokens: readonly number[]) => SamplerConfigFor,
  words: WordBans,
): Sampler {
  return {
    async sample(logitIndex, history) {
      const banned = [...words.next(history)];
      for (let draws = 0; draws <= MAX_WORD_REDRAWS; draws++) {
        native.applyConfig(configBanning(banned)(history));
        const token = await context.sampleToken(logitIndex, native);
        if (token < 0) return undefined;
        if (!words.endsWord(history, token)) return token;
        banned.push(token);
      }
      return undefined;
    },
    accept: () => {},
    dispose: () => native.dispose(),
  };
}

/** The configurations of a sampler with a grammar, and its banned words. */
type ConstrainedConfigs = {
  /** Returns the configuration with additional banned tokens. */
  readonly configBanning: (tokens: readonly number[]) => SamplerConfigFor;
  readonly words: WordBans | undefined;
};

/**
 * Samples like `createSampler`, and only what the grammar allows once it is active. While it is active, a banned word is excluded only in its
 * usual tokenization, because the grammar's state can't take a sampled token back.
 *
 * @param silentTokens control tokens, which must not match the grammar
 * @param clock the context's clock
 */
export function createConstrainedSampler(
  context: NativeContext,
  native: NativeSampler,
  { configBanning, words }: ConstrainedConfigs,
  constraint: Constraint,
  silentTokens: readonly number[],
  clock: DrawClock,
): Sampler {
  const budget = createDrawBudget();
  let fault: string | undefined;
  const free = configBanning([]);
  const held = configBanning(silentTokens);
  const heldAfter = (history: readonly number[]) => {
    const next = words?.next(history) ?? [];
    return (next.length === 0 ? held : configBanning([...silentTokens, ...next]))(history);
  };
  /** Set once no token may follow. A state that refused a token must not be used again: llama.cpp would abort the process. */
  let refused = false;

  async function draw(logitIndex: number): Promise<number | undefined> {
    try {
      const { value: token, ms } = await clock.measure(() => context.sampleToken(logitIndex, native));
      fault = constraint.state === undefined ? undefined : budget.spend(ms);
      return token < 0 || fault !== undefined ? undefined : token;
    } catch (error) {
      if (error instanceof Error && error.message.startsWith(REFUSED)) return undefined;
      throw error;
    }
  }

  return {
    get fault() {
      return fault;
    },
    async sample(logitIndex, history) {
      const banned: number[] = [...(words?.next(history) ?? [])];
      for (let draws = 0; !refused && draws <= (words === undefined ? MAX_REDRAWS : MAX_WORD_REDRAWS); draws++) {
        const { state } = constraint;
        if (state === undefined) native.applyConfig((banned.length === 0 ? free : configBanning(banned))(history));
        else native.applyConfig({ ...heldAfter(history), grammarEvaluationState: state });
        const token = await draw(logitIndex);
        if (token === undefined) break;
        if (state !== undefined) return token;
        if (words?.endsWord(history, token) !== true && constraint.take(token)) return token;
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
