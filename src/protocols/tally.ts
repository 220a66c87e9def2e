import { type Cost, type CostOf, sumCosts } from "../generation/cost.ts";
import { createTokenCount, type TokenCount } from "../generation/token-count.ts";

export type { TokenCounts } from "../generation/token-count.ts";

/** Counts the tokens and the finished choices of one answer from the events of its generations. */
export type Tally = TokenCount & {
  /** Throws if a choice has not finished: an answer that was cut off must not look complete. */
  readonly assertComplete: () => void;
  /** What the answer costs; undefined if nothing is known of it. */
  readonly cost: () => Cost | undefined;
};

/** Finds what work costs at a model: a target of a route, or, for undefined, what the request names. */
export type FindCost = (target: string | undefined) => CostOf | undefined;

/** @param choices the number of choices over all generations */
export function createTally(choices: number, findCost: FindCost = () => undefined): Tally {
  const count = createTokenCount();
  let unfinished = choices;

  return {
    ...count,
    cost: () => sumCosts(count.works().map(({ target, work }) => findCost(target)?.(work))),
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
