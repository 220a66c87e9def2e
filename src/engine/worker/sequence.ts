import type { FinishReason } from "../../generation/event.ts";
import type { SequenceRequest } from "../messages.ts";
import type { Sampler, Tokenizer } from "./backend.ts";
import { createDetokenizer, type Detokenizer } from "./detokenizer.ts";
import type { Slot } from "./placement.ts";
import type { Exactness } from "./prefix.ts";
import { createStopMatcher, type StopMatcher } from "./stop-matcher.ts";

/** One running completion, from its arrival until its last token. */
export type Sequence = {
  readonly request: SequenceRequest;
  readonly exactness: Exactness;
  readonly prompt: readonly number[];
  /**
   * What is evaluated chunk by chunk before the first token is sampled: the prompt and, unless the answer must go on bit for bit,
   * what was generated before a crash. A prefill rounds otherwise than single decodes do.
   */
  readonly prefill: readonly number[];
  /** Tokens generated so far, the replayed ones included. */
  readonly output: number[];
  readonly detokenizer: Detokenizer;
  readonly stopMatcher: StopMatcher;
  /** Undefined while it waits. */
  slot: Slot | undefined;
  sampler: Sampler | undefined;
  /** How many of the prompt's tokens its slot held already. */
  cachedTokens: number;
  announced: boolean;
};

/** What accepting a token led to. */
export type Accepted = {
  readonly text: string;
  readonly finished: FinishReason | undefined;
  /** The stop string that ended it. */
  readonly stopString?: string;
};

export function createSequence(request: SequenceRequest, prompt: readonly number[], tokenizer: Tokenizer): Sequence {
  const exactness = request.reproducible ? "exact" : request.sampling.temperature === 0 ? "greedy" : "free";
  return {
    request,
    exactness,
    prompt,
    prefill: exactness === "free" ? [...prompt, ...request.replay] : prompt,
    output: [],
    detokenizer: createDetokenizer((tokens) => tokenizer.detokenize(tokens)),
    stopMatcher: createStopMatcher(request.stop),
    slot: undefined,
    sampler: undefined,
    cachedTokens: 0,
    announced: false,
  };
}

/** The next token, where it is known from before a crash and not to be sampled. */
export function nextReplayedToken({ request, output }: Sequence): number | undefined {
  return request.replay[output.length];
}

/**
 * Takes the next token of a sequence: what text it completes, and whether the generation ends with it.
 *
 * @param contextTokens how many tokens the slot holds; prompt and output together end there
 */
export function acceptToken(sequence: Sequence, token: number, tokenizer: Tokenizer, contextTokens: number): Accepted {
  const { request, prompt, output, detokenizer, stopMatcher } = sequence;
  output.push(token);

  if (tokenizer.isEndOfGeneration(token)) return { text: remainingText(sequence), finished: "stop" };

  const { text, stop } = stopMatcher.push(detokenizer.push(token));
  if (stop !== undefined) return { text, finished: "stop", stopString: stop };

  const full = prompt.length + output.length >= contextTokens;
  if (full || output.length >= (request.maxTokens ?? Number.POSITIVE_INFINITY)) {
    const rest = remainingText(sequence);
    return { text: text + rest, finished: "length" };
  }
  return { text, finished: undefined };
}

function remainingText({ detokenizer, stopMatcher }: Sequence): string {
  const { text, stopped } = stopMatcher.push(detokenizer.flush());
  return stopped ? text : text + stopMatcher.flush();
}
