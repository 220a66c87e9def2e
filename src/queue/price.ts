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
type Price = {
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

/** One request that waits for something else, such as a reader that is slow, must not become the rule. */
const SURPRISE = 4;

/** @param contextTokens prompt and answer together; undefined as long as the model has not loaded */
export function createPricing(contextTokens: () => number | undefined = () => undefined): Pricing {
  const habits = createHabits();
  const speeds = createSpeeds();
  const calibration = createRatio();

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

/** What is learnt of a request while it runs, and what it has really used. */
export type RunMeter = {
  /** @param prompt undefined where that is not known yet: it is estimated, and nothing is learnt of it */
  started(prompt: PromptPrice | undefined): void;
  /** A text came. @param gapMs since the one before, where that says how fast the engine is. @param load sequences that run */
  text(gapMs: number | undefined, nowMs: number, load: number): void;
  /** It is set aside: from then on its times say nothing about speeds. */
  setAside(): void;
  /** A choice has ended, and with it the use of a slot. @param completionTokens undefined counts as the texts that came */
  choiceEnded(completionTokens: number | undefined): void;
  /**
   * It has left. Its price by what it used, at the speeds of now; 0 where it never began. Undefined `wholeMs` is one that was cut short, of which
   * nothing is learnt; else the time for which it held slots.
   */
  end(load: number, wholeMs: number | undefined): number;
};

/** So few tokens cost about as much as none: a call's fixed cost is no speed. */
export const FEW_TOKENS = 16;

/** @param isFair whether the engine could begin at once, so that its times say how fast it is */
export function createRunMeter(pricing: Pricing, order: Demand, turnMs: number, isFair: boolean): RunMeter {
  let isMeasure = isFair;
  const { speeds } = pricing;
  let prompt: PromptPrice | undefined;
  let outputTokens = 0;
  /** Of choices that have not ended, as far as can be seen: about one for each text. */
  let texts = 0;
  let hasSpoken = false;

  return {
    started(begun) {
      prompt = begun ?? { promptTokens: pricing.tokensOf(order.size), cachedTokens: 0 };
      if (begun === undefined) isMeasure = false;
      else pricing.notePrompt(order, begun);
    },
    text(gapMs, nowMs, load) {
      texts += 1;
      if (gapMs !== undefined) speeds.noteItl(load, gapMs);
      if (hasSpoken || prompt === undefined) return;
      hasSpoken = true;
      const evaluated = prompt.promptTokens - prompt.cachedTokens;
      if (isMeasure && evaluated >= FEW_TOKENS) {
        speeds.notePrefill(evaluated, Math.max(0, nowMs - turnMs - speeds.itlMs(load)));
      }
    },
    setAside() {
      isMeasure = false;
    },
    choiceEnded(completionTokens) {
      outputTokens += completionTokens ?? texts;
      texts = 0;
    },
    end(load, wholeMs) {
      if (prompt === undefined) return 0;
      const { slotMs } = pricing.settle({ ...prompt, outputTokens: outputTokens + texts }, load);
      if (wholeMs !== undefined) {
        pricing.noteOutput(order.tenant, outputTokens / order.choices);
        if (isMeasure) pricing.noteTime(slotMs, wholeMs);
      }
      return slotMs;
    },
  };
}
