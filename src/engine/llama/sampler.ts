import type { Sampler } from "../contract/native.ts";
import type { WordBans } from "./bans.ts";
import type { NativeContext, NativeSampler } from "./binding.ts";
import type { Constraint } from "./constraint.ts";
import { createDrawBudget, type DrawClock } from "./draw-clock.ts";
import type { SamplerConfig, SamplerConfigFor } from "./sampling.ts";

/** How many tokens are tried that lead past a trigger into text that the grammar refuses, before the generation ends. */
const MAX_REDRAWS = 16;

/** How many tokens are tried that would end a word which is not to be in the answer, before the generation ends. */
const MAX_WORD_REDRAWS = 64;

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
 * Draws like `createSampler`, and nothing that ends one of `words`.
 *
 * @param configBanning the configurations with these tokens banned besides
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

/** The configurations of a sampler that a grammar holds, and the words that it doesn't write. */
type ConstrainedConfigs = {
  /** The configurations with these tokens banned besides. */
  readonly configBanning: (tokens: readonly number[]) => SamplerConfigFor;
  readonly words: WordBans | undefined;
};

/**
 * Draws like `createSampler`, and only what the grammar allows once it holds. While it holds, a bad word is kept out as far as its usual
 * tokens go: the grammar's state takes what is drawn, and can't take it back.
 *
 * @param silentTokens what the grammar must not be spelled with
 * @param clock that of the context
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
  /** Nothing may follow. The state that refused a token must not be used again: llama.cpp would end the process. */
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
