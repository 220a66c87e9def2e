import { lastCut } from "../contract/cuts.ts";
import type { Slot } from "./placement.ts";
import { nextPrompt, type PrefillOrder } from "./prefill-order.ts";
import { nextReplayedToken, type Sequence } from "./sequence.ts";

/** One sequence's part of a native call. */
export type Work = {
  readonly sequence: Sequence;
  readonly slot: Slot;
  readonly tokens: readonly number[];
  readonly wantLogits: boolean;
  /** Whether the tokens after the first are a draft: a guess, which is evaluated to sample the tokens in its places. */
  readonly isDraft?: boolean;
  /** Whether the tokens of the prompt after these are scored. */
  readonly isScored?: boolean;
  /** Whether it ends at another position than in an evaluation of the prompt alone, so that the slot isn't exact from here on. */
  readonly isOffCut?: boolean;
};

/** The scheduler's state, from which it decides what to evaluate next. */
export type Situation = {
  /** The sequences with a slot, oldest first. */
  readonly running: readonly Sequence[];
  /** `decode` for a decoding step; otherwise the number of prompt tokens that may be evaluated before the next one. */
  readonly turn: "decode" | number;
  readonly order: PrefillOrder;
  /** Prompts are cut at multiples of this. */
  readonly chunkTokens: number;
};

export type Plan = {
  /** What the next native call evaluates; empty if there is nothing to do. */
  readonly work: readonly Work[];
  readonly order: PrefillOrder;
};

/** Decides what the next native call evaluates: one token of each decoding sequence, or a chunk of one prompt. A pure function. */
export function plan({ running, turn, order, chunkTokens }: Situation): Plan {
  if (turn === "decode") return { work: decodesOf(running), order };
  if (turn <= 0) return { work: [], order };
  const { sequence, order: next } = nextPrompt(order, running);
  if (sequence?.slot === undefined) return { work: [], order: next };
  return { work: [cutChunk(sequence, sequence.slot, chunkTokens, turn)], order: next };
}

/** Whether all sequences are batch work, so nobody waits for their tokens. */
export function canWait(running: readonly Sequence[]): boolean {
  return running.every(({ request }) => request.priority === "batch");
}

/** The next token of every decoding sequence, in ascending slot order, because llama.cpp merges only ascending slots. */
function decodesOf(sequences: Iterable<Sequence>): Work[] {
  const work: Work[] = [];
  for (const sequence of sequences) {
    const { request, slot, prompt, prefill, output } = sequence;
    if (slot === undefined || slot.tokens.length < prefill.length) continue;
    const token = output[slot.tokens.length - prompt.length];
    if (token === undefined) throw new Error(`sequence ${request.id} has no token at ${slot.tokens.length}`);
    work.push({ sequence, slot, tokens: [token], wantLogits: wantsLogits(sequence) });
  }
  return work.sort((a, b) => a.slot.index - b.slot.index);
}

/**
 * Whether the logits after the evaluated tokens are needed. Tokens from before a crash aren't sampled again, but their log-probabilities may
 * not have been sent. If those tokens were evaluated together with the prompt, a new token follows.
 */
export function wantsLogits(sequence: Sequence): boolean {
  const { request, prompt, prefill } = sequence;
  if (request.maxTokens === 0) return false;
  const replayed = prefill.length === prompt.length + request.replay.length;
  return replayed || request.logprobs !== undefined || nextReplayedToken(sequence) === undefined;
}

/** How many tokens' logits are held at once: each takes a megabyte with a large vocabulary. */
const MAX_SCORED_TOKENS = 128;

/** The next piece of a scored prompt. Such prompts reuse no prefix, so they may be cut anywhere. */
function cutScoredChunk(sequence: Sequence, slot: Slot, chunkTokens: number): Work {
  const { prefill, headTokens } = sequence;
  const position = slot.tokens.length;
  const end = Math.min(prefill.length, position + Math.min(chunkTokens, MAX_SCORED_TOKENS));
  const wantLogits = end === prefill.length && wantsLogits(sequence);
  const tokens = prefill.slice(position, end);
  return { sequence, slot, tokens, wantLogits, isScored: true, isOffCut: headTokens > 0 };
}

/**
 * The next piece of a prompt's head or of the rest: as many whole chunks as `budgetTokens` allow, at least one, and finally the last piece. An
 * exact evaluation begins where `cutBefore` says, so it is always cut at the same positions, wherever it begins and however much fits into
 * one call. A prompt with exactness `free` may be cut anywhere, so it takes no more than `budgetTokens`.
 */
export function cutChunk(sequence: Sequence, slot: Slot, chunkTokens: number, budgetTokens: number): Work {
  if (sequence.scoresPrompt) return cutScoredChunk(sequence, slot, chunkTokens);
  const { prefill, headTokens, exactness } = sequence;
  const position = slot.tokens.length;
  const partEnd = position < headTokens ? headTokens : prefill.length;
  const affordable = Math.max(1, Math.floor(budgetTokens / chunkTokens)) * chunkTokens;
  const beforeLast = lastCut(partEnd - position, chunkTokens);
  const cut = beforeLast > 0 ? position + Math.min(affordable, beforeLast) : partEnd;
  const end = exactness === "free" && budgetTokens < chunkTokens ? Math.min(cut, position + budgetTokens) : cut;
  const wantLogits = end === prefill.length && wantsLogits(sequence);
  return { sequence, slot, tokens: prefill.slice(position, end), wantLogits, isOffCut: end !== cut };
}
