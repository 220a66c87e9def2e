import type { PromptPrice } from "../generation/model.ts";
import { createHabits, type Habits } from "./habits.ts";
import { createRatio } from "./mean.ts";
import type { PromptSize } from "./prompt-size.ts";
import { createSpeeds, type Speeds } from "./speeds.ts";

/** What determines a request's price. */
export type Demand = {
  readonly tenant: string;
  readonly size: PromptSize;
  readonly choices: number;
  /** For each choice; undefined means until the context is full. */
  readonly maxTokens: number | undefined;
};

/** The expected or real cost of a request. */
type Price = {
  readonly promptTokens: number;
  /** The time from its turn to its first token. */
  readonly prefillMs: number;
  /** The time for which it holds slots, over all choices. The queue counts this as work. */
  readonly slotMs: number;
  /** The same if each choice is as long as it may be; infinite if nothing limits it. */
  readonly mostMs: number;
};

/** Estimates for how long requests hold slots, from what was measured for this machine, this model and each tenant. */
export type Pricing = {
  /** The number of tokens of a prompt, or the likely number. */
  tokensOf(size: PromptSize): number;
  /** @param load sequences that run at a time. @param known the engine's reply, if it was asked */
  expect(demand: Demand, load: number, known?: PromptPrice): Price;
  /** The cost of a request with these numbers of tokens, at the present speeds. */
  settle(used: PromptPrice & { readonly outputTokens: number }, load: number): Price;
  notePrompt(order: Pick<Demand, "tenant" | "size">, price: PromptPrice): void;
  /** The likely number of tokens in one text of an answer, at least 1. */
  tokensOfText(): number;
  /** An answer of so many tokens came in so many texts. */
  noteTexts(tokens: number, texts: number): void;
  noteOutput: Habits["noteOutput"];
  noteWait: Habits["noteWait"];
  delay: Habits["delay"];
  /** A request with a price of `slotMs` held slots for `realMs`. */
  noteTime(slotMs: number, realMs: number): void;
  /** The ratio of real to expected costs. */
  readonly calibration: number;
  readonly speeds: Speeds;
};

/** Short answers say little: their last tokens, which have no text, are much of them. */
const ONE_PER_TEXT = { above: 64, below: 64 };

/** How far one request may be from its price in the calibration: it may have waited for something else, such as a slow reader. */
const SURPRISE = 4;

/** @param contextTokens the context size of one request; undefined until the model has loaded */
export function createPricing(contextTokens: () => number | undefined = () => undefined): Pricing {
  const habits = createHabits();
  const speeds = createSpeeds();
  const calibration = createRatio();
  /** With drafts a text has several tokens. */
  const tokensPerText = createRatio(ONE_PER_TEXT);

  function price(
    { promptTokens, evaluated, output, most }: Record<"promptTokens" | "evaluated" | "output" | "most", number>,
    load: number,
  ): Price {
    // The last token of a prompt is always evaluated.
    const prefillMs = Math.max(1, evaluated) * speeds.prefillMsPerToken;
    const itlMs = speeds.itlMs(load) / tokensOfText();
    return { promptTokens, prefillMs, slotMs: prefillMs + output * itlMs, mostMs: prefillMs + most * itlMs };
  }
  function tokensOf({ type, count }: PromptSize): number {
    // The engine refuses a longer prompt, so it never costs more.
    return Math.min(type === "tokens" ? count : habits.tokensOf(count), mostTokens());
  }
  function tokensOfText(): number {
    return Math.max(1, tokensPerText.value ?? 1);
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
    tokensOfText,
    noteTexts: (tokens, texts) => tokensPerText.add(tokens, texts),
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

/** Measures a request while it runs, and computes its real cost. */
export type RunMeter = {
  /** @param prompt undefined if it is not known yet: it is estimated, and not used to learn from */
  started(prompt: PromptPrice | undefined): void;
  /** A text came. @param gapMs since the previous one, if that measures the engine's speed. @param load sequences that run */
  text(gapMs: number | undefined, nowMs: number, load: number): void;
  /** A piece came that is no text, such as a call: it may have any number of tokens. */
  other(): void;
  /** It was set aside: its times don't measure speeds any more. */
  setAside(): void;
  /** A choice has ended. @param completionTokens if undefined, the texts are counted instead */
  choiceEnded(completionTokens: number | undefined): void;
  /**
   * Returns the price of what it used, at the present speeds; 0 if it never began.
   * @param wholeMs the time for which it held slots; undefined if it was cut short, so that it isn't used to learn from
   */
  end(load: number, wholeMs: number | undefined): number;
};

/** Fewer tokens than this cost about as much as none: their time is the fixed cost of a call, not a speed. */
export const FEW_TOKENS = 16;

/** @param isFair whether the engine could begin at once, so that its times measure its speed */
export function createRunMeter(pricing: Pricing, order: Demand, turnMs: number, isFair: boolean): RunMeter {
  let isMeasure = isFair;
  const { speeds } = pricing;
  let prompt: PromptPrice | undefined;
  let outputTokens = 0;
  /** Texts of the choices that have not ended. */
  let texts = 0;
  /** Whether all pieces that came were texts. */
  let isPlain = order.choices === 1;
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
    other() {
      isPlain = false;
    },
    setAside() {
      isMeasure = false;
    },
    choiceEnded(completionTokens) {
      if (isPlain && completionTokens !== undefined && texts > 0) pricing.noteTexts(completionTokens, texts);
      outputTokens += completionTokens ?? texts * pricing.tokensOfText();
      texts = 0;
    },
    end(load, wholeMs) {
      if (prompt === undefined) return 0;
      const { slotMs } = pricing.settle(
        { ...prompt, outputTokens: outputTokens + texts * pricing.tokensOfText() },
        load,
      );
      if (wholeMs !== undefined) {
        pricing.noteOutput(order.tenant, outputTokens / order.choices);
        if (isMeasure) pricing.noteTime(slotMs, wholeMs);
      }
      return slotMs;
    },
  };
}
