import { createMean, createRatio, type Mean, type Ratio } from "./mean.ts";

/** What requests turned out to be, on the whole and of each tenant: lengths of answers, and shares of prompts that a slot still held. */
export type Habits = {
  /** Tokens that a choice of this tenant is likely to bring, if nothing bounds it. */
  outputTokens(tenant: string): number;
  /** How much of this tenant's prompts is usually in a slot already, 0 to 1. */
  cachedShare(tenant: string): number;
  /** How many tokens a prompt of so many characters is likely to have. */
  tokensOf(characters: number): number;
  noteOutput(tenant: string, tokens: number): void;
  /** `characters` is undefined where the prompt came as tokens. */
  notePrompt(tenant: string, prompt: { characters: number | undefined; tokens: number; cachedTokens: number }): void;
};

type Habit = { readonly output: Mean; readonly cached: Ratio };

/** Taken until something was seen: English text, and an answer of a paragraph or two. */
const CHARS_PER_TOKEN = 4;
const OUTPUT_TOKENS = 128;

/** About the last 20 answers and prompts count. */
const NEWEST_WEIGHT = 0.05;
const MEMORY = 0.95;

/** Tenants with habits of their own; beyond that, who came longest ago is taken as everybody. */
const MAX_TENANTS = 1_024;

export function createHabits(): Habits {
  const all = createHabit();
  const charsPerToken = createRatio(MEMORY);
  /** In the order of their last news. */
  const tenants = new Map<string, Habit>();

  function habitOf(tenant: string): Habit {
    const habit = tenants.get(tenant) ?? createHabit();
    tenants.delete(tenant);
    tenants.set(tenant, habit);
    if (tenants.size > MAX_TENANTS) {
      const [oldest] = tenants.keys();
      if (oldest !== undefined) tenants.delete(oldest);
    }
    return habit;
  }

  return {
    outputTokens: (tenant) => tenants.get(tenant)?.output.value ?? all.output.value ?? OUTPUT_TOKENS,
    cachedShare: (tenant) => tenants.get(tenant)?.cached.value ?? all.cached.value ?? 0,
    tokensOf: (characters) => Math.ceil(characters / (charsPerToken.value ?? CHARS_PER_TOKEN)),
    noteOutput(tenant, tokens) {
      all.output.add(tokens);
      habitOf(tenant).output.add(tokens);
    },
    notePrompt(tenant, { characters, tokens, cachedTokens }) {
      if (characters !== undefined && characters > 0) charsPerToken.add(characters, tokens);
      all.cached.add(cachedTokens, tokens);
      habitOf(tenant).cached.add(cachedTokens, tokens);
    },
  };
}

function createHabit(): Habit {
  return { output: createMean(NEWEST_WEIGHT), cached: createRatio(MEMORY) };
}
