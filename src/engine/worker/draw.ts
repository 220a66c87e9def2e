import type { PromptToken } from "../contract/messages.ts";
import type { Tokenizer, TokenScores } from "../contract/native.ts";
import { describeScores } from "./logprobs.ts";
import type { Work } from "./plan.ts";
import { nextReplayedToken } from "./sequence.ts";

/** What comes after the evaluated tokens. */
export type Drawn = {
  /** Undefined where no token may follow. */
  readonly token: number | undefined;
  /** It is known from before a crash, and was only scored. */
  readonly replayed: boolean;
  readonly scores: TokenScores | undefined;
};

/** Draws the next token from what the call in progress leaves. Undefined where it is known from before a crash, or too early. */
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
 * Scores the tokens that follow those of a piece of a prompt, from the logits that the call in progress leaves.
 *
 * @param logitIndexes where those of each token are
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
 * What the host is told of them: those that it was not told before an engine died, the prompt's first token included.
 *
 * @param position of the piece's first token in the prompt
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
  const told = Math.max(0, (request.promptScores?.from ?? 0) - (position === 0 ? 0 : position + 1));
  return [...begin, ...scored].slice(told);
}
