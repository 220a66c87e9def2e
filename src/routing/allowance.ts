/** How often something extra may be done: a share of all requests, and a few more at the beginning. */
export type Allowance = {
  /** Counts a request. */
  readonly note: () => void;
  /** Takes one of what is allowed; false where nothing is left. */
  readonly take: () => boolean;
};

/** The most that is saved up while nothing extra is done, for the next burst. */
const MAX_SAVED = 100;

/** @param share extra ones for each request. @param first what is allowed before any request */
export function createAllowance(share: number, first: number): Allowance {
  let saved = first;
  return {
    note() {
      saved = Math.min(Math.max(first, MAX_SAVED), saved + share);
    },
    take() {
      // A hundred times 0.01 is a little less than 1.
      if (saved < 1 - 1e-9) return false;
      saved -= 1;
      return true;
    },
  };
}
