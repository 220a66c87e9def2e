/** Decides how much of prompts is evaluated between two steps of the sequences that decode. */
export type PrefillPace = {
  /**
   * How many prompt tokens fit between two steps: whole chunks, or less than one where a chunk takes too long. What must be cut at chunks takes
   * one in any case.
   */
  budgetTokens(): number;
  /** Takes in how long the evaluation of so many prompt tokens took. */
  record(tokens: number, ms: number): void;
};

type PrefillPaceOptions = {
  readonly chunkTokens: number;
  /** The most that is worth evaluating at once. */
  readonly maxTokens: number;
  /** How long decoding sequences should wait, in ms. */
  readonly targetMs: number;
};

/** The weight of the newest call in the running mean. */
const NEWEST_WEIGHT = 0.25;
/** A part of a chunk may take so many times the target: larger parts cost less a token, and speeds change. */
const TOLERANCE = 1.5;
/** Fewer tokens in a call take hardly less time. */
const LEAST_TOKENS = 4;
/** How often a chunk is halved before anything is known. */
const FIRST_SIZE = 2;
/** Half of a part that takes more of the time than this isn't worth its cost: then it isn't the tokens that take it. */
const NO_GAIN = 0.8;

/**
 * A quarter of a chunk until it is known how fast this machine reads; then as many chunks as it reads in `targetMs`, or the half, quarter, ... of
 * one. So a fast machine isn't held back by chunks that were cut for a slow one, and on a slow one nobody waits for a chunk where less will do.
 */
export function createPrefillPace({ chunkTokens, maxTokens, targetMs }: PrefillPaceOptions): PrefillPace {
  const sizes = partsOf(chunkTokens);
  /** What a call of each size takes, in ms; those that were never made are missing. */
  const known = new Map<number, number>();

  /**
   * At most in proportion to any smaller size, since smaller calls cost more a token, and on the line through the two that are next in size. Where
   * no smaller one was tried, in proportion to a larger one.
   */
  function expectMs(size: number): number | undefined {
    const inProportion = ({ size: each, ms }: Known) => (ms * size) / each;
    const smaller = allKnown().filter((each) => each.size <= size);
    const [next, afterNext] = smaller;
    if (next === undefined) {
      const larger = allKnown().at(-1);
      return larger && inProportion(larger);
    }
    const line = afterNext === undefined ? Number.POSITIVE_INFINITY : onLine(next, afterNext, size);
    return Math.min(line, ...smaller.map(inProportion));
  }

  /** The largest first. */
  function allKnown(): readonly Known[] {
    return sizes.flatMap((size) => {
      const ms = known.get(size);
      return ms === undefined ? [] : [{ size, ms }];
    });
  }

  return {
    budgetTokens() {
      const chunkMs = expectMs(chunkTokens);
      // Beside sequences that decode, a machine is taken to be slow until it is known: on a fast one that costs a few ms, once.
      if (chunkMs === undefined) return sizes[FIRST_SIZE] ?? chunkTokens;
      if (chunkMs <= targetMs) {
        const tokens = chunkMs === 0 ? maxTokens : Math.min((targetMs * chunkTokens) / chunkMs, maxTokens);
        return Math.max(1, Math.floor(tokens / chunkTokens)) * chunkTokens;
      }
      let chosen = chunkTokens;
      for (const size of sizes.slice(1)) {
        const ms = expectMs(chosen) ?? 0;
        const half = known.get(size);
        if (ms <= targetMs * TOLERANCE || (half !== undefined && half > ms * NO_GAIN)) break;
        chosen = size;
      }
      return chosen;
    },
    record(tokens, ms) {
      // The last piece of a prompt may be a few tokens, which cost as much as many.
      const size = tokens >= chunkTokens ? chunkTokens : sizes.find((each) => each === tokens);
      if (size === undefined) return;
      const measured = (ms * size) / tokens;
      const before = known.has(size) ? expectMs(size) : undefined;
      const mean = before === undefined ? measured : before + NEWEST_WEIGHT * (measured - before);
      // What makes one size slower or faster does so with all.
      if (before !== undefined && before > 0) {
        for (const [other, otherMs] of known) known.set(other, (otherMs * mean) / before);
      }
      known.set(size, mean);
    },
  };
}

type Known = { readonly size: number; readonly ms: number };

function onLine(larger: Known, smaller: Known, size: number): number {
  const msPerToken = Math.max(0, (larger.ms - smaller.ms) / (larger.size - smaller.size));
  return larger.ms + msPerToken * (size - larger.size);
}

/** A chunk, its half, its quarter and so on, down to a few tokens. */
function partsOf(chunkTokens: number): readonly number[] {
  const sizes = [chunkTokens];
  for (let size = Math.floor(chunkTokens / 2); size >= LEAST_TOKENS; size = Math.floor(size / 2)) sizes.push(size);
  return sizes;
}

/** Holds prompts to a share of the time while sequences decode. */
export type PrefillShare = {
  /** Whether prompts may have a turn now. */
  mayPrefill(): boolean;
  /** Takes in how long prompts took beside decoding sequences. */
  prefilled(ms: number): void;
  /** Takes in how long a step of the decoding sequences took. */
  decoded(ms: number): void;
};

/**
 * After a turn of prompts, sequences decode until they have had the rest of the time. A long step of theirs buys prompts no more than one turn, so
 * that nobody's waiting is saved up.
 *
 * @param share above 0; 1 is no bound
 */
export function createPrefillShare(share: number): PrefillShare {
  let owedMs = 0;
  return {
    mayPrefill: () => owedMs <= 0,
    prefilled(ms) {
      owedMs = (ms * (1 - share)) / share;
    },
    decoded(ms) {
      owedMs = Math.max(0, owedMs - ms);
    },
  };
}
