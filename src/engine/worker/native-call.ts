import type { Batcher, TokenScores } from "../contract/native.ts";
import type { Work } from "./plan.ts";
import { nextReplayedToken } from "./sequence.ts";

/** The token after the evaluated ones. */
export type Drawn = {
  /** Undefined if the grammar allows no token. */
  readonly token: number | undefined;
  /** Whether the token is known from before a crash and was only scored. */
  readonly replayed: boolean;
  readonly scores: TokenScores | undefined;
};

/** The results of a native call, in the order of its work. */
type Evaluated = {
  /** The index of the logits after each item's last token; −1 if they weren't requested. */
  readonly logits: readonly number[];
  readonly drawn: readonly (Drawn | undefined)[];
  /** The scores of a prompt's piece. */
  readonly scores: readonly (readonly (TokenScores | undefined)[] | undefined)[];
};

/**
 * Evaluates tokens in one native call, and samples and scores from its logits.
 *
 * @param duringCall called while the native call runs
 */
export async function evaluate(batcher: Batcher, work: readonly Work[], duringCall: () => void): Promise<Evaluated> {
  for (const { slot, isOffCut } of work) {
    if (isOffCut === true) slot.exactTokens = Math.min(slot.exactTokens, slot.tokens.length);
  }
  batcher.beginBatch(
    work.reduce((sum, { tokens }) => sum + tokens.length, 0),
    work.some(({ sequence }) => sequence.exactness === "exact"),
  );
  const indexes = work.map(({ slot, tokens, wantLogits, isScored = false }) =>
    isScored
      ? batcher.addScored(slot.index, slot.tokens.length, tokens)
      : [batcher.addToBatch(slot.index, slot.tokens.length, tokens, wantLogits)],
  );
  const logits = work.map(({ wantLogits }, index) => (wantLogits ? (indexes[index]?.at(-1) ?? -1) : -1));

  // Samples are requested before the evaluation has ended. They run right after it, without a round trip through this thread.
  const evaluated = batcher.decode();
  const draws = work.map((item, index) => drawAfter(item, logits[index] ?? -1));
  const scoring = work.map((item, index) =>
    item.isScored === true ? scorePiece(item, indexes[index] ?? []) : undefined,
  );
  duringCall();
  const [, ...drawn] = await Promise.all([evaluated, ...draws]);
  return { logits, drawn, scores: await Promise.all(scoring) };
}

/** Samples the next token from the logits of the call in progress. Undefined if no token is to be sampled or scored yet. */
export async function drawAfter({ sequence, wantLogits }: Work, logitIndex: number): Promise<Drawn | undefined> {
  const { request, output, sampler, scorer } = sequence;
  if (!wantLogits || sampler === undefined) return undefined;
  if (scorer === undefined) {
    const history = output.length < request.replay.length ? request.replay : output;
    return { token: await sampler.sample(logitIndex, history), replayed: false, scores: undefined };
  }
  const known = nextReplayedToken(sequence);
  const drawn = known === undefined ? sampler.sample(logitIndex, output) : Promise.resolve(known);
  const [token, scores] = await Promise.all([drawn, scorer.score(logitIndex, drawn)]);
  return { token, replayed: known !== undefined, scores };
}

/**
 * Scores each token that follows a token of a prompt's piece, from the logits of the call in progress.
 *
 * @param logitIndexes the index of each token's logits
 */
function scorePiece(
  { sequence: { prompt, promptScorer }, slot, tokens }: Work,
  logitIndexes: readonly number[],
): Promise<readonly (TokenScores | undefined)[]> {
  const following = prompt.slice(slot.tokens.length + 1, slot.tokens.length + 1 + tokens.length);
  return Promise.all(
    following.map((token, offset) => promptScorer?.score(logitIndexes[offset] ?? -1, Promise.resolve(token))),
  );
}
