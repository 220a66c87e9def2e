import type { PromptToken } from "../contract/messages.ts";
import type { Tokenizer, TokenScores } from "../contract/native.ts";
import { describeScores } from "./logprobs.ts";
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
export function scorePiece(
  { sequence: { prompt, promptScorer }, slot, tokens }: Work,
  logitIndexes: readonly number[],
): Promise<readonly (TokenScores | undefined)[]> {
  const following = prompt.slice(slot.tokens.length + 1, slot.tokens.length + 1 + tokens.length);
  return Promise.all(
    following.map((token, offset) => promptScorer?.score(logitIndexes[offset] ?? -1, Promise.resolve(token))),
  );
}

/**
 * The scores to send to the host, without those sent before a crash. The first piece includes the prompt's first token, which has no score.
 *
 * @param position the position of the piece's first token in the prompt
 */
export function describePiece(
  { sequence: { request, prompt } }: Work,
  position: number,
  scores: readonly (TokenScores | undefined)[],
  tokenizer: Tokenizer,
): readonly PromptToken[] {
  const [first] = prompt;
  const begin: PromptToken[] =
    position > 0 || first === undefined
      ? []
      : [{ token: first, bytes: tokenizer.bytes(first), logprob: null, top: [] }];
  const scored = scores.flatMap((each) => (each === undefined ? [] : [describeScores(each, tokenizer)]));
  const sent = Math.max(0, (request.promptScores?.from ?? 0) - (position === 0 ? 0 : position + 1));
  return [...begin, ...scored].slice(sent);
}
