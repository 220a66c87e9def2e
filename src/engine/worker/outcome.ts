import type { Batcher, Tokenizer, TokenScores } from "../contract/native.ts";
import { describeScores } from "./logprobs.ts";
import type { Drawn } from "./native-call.ts";
import type { Work } from "./plan.ts";
import { acceptToken, endSequence, nextReplayedToken, type Sequence } from "./sequence.ts";
import type { Updates } from "./updates.ts";

/** Applies what a native call has brought to its sequences. */
export type Outcome = {
  /** The sampled tokens of one item, if any, their text, and whether it ends. */
  readonly apply: (work: Work, drawn: readonly Drawn[]) => void;
};

export type OutcomeOptions = {
  readonly batcher: Pick<Batcher, "contextTokens" | "truncate">;
  readonly tokenizer: Tokenizer;
  readonly updates: Updates;
  /** Whether a sequence has neither ended nor been cancelled. */
  readonly isRunning: (sequence: Sequence) => boolean;
  /** Frees the slot of a sequence that has ended. */
  readonly release: (sequence: Sequence) => void;
  /** Called for a sequence that was ended because its grammar takes too long. */
  readonly reject: (id: number, reason: string) => void;
};

export function createOutcome({ batcher, tokenizer, updates, isRunning, release, reject }: OutcomeOptions): Outcome {
  /** Removes those of a draft's tokens from the KV cache that were not sampled, or only after the sequence's end. */
  function dropRejected({ sequence: { prompt, output }, slot, tokens }: Work): void {
    const evaluated = slot.tokens.length - 1 + tokens.length;
    slot.tokens.push(...output.slice(slot.tokens.length - prompt.length, -1));
    const kept = slot.tokens.length;
    if (kept === evaluated || batcher.truncate(slot.index, kept)) return;
    throw new Error("The model can't take back a draft.");
  }

  /** Updates one sequence after an evaluation: the sampled tokens, if any, their text, and whether it ends. */
  function advance({ sequence, slot }: Work, drawn: readonly Drawn[]): void {
    const { request, prompt, prefill, output } = sequence;
    if (slot.tokens.length < prefill.length) return;
    sequence.prefilledAt ??= performance.now();
    if (request.maxTokens === 0 && isRunning(sequence)) {
      release(sequence);
      updates.add(sequence, { tokens: [], text: "", finished: { reason: "length", completionTokens: 0 } });
    }

    const [first] = drawn;
    // Accept the replayed tokens whose predecessors were evaluated.
    while (output.length <= slot.tokens.length - prompt.length) {
      const replayed = nextReplayedToken(sequence);
      if (replayed === undefined) break;
      accept(sequence, replayed, first?.replayed ? first.scores : undefined);
    }
    if (first === undefined || first.replayed) return;
    for (const each of drawn) {
      if (!isRunning(sequence)) return;
      take(sequence, each);
    }
  }

  /** Adds a sampled token to a sequence. */
  function take(sequence: Sequence, { token, scores }: Drawn): void {
    const { request, output } = sequence;
    if (token === undefined && sequence.sampler?.fault !== undefined) {
      const { fault } = sequence.sampler;
      release(sequence);
      updates.send();
      reject(request.id, fault);
      return;
    }
    const { text, logprobs, finished, stopString } =
      token === undefined ? endSequence(sequence, "stop") : accept(sequence, token, scores);
    if (finished !== undefined) release(sequence);
    updates.add(sequence, {
      tokens: token === undefined ? [] : [token],
      text,
      ...(logprobs.length > 0 && { logprobs }),
      ...(finished && {
        finished: {
          reason: finished,
          completionTokens: output.length,
          ...(stopString !== undefined && { stopString }),
        },
      }),
    });
  }

  function accept(sequence: Sequence, token: number, scores: TokenScores | undefined) {
    const logprob = scores && describeScores(scores, tokenizer);
    return acceptToken(sequence, token, logprob, tokenizer, batcher.contextTokens);
  }

  return {
    apply(item, drawn) {
      advance(item, drawn);
      if (item.isDraft === true) dropRejected(item);
    },
  };
}
