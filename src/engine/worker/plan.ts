import { lastCut } from "../contract/cuts.ts";
import type { Slot } from "./placement.ts";
import { nextPrompt, type PrefillOrder } from "./prefill-order.ts";
import { nextReplayedToken, type Sequence } from "./sequence.ts";

/** The share of one sequence in one native call. */
export type Work = {
  readonly sequence: Sequence;
  readonly slot: Slot;
  readonly tokens: readonly number[];
  readonly wantLogits: boolean;
  /** Whether the tokens that follow each of these in the prompt are scored. */
  readonly isScored?: boolean;
  /** It ends elsewhere than where the prompt is cut when it is evaluated for itself, so from here on the slot holds nothing exact. */
  readonly isOffCut?: boolean;
};

/** What the scheduler knows when it decides what to evaluate next. */
export type Situation = {
  /** Those that have a slot, oldest first. */
  readonly running: readonly Sequence[];
  /** `decode`: it is the turn of those that are past their prompts. A number: so many tokens of prompts may be evaluated before it is again. */
  readonly turn: "decode" | number;
  readonly order: PrefillOrder;
  /** Prompts are cut at multiples of this. */
  readonly chunkTokens: number;
};

export type Plan = {
  /** What the next native call evaluates; empty where there is nothing to do in this turn. */
  readonly work: readonly Work[];
  /** Takes the place of the order that was given. */
  readonly order: PrefillOrder;
};

/** Decides what the next native call evaluates: one token of each sequence that decodes, or a chunk of one prompt. It changes nothing. */
export function plan({ running, turn, order, chunkTokens }: Situation): Plan {
  if (turn === "decode") return { work: decodesOf(running), order };
  if (turn <= 0) return { work: [], order };
  const { sequence, order: next } = nextPrompt(order, running);
  if (sequence?.slot === undefined) return { work: [], order: next };
  return { work: [cutChunk(sequence, sequence.slot, chunkTokens, turn)], order: next };
}

/** Whether none of them is in a hurry: whoever comes has a turn soon, though it makes prompts take a little longer. */
export function canWait(running: readonly Sequence[]): boolean {
  return running.every(({ request }) => request.priority === "batch");
}

/** The next token of every sequence that is past its prompt, in ascending slot order: llama.cpp merges only ascending ones. */
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
 * Whether the logits after the evaluated tokens are of use. Tokens from before a crash need no draw, but their scores may not have
 * reached the client when it came; and where they were evaluated with the prompt, all of them are past.
 */
export function wantsLogits(sequence: Sequence): boolean {
  const { request, prompt, prefill } = sequence;
  if (request.maxTokens === 0) return false;
  const replayed = prefill.length === prompt.length + request.replay.length;
  return replayed || request.logprobs !== undefined || nextReplayedToken(sequence) === undefined;
}

/** Logits of so many tokens are held at once at most: they take a megabyte each in a large vocabulary. */
const MAX_SCORED_TOKENS = 128;

/** What is evaluated next of a prompt whose tokens are scored. It begins at no place where another goes on, so it is cut anywhere. */
function cutScoredChunk(sequence: Sequence, slot: Slot, chunkTokens: number): Work {
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
