import type { PromptPrice } from "../generation/model.ts";
import type { Demand, Pricing } from "./price.ts";

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
