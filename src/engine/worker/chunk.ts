import { lastCut } from "./cuts.ts";
import { type Work, wantsLogits } from "./draw.ts";
import type { Slot } from "./placement.ts";
import type { Sequence } from "./sequence.ts";

/** Logits of so many tokens are held at once at most: they take a megabyte each in a large vocabulary. */
const MAX_SCORED_TOKENS = 128;

/** What is evaluated next of a prompt whose tokens are scored. It begins at no place where another goes on, so it is cut anywhere. */
function cutScoredChunk(sequence: Sequence, slot: Slot, chunkTokens: number): Work {
  const { prefill } = sequence;
  const position = slot.tokens.length;
  const end = Math.min(prefill.length, position + Math.min(chunkTokens, MAX_SCORED_TOKENS));
  const wantLogits = end === prefill.length && wantsLogits(sequence);
  return { sequence, slot, tokens: prefill.slice(position, end), wantLogits, isScored: true };
}

/**
 * What is evaluated next of a prompt's head, or of what follows it: whole chunks, as many as `budgetTokens` pay for and one at least, and then
 * the last piece. An exact evaluation begins where `cutBefore` says, so its pieces are cut at the same places wherever it begins and however
 * much of it fits into one call.
 */
export function cutChunk(sequence: Sequence, slot: Slot, chunkTokens: number, budgetTokens: number): Work {
  if (sequence.scoresPrompt) return cutScoredChunk(sequence, slot, chunkTokens);
  const { request, prompt, prefill, headTokens } = sequence;
  const position = slot.tokens.length;
  const partEnd = position < headTokens ? headTokens : prefill.length;
  const affordable = Math.max(1, Math.floor(budgetTokens / chunkTokens)) * chunkTokens;
  const beforeLast = lastCut(partEnd - position, chunkTokens);
  const end = beforeLast > 0 ? position + Math.min(affordable, beforeLast) : partEnd;
  const replayed = prefill.length === prompt.length + request.replay.length;
  const wantLogits = end === prefill.length && request.maxTokens !== 0 && (replayed || wantsLogits(sequence));
  return { sequence, slot, tokens: prefill.slice(position, end), wantLogits };
}
