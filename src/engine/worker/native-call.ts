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
  /** None for an item without logits, and several for a draft. */
  readonly drawn: readonly (readonly Drawn[])[];
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
  const indexes = work.map(({ slot, tokens, wantLogits, isScored = false, isDraft = false }) =>
    isScored || isDraft
      ? batcher.addScored(slot.index, slot.tokens.length, tokens)
      : [batcher.addToBatch(slot.index, slot.tokens.length, tokens, wantLogits)],
  );
  const logits = work.map(({ wantLogits }, index) => (wantLogits ? (indexes[index]?.at(-1) ?? -1) : -1));

  // Samples are requested before the evaluation has ended. They run right after it, without a round trip through this thread.
  const evaluated = batcher.decode();
  const draws = work.map((item, index) =>
    item.isDraft === true ? drawInDraft(item, indexes[index] ?? []) : drawAfter(item, logits[index] ?? -1),
  );
  const scoring = work.map((item, index) =>
    item.isScored === true ? scorePiece(item, indexes[index] ?? []) : undefined,
  );
  duringCall();
  const [, ...drawn] = await Promise.all([evaluated, ...draws]);
  return { logits, drawn, scores: await Promise.all(scoring) };
}

/** Samples the next token from the logits of the call in progress; none if no token is to be sampled or scored yet. */
export async function drawAfter({ sequence, wantLogits }: Work, logitIndex: number): Promise<readonly Drawn[]> {
  const { request, output, sampler, scorer } = sequence;
  if (!wantLogits || sampler === undefined) return [];
  if (scorer === undefined) {
    const history = output.length < request.replay.length ? request.replay : output;
    return [{ token: await sampler.sample(logitIndex, history), replayed: false, scores: undefined }];
  }
  const known = nextReplayedToken(sequence);
  const drawn = known === undefined ? sampler.sample(logitIndex, output) : Promise.resolve(known);
  const [token, scores] = await Promise.all([drawn, scorer.score(logitIndex, drawn)]);
  return [{ token, replayed: known !== undefined, scores }];
}

/**
 * Samples the tokens after a draft's places in their order, as long as they are the draft's own, and one more. Each is sampled as without a
 * draft, so neither randomness nor penalties nor a grammar can tell the difference.
 *
 * @param logitIndexes the index of each token's logits
 */
async function drawInDraft({ sequence, tokens }: Work, logitIndexes: readonly number[]): Promise<readonly Drawn[]> {
  const { output, sampler, scorer } = sequence;
  const history = [...output];
  const drawn: Drawn[] = [];
  for (const [place, logitIndex] of logitIndexes.entries()) {
    if (sampler === undefined) break;
    const sampled = sampler.sample(logitIndex, history);
    const [token, scores] = await Promise.all([sampled, scorer?.score(logitIndex, sampled)]);
    drawn.push({ token, replayed: false, scores });
    if (token === undefined || token !== tokens[place + 1]) break;
    history.push(token);
  }
  return drawn;
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
