import type { PromptPrice } from "../generation/model.ts";
import { createHabits, type Habits } from "./habits.ts";
import { createRatio } from "./mean.ts";
import type { PromptSize } from "./prompt-size.ts";
import { createSpeeds, type Speeds } from "./speeds.ts";

/** What is asked for, as far as its price goes. */
export type Demand = {
  readonly tenant: string;
  readonly size: PromptSize;
  readonly choices: number;
  /** For each choice; undefined is until the context is full. */
  readonly maxTokens: number | undefined;
};

/** What a request is expected to take of the machine, or took. */
export type Price = {
  readonly promptTokens: number;
  /** From its turn to its first token. */
  readonly prefillMs: number;
  /** How long it holds slots, for all its choices together: what the queue counts as work. */
  readonly slotMs: number;
  /** The same where each choice is as long as it may be; infinite where nothing bounds it. */
  readonly mostMs: number;
};

/** Prices requests in the time that they hold slots, by what this machine, this model and each tenant usually do. */
export type Pricing = {
  /** How many tokens a prompt has, or is likely to have. */
  tokensOf(size: PromptSize): number;
  /** @param load sequences that run at a time. @param known where the engine was asked, what it said */
  expect(demand: Demand, load: number, known?: PromptPrice): Price;
  /** What a request with these numbers of tokens takes, by the speeds of now. */
  settle(used: PromptPrice & { readonly outputTokens: number }, load: number): Price;
  notePrompt(order: Pick<Demand, "tenant" | "size">, price: PromptPrice): void;
  noteOutput: Habits["noteOutput"];
  noteWait: Habits["noteWait"];
  delay: Habits["delay"];
  /** A request that was priced at `slotMs` held slots for `realMs`. */
  noteTime(slotMs: number, realMs: number): void;
  /** What requests really take, to what they are priced at. */
  readonly calibration: number;
  readonly speeds: Speeds;
};

/** About the last 20 requests count. */
const CALIBRATION_MEMORY = 0.95;
/** One request that waits for something else, such as a reader that is slow, must not become the rule. */
const SURPRISE = 4;

/** @param contextTokens prompt and answer together; undefined as long as the model has not loaded */
export function createPricing(contextTokens: () => number | undefined = () => undefined): Pricing {
  const habits = createHabits();
  const speeds = createSpeeds();
  const calibration = createRatio(CALIBRATION_MEMORY);

  function price(
    { promptTokens, evaluated, output, most }: Record<"promptTokens" | "evaluated" | "output" | "most", number>,
    load: number,
  ): Price {
    // The last token of a prompt is always evaluated.
    const prefillMs = Math.max(1, evaluated) * speeds.prefillMsPerToken;
    const itlMs = speeds.itlMs(load);
    return { promptTokens, prefillMs, slotMs: prefillMs + output * itlMs, mostMs: prefillMs + most * itlMs };
  }
  function tokensOf({ type, count }: PromptSize): number {
    // What has more is refused by the engine: nothing is ever awaited for it.
    return Math.min(type === "tokens" ? count : habits.tokensOf(count), mostTokens());
  }
  function mostTokens(): number {
    return contextTokens() ?? Number.POSITIVE_INFINITY;
  }

  return {
    tokensOf,
    expect({ tenant, size, choices, maxTokens }, load, known) {
      const promptTokens = known?.promptTokens ?? tokensOf(size);
      const evaluated = promptTokens - (known?.cachedTokens ?? promptTokens * habits.cachedShare(tenant));
      const room = Math.max(1, mostTokens() - promptTokens);
      const longest = Math.min(maxTokens ?? Number.POSITIVE_INFINITY, room);
      const output = choices * Math.min(longest, habits.outputTokens(tenant));
      return price({ promptTokens, evaluated, output, most: choices * longest }, load);
    },
    settle({ promptTokens, cachedTokens, outputTokens }, load) {
      const evaluated = promptTokens - cachedTokens;
      return price({ promptTokens, evaluated, output: outputTokens, most: outputTokens }, load);
    },
    notePrompt({ tenant, size }, { promptTokens, cachedTokens }) {
      const characters = size.type === "characters" ? size.count : undefined;
      habits.notePrompt(tenant, { characters, tokens: promptTokens, cachedTokens });
    },
    noteOutput: habits.noteOutput,
    noteWait: habits.noteWait,
    delay: habits.delay,
    noteTime(slotMs, realMs) {
      calibration.add(Math.min(Math.max(realMs, slotMs / SURPRISE), slotMs * SURPRISE), slotMs);
    },
    get calibration() {
      return calibration.value ?? 1;
    },
    speeds,
  };
}
