import { createTokenCount, type TokenCount } from "../generation/token-count.ts";

export type { TokenCounts } from "../generation/token-count.ts";

/** Counts the tokens and the finished choices of one answer from the events of its generations. */
export type Tally = TokenCount & {
  /** Throws if a choice has not finished: an answer that was cut off must not look complete. */
  readonly assertComplete: () => void;
};

/** @param choices the number of choices over all generations */
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
