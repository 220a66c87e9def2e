/** Predicts the next tokens of one sequence: what followed its last tokens where they occurred before, in the prompt or in the answer. */
export type Lookup = {
  /** Adds the next token of the sequence. */
  push(token: number): void;
  /** Up to `max` predicted tokens; empty if the last tokens didn't occur before. */
  propose(max: number): readonly number[];
  /** How many of the first `length` predicted tokens are likely to be sampled, from the predictions of this sequence so far. */
  expect(length: number): number;
};

/** The lengths of the token runs that are searched, longest first: a longer run predicts better. */
const RUN_TOKENS = [8, 4, 2] as const;
/** The maximum number of a prompt's last tokens that are indexed, which takes some 10 ms. */
const MAX_INDEXED_TOKENS = 65_536;
/** The maximum number of entries of the index, of 4 bytes each. Later tokens replace earlier ones. */
const MAX_INDEX_ENTRIES = 2 ** 18;
/** With four times as many entries as runs, few runs replace others. */
const ENTRIES_PER_RUN = 4;
/** How likely a prediction is right before any was checked, by the length of the match: 2, 4, 8, or 16 tokens and more. */
const FIRST_GUESS = [0.4, 0.6, 0.8, 0.9] as const;
/** The weight of the newest prediction in the running mean. */
const NEWEST_WEIGHT = 0.1;

/**
 * A token costs the same however long the sequence is, and the index has a fixed size. Predictions are also checked while none is used as a
 * draft, so that it is known how often they are right before a draft costs anything.
 *
 * @param prompt the tokens before the first push
 * @param outputTokens about how many tokens will be pushed
 */
export function createLookup(prompt: readonly number[], outputTokens: number): Lookup {
  const tokens: number[] = [];
  const index = new Int32Array(sizeFor(prompt.length + outputTokens));
  const rates: number[] = [...FIRST_GUESS];
  /** The position of the next predicted token; undefined if there is none. */
  let source: number | undefined;
  /** How many tokens before it equal the last tokens of the sequence. */
  let matched = 0;

  for (const token of prompt.slice(-MAX_INDEXED_TOKENS)) add(token);
  find();

  /** Adds a token, and indexes the runs before it, which it follows. */
  function add(token: number): void {
    for (const length of RUN_TOKENS) if (tokens.length >= length) index[entryOf(length)] = tokens.length;
    tokens.push(token);
  }

  /** The entry of the last `length` tokens. */
  function entryOf(length: number): number {
    let hash = length;
    for (let at = tokens.length - length; at < tokens.length; at++) {
      hash = Math.imul(hash ^ (tokens[at] ?? 0), 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    return hash & (index.length - 1);
  }

  /** Looks for a longer match than the present one. */
  function find(): void {
    for (const length of RUN_TOKENS) {
      if (length <= matched || length > tokens.length) continue;
      const position = index[entryOf(length)] ?? 0;
      if (position === 0 || !endsAlike(position, length)) continue;
      source = position;
      matched = length;
      return;
    }
  }

  /** Different runs may have the same entry. */
  function endsAlike(position: number, length: number): boolean {
    for (let back = 1; back <= length; back++) {
      if (tokens[position - back] !== tokens[tokens.length - back]) return false;
    }
    return true;
  }

  return {
    push(token) {
      if (source !== undefined) {
        const isRight = tokens[source] === token;
        const rate = rateOf(matched);
        rates[rate] = (rates[rate] ?? 0) * (1 - NEWEST_WEIGHT) + (isRight ? NEWEST_WEIGHT : 0);
        source = isRight ? source + 1 : undefined;
        matched = isRight ? matched + 1 : 0;
      }
      add(token);
      find();
    },
    propose(max) {
      if (source === undefined) return [];
      const proposed = tokens.slice(source, source + max);
      // A match that overlaps the end repeats itself.
      const period = proposed.length;
      while (proposed.length < max) proposed.push(proposed[proposed.length - period] ?? 0);
      return proposed;
    },
    expect(length) {
      if (source === undefined) return 0;
      let likely = 1;
      let sum = 0;
      for (let place = 0; place < length; place++) {
        likely *= rates[rateOf(matched + place)] ?? 0;
        sum += likely;
      }
      return sum;
    },
  };
}

function rateOf(matched: number): number {
  return Math.min(FIRST_GUESS.length - 1, Math.floor(Math.log2(matched)) - 1);
}

/** A power of two with room for the runs of all lengths at every token, within the maximum. */
function sizeFor(tokens: number): number {
  return Math.min(MAX_INDEX_ENTRIES, 2 ** Math.ceil(Math.log2((tokens + 1) * RUN_TOKENS.length * ENTRIES_PER_RUN)));
}
