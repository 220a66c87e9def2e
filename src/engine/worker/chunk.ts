import { lastCut } from "../contract/cuts.ts";
import { type Work, wantsLogits } from "./draw.ts";
import type { Slot } from "./placement.ts";
import type { Sequence } from "./sequence.ts";

/** What is evaluated next of a prompt. */
export type Chunk = Work & {
  /** It ends elsewhere than where the prompt is cut when it is evaluated for itself, so from here on the slot holds nothing exact. */
  readonly isOffCut: boolean;
};

/** Logits of so many tokens are held at once at most: they take a megabyte each in a large vocabulary. */
const MAX_SCORED_TOKENS = 128;

/** What is evaluated next of a prompt whose tokens are scored. It begins at no place where another goes on, so it is cut anywhere. */
function cutScoredChunk(sequence: Sequence, slot: Slot, chunkTokens: number): Chunk {
  const { prefill, headTokens } = sequence;
  const position = slot.tokens.length;
  const end = Math.min(prefill.length, position + Math.min(chunkTokens, MAX_SCORED_TOKENS));
  const wantLogits = end === prefill.length && wantsLogits(sequence);
  const tokens = prefill.slice(position, end);
  return { sequence, slot, tokens, wantLogits, isScored: true, isOffCut: headTokens > 0 };
}

/**
 * What is evaluated next of a prompt's head, or of what follows it: whole chunks, as many as `budgetTokens` pay for and one at least, and then
 * the last piece. An exact evaluation begins where `cutBefore` says, so its pieces are cut at the same places wherever it begins and however
 * much of it fits into one call. What draws at random may be cut anywhere, so of its chunks `budgetTokens` alone are taken.
 */
export function cutChunk(sequence: Sequence, slot: Slot, chunkTokens: number, budgetTokens: number): Chunk {
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
