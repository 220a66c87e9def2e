import { createMean, createRatio, type Mean, type Ratio } from "./mean.ts";

/** What past requests were like, overall and for each tenant: the lengths of answers, and the share of prompts that was cached. */
export type Habits = {
  /** The likely number of tokens in a choice of this tenant, if nothing limits it. */
  outputTokens(tenant: string): number;
  /** The usual cached share of this tenant's prompts, 0 to 1. */
  cachedShare(tenant: string): number;
  /** The likely number of tokens in a prompt of so many characters. */
  tokensOf(characters: number): number;
  /** By what factor requests of this class and tenant wait longer than the work ahead of them takes: later requests get their share too. */
  delay(line: string): number;
  noteOutput(tenant: string, tokens: number): void;
  noteWait(line: string, reckonedMs: number, realMs: number): void;
  /** `characters` is undefined if the prompt came as tokens. */
  notePrompt(tenant: string, prompt: { characters: number | undefined; tokens: number; cachedTokens: number }): void;
};

type Habit = { readonly output: Mean; readonly cached: Ratio };

/** Assumed until there are measurements: English text, and an answer of a paragraph or two. */
const CHARS_PER_TOKEN = 4;
const OUTPUT_TOKENS = 128;
/** Short prompts are mostly template, so this much ordinary text is counted with them. */
const USUAL_TEXT = { above: 1_000 * CHARS_PER_TOKEN, below: 1_000 };

/** The largest factor by which an estimate is corrected. */
const MAX_DELAY = 20;

/** The most tenants remembered. Those seen longest ago are forgotten, and get the averages over all. */
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

/** Values by name, for the latest `MAX_TENANTS` names. */
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
