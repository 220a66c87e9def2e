import type { SampledToken, SequenceRequest } from "../contract/messages.ts";
import type { Sampler, Scorer, Tokenizer } from "../contract/native.ts";
import { createDetokenizer, type Detokenizer } from "./detokenizer.ts";
import { createHeldLogprobs, type HeldLogprobs } from "./logprobs.ts";
import type { Slot } from "./placement.ts";
import { commonPrefixLength, type Exactness } from "./prefix.ts";
import { createStopMatcher, type StopMatcher } from "./stop-matcher.ts";

/** One running completion, from its arrival until its last token. */
export type Sequence = {
  readonly request: SequenceRequest;
  readonly exactness: Exactness;
  readonly prompt: readonly number[];
  /**
   * What is evaluated chunk by chunk before the first token is sampled: the prompt and, unless the answer must go on bit for bit,
   * what was generated before a crash. A prefill rounds otherwise than single decodes do, and has no logits to score its tokens by.
   */
  readonly prefill: readonly number[];
  /** How many of its first tokens are a head with cuts of its own. */
  readonly headTokens: number;
  /** Tokens generated so far, the replayed ones included. */
  readonly output: number[];
  readonly detokenizer: Detokenizer;
  readonly stopMatcher: StopMatcher;
  /** Whether the prompt's tokens are scored, so that all of them are evaluated. */
  readonly scoresPrompt: boolean;
  /** Where log-probabilities were asked for. */
  readonly heldLogprobs: HeldLogprobs | undefined;
  /** Undefined while it waits. */
  slot: Slot | undefined;
  sampler: Sampler | undefined;
  /** Where log-probabilities were asked for. */
  scorer: Scorer | undefined;
  /** Where the prompt is scored. */
  promptScorer: Scorer | undefined;
  /** How many of the prompt's tokens its slot held already. */
  cachedTokens: number;
  announced: boolean;
  /** When it came, when it had a slot, and when its prompt was evaluated to its end, by `performance.now()`. */
  readonly submittedAt: number;
  placedAt: number | undefined;
  prefilledAt: number | undefined;
};

/** What accepting a token led to. */
type Accepted = {
  readonly text: string;
  /** Of the tokens whose text is shown by now. */
  readonly logprobs: readonly SampledToken[];
  readonly finished: "stop" | "length" | undefined;
  /** The stop string that ended it. */
  readonly stopString?: string;
};

export function createSequence(
  request: SequenceRequest,
  prompt: readonly number[],
  tokenizer: Tokenizer,
  headTokens = 0,
): Sequence {
  const exactness = request.reproducible ? "exact" : request.sampling.temperature === 0 ? "greedy" : "free";
  return {
    request,
    exactness,
    prompt,
    prefill: exactness === "free" && request.logprobs === undefined ? [...prompt, ...request.replay] : prompt,
    headTokens,
    output: [],
    detokenizer: createDetokenizer(
      (tokens) => tokenizer.detokenize(tokens, request.showControlTokens),
      tokenizer.bytes,
    ),
    stopMatcher: createStopMatcher(request.stop),
    scoresPrompt: (request.promptScores?.from ?? prompt.length) < prompt.length,
    heldLogprobs: request.logprobs === undefined ? undefined : createHeldLogprobs(),
    slot: undefined,
    sampler: undefined,
    scorer: undefined,
    promptScorer: undefined,
    cachedTokens: 0,
    announced: false,
    submittedAt: performance.now(),
    placedAt: undefined,
    prefilledAt: undefined,
  };
}

/** What a sequence that ends now took. */
export function timesOf({ request, prefill, output, cachedTokens, submittedAt, placedAt, prefilledAt }: Sequence) {
  const now = performance.now();
  const placed = placedAt ?? now;
  const prefilled = prefilledAt ?? now;
  return {
    waitingMs: placed - submittedAt,
    prefillMs: prefilled - placed,
    prefillTokens: prefill.length - cachedTokens,
    decodeMs: now - prefilled,
    decodeTokens: Math.max(0, output.length - request.replay.length),
  };
}

/** Whether a sequence may go on from what `other` evaluates and draws from its logits, as if it had evaluated the same itself. */
export function mayShare({ prefill, exactness, scoresPrompt }: Sequence, other: Sequence): boolean {
  if (scoresPrompt) return false;
  if (exactness !== other.exactness && exactness !== "free") return false;
  return prefill.length === other.prefill.length && commonPrefixLength(prefill, other.prefill) === prefill.length;
}

/** The next token, where it is known from before a crash and not to be sampled. */
export function nextReplayedToken({ request, output }: Sequence): number | undefined {
  return request.replay[output.length];
}

/**
 * Takes the next token of a sequence: what text it completes, and whether the generation ends with it.
 *
 * @param logprob the token's, where log-probabilities were asked for
 * @param contextTokens how many tokens the slot holds; prompt and output together end there
 */
export function acceptToken(
  sequence: Sequence,
  token: number,
  logprob: SampledToken | undefined,
  tokenizer: Tokenizer,
  contextTokens: number,
): Accepted {
  const { request, prompt, output, detokenizer, stopMatcher, heldLogprobs } = sequence;
  output.push(token);

  const isStopToken = request.stopTokenIds?.includes(token) === true;
  if (tokenizer.isEndOfGeneration(token) || (isStopToken && request.showsStop !== true)) {
    return endSequence(sequence, "stop");
  }

  const fresh = detokenizer.push(token);
  if (logprob !== undefined) heldLogprobs?.push(logprob, fresh.length);
  // What has to be longer is not looked at.
  const isTooShort = output.length <= request.sampling.minTokens;
  const { text: before, stop } = isTooShort ? { text: fresh } : stopMatcher.push(fresh);
  const text = stop !== undefined && request.showsStop === true ? before + stop : before;
  const logprobs = heldLogprobs?.show(text.length) ?? [];
  if (stop !== undefined) {
    return { text, logprobs: [...logprobs, ...(heldLogprobs?.cut() ?? [])], finished: "stop", stopString: stop };
  }
  if (isStopToken) return withRest({ text, logprobs }, endSequence(sequence, "stop"));

  const full = prompt.length + output.length >= contextTokens;
  if (full || output.length >= (request.maxTokens ?? Number.POSITIVE_INFINITY)) {
    return withRest({ text, logprobs }, endSequence(sequence, "length"));
  }
  return { text, logprobs, finished: undefined };
}

function withRest({ text, logprobs }: Pick<Accepted, "text" | "logprobs">, rest: Accepted): Accepted {
  return { ...rest, text: text + rest.text, logprobs: [...logprobs, ...rest.logprobs] };
}

/** Ends a sequence after its last token: what was held back is shown, unless it turns out to be a stop string. */
export function endSequence({ detokenizer, stopMatcher, heldLogprobs }: Sequence, reason: "stop" | "length"): Accepted {
  const { text, stopped } = stopMatcher.push(detokenizer.flush());
  const shown = stopped ? text : text + stopMatcher.flush();
  if (heldLogprobs === undefined) return { text: shown, logprobs: [], finished: reason };
  const logprobs = heldLogprobs.show(shown.length);
  return {
    text: shown,
    logprobs: [...logprobs, ...(stopped ? heldLogprobs.cut() : heldLogprobs.flush())],
    finished: reason,
  };
}
