import { createMean, createRatio, type Mean, type Ratio } from "./mean.ts";

/** What requests turned out to be, on the whole and of each tenant: lengths of answers, and shares of prompts that a slot still held. */
export type Habits = {
  /** Tokens that a choice of this tenant is likely to bring, if nothing bounds it. */
  outputTokens(tenant: string): number;
  /** How much of this tenant's prompts is usually in a slot already, 0 to 1. */
  cachedShare(tenant: string): number;
  /** How many tokens a prompt of so many characters is likely to have. */
  tokensOf(characters: number): number;
  /** How much longer requests in this line usually wait than what stands before them takes: others keep coming, and have their share. */
  delay(line: string): number;
  noteOutput(tenant: string, tokens: number): void;
  noteWait(line: string, reckonedMs: number, realMs: number): void;
  /** `characters` is undefined where the prompt came as tokens. */
  notePrompt(tenant: string, prompt: { characters: number | undefined; tokens: number; cachedTokens: number }): void;
};

type Habit = { readonly output: Mean; readonly cached: Ratio };

/** Taken until something was seen: English text, and an answer of a paragraph or two. */
const CHARS_PER_TOKEN = 4;
const OUTPUT_TOKENS = 128;
/** Short prompts are mostly template and say little of what a long one's text comes to, so this much usual text counts beside them. */
const USUAL_TEXT = { above: 1_000 * CHARS_PER_TOKEN, below: 1_000 };

/** Further off than this, an estimate is no estimate. */
const MAX_DELAY = 20;

/** Tenants with habits of their own; beyond that, who came longest ago is taken as everybody. */
const MAX_TENANTS = 1_024;

export function createHabits(): Habits {
  const all = createHabit();
  const charsPerToken = createRatio(USUAL_TEXT);
  const tenants = createRecent(createHabit);
  const delay = createRatio();
  const delays = createRecent(() => createRatio());

  return {
    outputTokens: (tenant) => tenants.peek(tenant)?.output.value ?? all.output.value ?? OUTPUT_TOKENS,
    cachedShare: (tenant) => tenants.peek(tenant)?.cached.value ?? all.cached.value ?? 0,
    tokensOf: (characters) => Math.ceil(characters / (charsPerToken.value ?? CHARS_PER_TOKEN)),
    delay(line) {
      const factor = delays.peek(line)?.value ?? delay.value ?? 1;
      return Math.min(Math.max(factor, 1 / MAX_DELAY), MAX_DELAY);
    },
    noteWait(line, reckonedMs, realMs) {
      delay.add(realMs, reckonedMs);
      delays.take(line).add(realMs, reckonedMs);
    },
    noteOutput(tenant, tokens) {
      all.output.add(tokens);
      tenants.take(tenant).output.add(tokens);
    },
    notePrompt(tenant, { characters, tokens, cachedTokens }) {
      if (characters !== undefined && characters > 0) charsPerToken.add(characters, tokens);
      all.cached.add(cachedTokens, tokens);
      tenants.take(tenant).cached.add(cachedTokens, tokens);
    },
  };
}

/** What is known by name, of the latest `MAX_TENANTS` names. */
function createRecent<T>(create: () => T): { peek(name: string): T | undefined; take(name: string): T } {
  const byName = new Map<string, T>();
  return {
    peek: (name) => byName.get(name),
    take(name) {
      const known = byName.get(name) ?? create();
      byName.delete(name);
      byName.set(name, known);
      const [oldest] = byName.size > MAX_TENANTS ? byName.keys() : [];
      if (oldest !== undefined) byName.delete(oldest);
      return known;
    },
  };
}

function createHabit(): Habit {
  return { output: createMean(), cached: createRatio() };
}
