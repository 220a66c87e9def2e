import type { GenerationEvent } from "../generation/event.ts";

/** How many tokens a request took so far. */
export type TokenCounts = {
  readonly prompt: number;
  /** Of the prompt's, those that a slot still held. */
  readonly cached: number;
  readonly completion: number;
  /** Of the completion's, those that were reasoning. */
  readonly reasoning: number;
};

/** Counts the tokens and the ends of a generation, or of several that make one answer, while their events pass by. */
export type Tally = {
  readonly note: (event: GenerationEvent) => void;
  readonly counts: () => TokenCounts;
  /** Throws when a choice has not finished: an answer that only stopped coming must not look whole. */
  readonly assertComplete: () => void;
};

/** A tally for `choices` choices in all. */
export function createTally(choices: number): Tally {
  const counts = { prompt: 0, cached: 0, completion: 0, reasoning: 0 };
  let unfinished = choices;

  return {
    note(event) {
      if (event.type === "started") {
        counts.prompt += event.promptTokens;
        counts.cached += event.cachedTokens;
      } else if (event.type === "finished") {
        counts.completion += event.completionTokens;
        counts.reasoning += event.reasoningTokens ?? 0;
        unfinished -= 1;
      }
    },
    counts: () => ({ ...counts }),
    assertComplete() {
      if (unfinished > 0) {
        throw new Error(`The generation ended while ${unfinished} of ${choices} choices were unfinished.`);
      }
    },
  };
}
