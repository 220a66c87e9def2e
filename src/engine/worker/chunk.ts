import { lastCut } from "./cuts.ts";
import { type Work, wantsLogits } from "./draw.ts";
import type { Slot } from "./placement.ts";
import type { Sequence } from "./sequence.ts";

/**
 * What is evaluated next of a prompt's head, or of what follows it: whole chunks, as many as `budgetTokens` pay for and one at least, and then
 * the last piece. An exact evaluation begins where `cutBefore` says, so its pieces are cut at the same places wherever it begins and however
 * much of it fits into one call.
 */
export function cutChunk(sequence: Sequence, slot: Slot, chunkTokens: number, budgetTokens: number): Work {
  const { request, prompt, prefill, headTokens } = sequence;
  const position = slot.tokens.length;
  const partEnd = position < headTokens ? headTokens : prefill.length;
  const affordable = Math.max(1, Math.floor(budgetTokens / chunkTokens)) * chunkTokens;
  const beforeLast = lastCut(partEnd - position, chunkTokens);
  const end = beforeLast > 0 ? position + Math.min(affordable, beforeLast) : partEnd;
  const replayed = prefill.length === prompt.length + request.replay.length;
  const wantLogits = end === prefill.length && (replayed || wantsLogits(sequence));
  return { sequence, slot, tokens: prefill.slice(position, end), wantLogits };
}
