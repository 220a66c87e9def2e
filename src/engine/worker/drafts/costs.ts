import type { Batcher } from "../../contract/native.ts";
import { DRAFT_LENGTHS, MARGIN } from "./choice.ts";

/** How long a native call takes that evaluates so many tokens of one sequence, fewest tokens first. Begins with one token. */
export type Curve = readonly { readonly tokens: number; readonly ms: number }[];

/** What the calls of a decoding step cost here. */
export type CallCosts = {
  /** The time of a call with one token of each of `sequences` sequences. */
  plainMs(sequences: number): number;
  /** The time of a call with drafts, of `tokens` tokens in all. */
  draftMs(tokens: number): number;
  recordPlain(sequences: number, ms: number): void;
  recordDraft(tokens: number, ms: number): void;
};

/** The weight of the newest call in the running mean. */
const NEWEST_WEIGHT = 0.2;
/** A delayed call counts at most as this many times the expected time. */
const MAX_DELAY = 2;
/** How much of what is known of a draft's time is forgotten with each plain call, so that a disturbance doesn't end drafts for good. */
const FORGOTTEN = 1 / 256;

/**
 * Estimates the cost of calls from the curve measured at load, and corrects it by the calls that were made: attention takes longer in long
 * sequences, and other programs run.
 */
export function createCallCosts(curve: Curve): CallCosts {
  /** The mean time of plain calls, by their number of sequences. */
  const plain = new Map<number, number>();
  /** The times of calls with drafts, by their number of tokens, in proportion to the expected time. */
  const drafted = new Map<number, number>();

  /** The expected time of a call with drafts: longer than on the curve by the same factor as a single token's. */
  const expectedMs = (tokens: number) =>
    onCurve(curve, tokens) * ((plain.get(1) ?? onCurve(curve, 1)) / onCurve(curve, 1));
  const mean = (before: number, newest: number) =>
    before + NEWEST_WEIGHT * (Math.min(newest, MAX_DELAY * before) - before);

  function plainMs(sequences: number): number {
    return sequences === 0 ? 0 : (plain.get(sequences) ?? expectedMs(sequences));
  }

  return {
    plainMs,
    draftMs: (tokens) => expectedMs(tokens) * (drafted.get(tokens) ?? 1),
    recordPlain(sequences, ms) {
      plain.set(sequences, mean(plainMs(sequences), ms));
      for (const [tokens, factor] of drafted) drafted.set(tokens, factor + FORGOTTEN * (1 - factor));
    },
    recordDraft(tokens, ms) {
      drafted.set(tokens, mean(drafted.get(tokens) ?? 1, ms / expectedMs(tokens)));
    },
  };
}

/** The time of a call on the curve: a line between two measured sizes, and in proportion beyond the last. */
function onCurve(curve: Curve, tokens: number): number {
  const above = curve.findIndex((point) => point.tokens >= tokens);
  const [from, to] = above < 0 ? curve.slice(-2) : curve.slice(Math.max(0, above - 1), above + 1);
  if (from === undefined) throw new Error("an empty curve");
  if (to === undefined) return above < 0 ? (from.ms * tokens) / from.tokens : from.ms;
  return from.ms + ((to.ms - from.ms) * (tokens - from.tokens)) / (to.tokens - from.tokens);
}

/** Whether a single sequence can gain by drafts if all predictions are right. */
export function canPay(curve: Curve): boolean {
  const single = curve[0];
  return curve.some(({ tokens, ms }) => tokens > 1 && single !== undefined && tokens * single.ms >= MARGIN * ms);
}

/**
 * After this time, in ms, no further call is measured. Small models take half a second for all; more is for large ones, and for calls that
 * other programs delay.
 */
const MEASURING_MS = 3_000;
const ROUNDS = 3;

/**
 * Measures the curve in the first slot, which must be empty and is so again afterwards. Undefined if the model can't drop single tokens, as
 * with recurrent models: it could not take back a draft.
 *
 * @param text the tokens of any text. They should differ, because a mixture of experts evaluates equal tokens with fewer experts
 */
export async function measureCurve(
  batcher: Batcher,
  text: readonly number[],
  now = () => performance.now(),
): Promise<Curve | undefined> {
  const largest = Math.min(batcher.maxBatchTokens, batcher.contextTokens);
  const sizes = [1, ...DRAFT_LENGTHS.map((length) => length + 1).reverse()].filter((size) => size <= largest);
  const curve = new Map<number, number>();

  /** The time of a call with the first `size` tokens, on an empty slot. */
  async function timeOf(size: number): Promise<number> {
    batcher.truncate(0, 0);
    const tokens = Array.from({ length: size }, (_, index) => text[index % text.length] ?? 0);
    const startedAt = now();
    batcher.beginBatch(size, false);
    batcher.addScored(0, 0, tokens);
    await batcher.decode();
    return now() - startedAt;
  }

  // The first call also reads the model's file into memory.
  await timeOf(2);
  if (!batcher.truncate(0, 1)) return undefined;
  const startedAt = now();
  const isLate = () => now() - startedAt > MEASURING_MS;
  for (let round = 0; round < ROUNDS && !isLate(); round++) {
    for (const size of sizes) {
      if (isLate()) break;
      const ms = await timeOf(size);
      curve.set(size, Math.min(curve.get(size) ?? ms, ms));
    }
  }
  batcher.truncate(0, 0);
  return Array.from(curve, ([tokens, ms]) => ({ tokens, ms }));
}
