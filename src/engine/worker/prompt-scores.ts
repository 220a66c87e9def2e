import type { PromptToken } from "../contract/messages.ts";
import type { Tokenizer, TokenScores } from "../contract/native.ts";
import { describeScores } from "./logprobs.ts";
import type { Work } from "./plan.ts";

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
