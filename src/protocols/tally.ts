import { createTokenCount, type TokenCount } from "../generation/token-count.ts";

export type { TokenCounts } from "../generation/token-count.ts";

/** Counts the tokens and the ends of a generation, or of several that make one answer, while their events pass by. */
export type Tally = TokenCount & {
  /** Throws when a choice has not finished: an answer that only stopped coming must not look whole. */
  readonly assertComplete: () => void;
};

/** A tally for `choices` choices in all. */
export function createTally(choices: number): Tally {
  const count = createTokenCount();
  let unfinished = choices;

  return {
    ...count,
    note(event) {
      count.note(event);
      if (event.type === "finished") unfinished -= 1;
    },
    assertComplete() {
      if (unfinished > 0) {
        throw new Error(`The generation ended while ${unfinished} of ${choices} choices were unfinished.`);
      }
    },
  };
}
