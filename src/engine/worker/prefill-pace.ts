/** Decides how many prompt tokens are evaluated between two decoding steps. */
export type PrefillPace = {
  /**
   * How many prompt tokens fit between two steps: whole chunks, or a part of one if a chunk takes too long. A prompt that must be cut at
   * chunks takes a whole one in any case.
   */
  budgetTokens(): number;
  /** How long a chunk takes; undefined if that was never measured. */
  chunkMs(): number | undefined;
  /** Records how long the evaluation of `tokens` prompt tokens took. */
  record(tokens: number, ms: number): void;
};

type PrefillPaceOptions = {
  readonly chunkTokens: number;
  /** The largest useful number of tokens in a call. */
  readonly maxTokens: number;
  /** How long decoding sequences may wait, in ms. */
  readonly targetMs: number;
};

/** The weight of the newest call in the running mean. */
const NEWEST_WEIGHT = 0.25;
/** How far a part of a chunk may exceed the target: larger parts cost less per token, and speeds vary. */
const TOLERANCE = 1.5;
/** The smallest part: a call with fewer tokens takes hardly less time. */
const LEAST_TOKENS = 4;
/** How often the first chunk is halved, before any measurement. */
const FIRST_SIZE = 2;
/** If half of a part takes more than this share of its time, halving is useless: the time doesn't depend on the tokens. */
const NO_GAIN = 0.8;

/**
 * Starts with a quarter of a chunk. Once the speed is known, it allows as many chunks as this machine evaluates in `targetMs`, or the half,
 * quarter, and so on of a chunk. A fast machine is then not limited by small chunks, and on a slow one sequences don't wait for whole ones.
 */
export function createPrefillPace({ chunkTokens, maxTokens, targetMs }: PrefillPaceOptions): PrefillPace {
  const sizes = partsOf(chunkTokens);
  /** The time of a call of each size, in ms; absent if never measured. */
  const known = new Map<number, number>();

  /**
   * Estimates the time of a call: the smaller of a proportional estimate from each smaller size (smaller calls cost more per token) and of a
   * line through the two next smaller sizes. Without smaller measurements, it is proportional to a larger one.
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

  /** Largest first. */
  function allKnown(): readonly Known[] {
    return sizes.flatMap((size) => {
      const ms = known.get(size);
      return ms === undefined ? [] : [{ size, ms }];
    });
  }

  return {
    chunkMs: () => expectMs(chunkTokens),
    budgetTokens() {
      const chunkMs = expectMs(chunkTokens);
      // The machine counts as slow until it was measured; on a fast one this costs a few ms once.
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
      // Other sizes are ignored: the last piece of a prompt may be a few tokens, which take as long as many.
      const size = tokens >= chunkTokens ? chunkTokens : sizes.find((each) => each === tokens);
      if (size === undefined) return;
      const measured = (ms * size) / tokens;
      const before = known.has(size) ? expectMs(size) : undefined;
      const mean = before === undefined ? measured : before + NEWEST_WEIGHT * (measured - before);
      // A change of speed affects all sizes.
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

/** A chunk, its half, its quarter and so on, down to `LEAST_TOKENS`. */
function partsOf(chunkTokens: number): readonly number[] {
  const sizes = [chunkTokens];
  for (let size = Math.floor(chunkTokens / 2); size >= LEAST_TOKENS; size = Math.floor(size / 2)) sizes.push(size);
  return sizes;
}

/** Limits prompts to a share of the time while sequences decode. */
export type PrefillShare = {
  /** Whether prompts may be evaluated now. */
  mayPrefill(): boolean;
  /** Records how long prompts took while sequences were decoding. */
  prefilled(ms: number): void;
  /** Records how long a decoding step took. */
  decoded(ms: number): void;
};

/**
 * After prompts were evaluated, sequences decode until they have had their share of the time. A long decoding step earns prompts no credit
 * for later.
 *
 * @param share above 0; 1 means no limit
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
