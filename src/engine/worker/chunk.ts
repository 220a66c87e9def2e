import { type Work, wantsLogits } from "./draw.ts";
import type { Slot } from "./placement.ts";
import { lastCut } from "./prefix.ts";
import type { Sequence } from "./sequence.ts";

/**
 * What is evaluated next of a prompt: whole chunks, as many as `budgetTokens` pay for and one at least, and then the last piece. An exact
 * evaluation begins at a multiple of the chunk size, so its pieces are cut at the same places wherever it begins and however much of it
 * fits into one call.
 */
export function cutChunk(sequence: Sequence, slot: Slot, chunkTokens: number, budgetTokens: number): Work {
  const { request, prompt, prefill } = sequence;
  const position = slot.tokens.length;
  const affordable = Math.max(1, Math.floor(budgetTokens / chunkTokens)) * chunkTokens;
  const beforeLast = lastCut(prefill.length - position, chunkTokens);
  const end = beforeLast > 0 ? position + Math.min(affordable, beforeLast) : prefill.length;
  const replayed = prefill.length === prompt.length + request.replay.length;
  const wantLogits = end === prefill.length && (replayed || wantsLogits(sequence));
  return { sequence, slot, tokens: prefill.slice(position, end), wantLogits };
}
