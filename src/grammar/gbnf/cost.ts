import type { GbnfRules } from "./node.ts";
import { createStackMachine, type Settled, type StackMachine, takes } from "./stacks.ts";

type Stacks = Settled["stacks"];

/** The maximum number of stacks to visit for an estimate, in all and from the beginning of one rule. */
const MAX_STEPS = 400_000;
const MAX_STEPS_OF_RULE = 60_000;
/** The number of rules from which texts are followed, besides the first. */
const MAX_RULES = 300;
/** The length of a text that is followed to the most stacks. */
const WALK_LENGTH = 32;
/** A vocabulary's size, the shares of tokens with at least 0, 1, 2 … characters, and the minimum number for one kind of character. */
const VOCABULARY = 50_000;
const BY_LENGTH = [1, 1, 0.95, 0.85, 0.7, 0.55, 0.4, 0.28, 0.18, 0.11, 0.07, 0.04, 0.02];
const LEAST_TOKENS = 2;
/** The number of common characters: a class of this size accepts the next character of about every token. */
const COMMON_CHARACTERS = 30;
/**
 * The maximum number of ways to read a few characters. More would double with each further character, and some tokens are long runs of the
 * same one. A class of this many characters accepts most long tokens in the first way.
 */
const MAX_WAYS = 1_000;
const NARROW = 10;
/** The cost of visiting a stack, relative to a candidate token. */
const STACK_COST = 20;
/** The number of stacks that are followed as a sample of all. */
const MAX_SAMPLE = 16;
/** The characters tried at each position. */
const MAX_TRIED = 12;

/** The search exceeded its budget. */
class SpentError extends Error {}

/**
 * Estimates llama.cpp's maximum work for one token, in visited stacks, along texts with many of them. llama.cpp follows every way to read a
 * text, and for tokens that don't fit in the end it repeats this for each way. Other texts may cost more. Returns infinity if a few
 * characters lead to too many stacks.
 */
export function estimateCost(rules: GbnfRules): number {
  let left = MAX_STEPS;
  let leftOfRule = 0;
  const spend = (steps: number) => {
    left -= steps;
    leftOfRule -= steps;
    if (leftOfRule < 0) {
      throw new SpentError();
    }
  };
  const machine = createStackMachine(rules, spend);
  let worst = 0;
  for (const rule of ["root", ...[...rules.keys()].slice(0, MAX_RULES)]) {
    if (left < MAX_STEPS_OF_RULE) {
      return worst;
    }
    leftOfRule = MAX_STEPS_OF_RULE;
    try {
      worst = Math.max(worst, walk(machine, rule, spend));
    } catch (error) {
      if (error instanceof SpentError) {
        return Number.POSITIVE_INFINITY;
      }
      throw error;
    }
  }
  return worst;
}

/** Follows a text from the beginning of a rule, always with the character that leaves the most stacks. */
function walk(machine: StackMachine, rule: string, spend: (steps: number) => void): number {
  let stacks = machine.begin(rule).stacks;
  let worst = costOfToken(machine, stacks, spend);
  let most = stacks.length;
  for (let length = 0; length < WALK_LENGTH && stacks.length > 0; length += 1) {
    const code = farthest(machine, countOnce(stacks), spend);
    stacks = code === undefined ? [] : follow(machine, countOnce(stacks), code, spend).map(({ stack }) => stack);
    if (stacks.length > most) {
      most = stacks.length;
      worst = Math.max(worst, costOfToken(machine, stacks, spend));
    }
  }
  return worst;
}

type Counted = { readonly stack: Stacks[number]; readonly ways: number };

/**
 * Estimates the cost of a token. Each stack checks all candidates that no earlier stack accepted. Those whose first character it accepts are
 * followed further, again for each way. Then each stack accepts the sampled token.
 */
function costOfToken(machine: StackMachine, stacks: Stacks, spend: (steps: number) => void): number {
  const sample = stacks.filter((_, index) => index % Math.ceil(stacks.length / MAX_SAMPLE) === 0);
  const scale = stacks.length / Math.max(1, sample.length);
  let alone: readonly (readonly Counted[])[] = sample.map((stack) => countOnce([stack]));
  let together: readonly Counted[] = countOnce(stacks);
  let taken = VOCABULARY;
  /** The factor by which characters of narrow classes increase the ways. */
  let growth = 1;
  let cost = 0;
  for (const share of BY_LENGTH) {
    const candidates = Math.max(LEAST_TOKENS, taken * share);
    for (const { stack, ways } of together) {
      cost += ways * (candidates + STACK_COST * machine.after(stack).cost);
    }
    for (const counted of alone) {
      // Each new stack is compared with those found before.
      const ofEach = counted.reduce((sum, { stack }) => sum + machine.after(stack).cost * (1 + counted.length / 8), 0);
      cost += scale * STACK_COST * ofEach;
    }
    const code = farthest(machine, together, spend);
    if (code === undefined) {
      return cost;
    }
    const width = widthOf(together, code);
    taken *= Math.min(1, width / COMMON_CHARACTERS);
    const before = waysOf(together);
    together = follow(machine, together, code, spend);
    growth *= width < NARROW ? Math.max(1, waysOf(together) / before) : 1;
    if (growth > MAX_WAYS) {
      return Number.POSITIVE_INFINITY;
    }
    alone = alone.map((counted) => follow(machine, counted, code, spend));
  }
  return cost;
}

function waysOf(counted: readonly Counted[]): number {
  return counted.reduce((sum, { ways }) => sum + ways, 0);
}

/** Returns the size of the widest class that accepts this character. */
function widthOf(counted: readonly Counted[], code: number): number {
  const widths = counted.map(({ stack: { top } }) => {
    if (!takes(top, code)) return 0;
    return top.isInverted ? COMMON_CHARACTERS : top.ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  });
  return Math.max(0, ...widths);
}

function countOnce(stacks: Stacks): Counted[] {
  return stacks.map((stack) => ({ stack, ways: 1 }));
}

/** Returns the character that leaves the most ways to read the text. */
function farthest(
  machine: StackMachine,
  counted: readonly Counted[],
  spend: (steps: number) => void,
): number | undefined {
  let best: number | undefined;
  let bestWays = 0;
  for (const code of charactersOf(counted)) {
    const ways = waysOf(follow(machine, counted, code, spend));
    if (ways > bestWays) {
      bestWays = ways;
      best = code;
    }
  }
  return best;
}

/** Returns the stacks after a character. */
function follow(
  machine: StackMachine,
  counted: readonly Counted[],
  code: number,
  spend: (steps: number) => void,
): Counted[] {
  const next = new Map<number, Counted>();
  for (const { stack, ways } of counted) {
    spend(1);
    for (const after of takes(stack.top, code) ? machine.after(stack).stacks : []) {
      spend(1);
      next.set(after.id, { stack: after, ways: (next.get(after.id)?.ways ?? 0) + ways });
    }
  }
  return [...next.values()];
}

/** Returns characters that the stacks accept, first those that most stacks accept. */
function charactersOf(counted: readonly Counted[]): readonly number[] {
  const counts = new Map<number, number>();
  for (const { stack, ways } of counted) {
    const { ranges, isInverted } = stack.top;
    const codes = isInverted
      ? [0x61, 0x20, 0x30, 0x2603].filter((code) => takes(stack.top, code)).slice(0, 2)
      : ranges.slice(0, 8).flat();
    for (const code of new Set(codes)) {
      counts.set(code, (counts.get(code) ?? 0) + ways);
    }
  }
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .slice(0, MAX_TRIED)
    .map(([code]) => code);
}
