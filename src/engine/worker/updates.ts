import type { PromptToken, SequenceUpdate } from "../contract/messages.ts";
import type { Tokenizer, TokenScores } from "../contract/native.ts";
import { describeScores } from "./logprobs.ts";
import type { Work } from "./plan.ts";
import { type Sequence, timesOf } from "./sequence.ts";

/** The updates that were not yet sent to the host. */
export type Updates = {
  /** Adds an update. The first of a sequence also says that it has started, and the last has its times. */
  add(sequence: Sequence, update: Omit<SequenceUpdate, "id" | "started" | "times">): void;
  /** Adds the scores of a prompt's piece. Called before the tokens of `item` are added to the slot. */
  addScores(item: Work, scores: readonly (TokenScores | undefined)[]): void;
  drop(id: number): void;
  /** Reports all updates together. */
  send(): void;
};

/** @param isMetered whether energy is measured */
export function createUpdates(
  tokenizer: Tokenizer,
  report: (updates: SequenceUpdate[]) => void,
  isMetered = false,
): Updates {
  let pending: SequenceUpdate[] = [];

  function add(sequence: Sequence, update: Omit<SequenceUpdate, "id" | "started" | "times">): void {
    const { request, prompt, cachedTokens, announced } = sequence;
    sequence.announced = true;
    pending.push({
      id: request.id,
      ...(!announced && { started: { promptTokens: prompt.length, cachedTokens } }),
      ...update,
      ...(update.finished && { times: timesOf(sequence, isMetered) }),
    });
  }

  return {
    add,
    addScores(item, scores) {
      const promptLogprobs = describePiece(item, item.slot.tokens.length, scores, tokenizer);
      if (promptLogprobs.length > 0) add(item.sequence, { promptLogprobs, tokens: [], text: "" });
    },
    drop(id) {
      pending = pending.filter((update) => update.id !== id);
    },
    send() {
      if (pending.length === 0) return;
      const updates = pending;
      pending = [];
      report(updates);
    },
  };
}

/**
 * The scores to send to the host, without those sent before a crash. The first piece includes the prompt's first token, which has no score.
 *
 * @param position the position of the piece's first token in the prompt
 */
function describePiece(
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
