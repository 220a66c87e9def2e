/** A place in the KV cache. It keeps its tokens when a sequence ends, for the next one that begins alike. */
export type Slot = {
  readonly index: number;
  /** The tokens whose keys and values it holds, from position 0. */
  tokens: number[];
  /** How many of them were the last sequence's prompt; the others were generated. */
  promptTokens: number;
  /** How many of them are, bit for bit, what evaluating the same tokens from scratch would give. */
  exactTokens: number;
  /** When it was last given to a sequence, counted in such occasions. */
  lastUsed: number;
};

/**
 * How much a sequence cares that reusing a prefix can move the last digits of its logits (docs/decisions/007-exactness.md):
 *
 * - `exact`: not at all may they move. The client gave a seed.
 * - `greedy`: only where it pays most: where a conversation goes on past an answer that the slot generated.
 * - `free`: it draws at random anyway.
 */
export type Exactness = "exact" | "greedy" | "free";

export type SlotChoice = {
  readonly slot: Slot;
  /** How many of the prompt's first tokens it holds already. */
  readonly keep: number;
};

export type SlotQuestion = {
  readonly free: readonly Slot[];
  readonly prompt: readonly number[];
  readonly exactness: Exactness;
  /** Prompts are cut at multiples of this. */
  readonly chunkTokens: number;
  /** The admission counter, at least every slot's `lastUsed`. */
  readonly now: number;
  /** How many slots there are, the taken ones included. */
  readonly slotCount: number;
};

/** The number of tokens that two sequences share at their beginning. */
export function commonPrefixLength(a: readonly number[], b: readonly number[]): number {
  const end = Math.min(a.length, b.length);
  let length = 0;
  while (length < end && a[length] === b[length]) length++;
  return length;
}

/**
 * How many of the prompt's first tokens need no evaluation in this slot. At least one is always left to evaluate, since the
 * logits after the last are needed.
 */
export function reusableTokens(slot: Slot, { prompt, exactness, chunkTokens }: SlotQuestion): number {
  const shared = Math.min(commonPrefixLength(slot.tokens, prompt), prompt.length - 1);
  const goesOn = shared > slot.promptTokens;
  if (exactness === "free" || (exactness === "greedy" && goesOn)) return shared;
  const exact = Math.min(shared, slot.exactTokens);
  return exact - (exact % chunkTokens);
}

/**
 * Picks the free slot for a prompt: the one that saves most, less what is lost by overwriting it.
 *
 * Saved are the tokens that need no evaluation. Lost are the other tokens of the slot, and the chance that somebody comes back
 * for them halves with every round of the slots (`slotCount` admissions) since its last use. Equal worth goes to the lowest
 * index, because llama.cpp evaluates consecutive slots together.
 *
 * @returns undefined where no slot is free
 */
export function chooseSlot(question: SlotQuestion): SlotChoice | undefined {
  const { free, now, slotCount } = question;
  let best: SlotChoice | undefined;
  let bestWorth = Number.NEGATIVE_INFINITY;
  for (const slot of free) {
    const keep = reusableTokens(slot, question);
    const lost = slot.tokens.length - keep;
    const worth = keep - lost * 0.5 ** ((now - slot.lastUsed) / slotCount);
    if (worth > bestWorth || (worth === bestWorth && best !== undefined && slot.index < best.slot.index)) {
      best = { slot, keep };
      bestWorth = worth;
    }
  }
  return best;
}

/**
 * Makes a slot's record ready for a sequence that keeps its first `keep` tokens.
 *
 * @param prefillTokens how many tokens the sequence will evaluate as prompt, the kept ones included
 */
export function occupySlot(slot: Slot, keep: number, prefillTokens: number, chunkTokens: number, now: number): void {
  const exact = Math.min(keep, slot.exactTokens);
  const cutAsFromScratch = keep === exact && keep % chunkTokens === 0;
  slot.tokens.length = keep;
  slot.promptTokens = prefillTokens;
  slot.exactTokens = cutAsFromScratch ? prefillTokens : exact - (exact % chunkTokens);
  slot.lastUsed = now;
}
