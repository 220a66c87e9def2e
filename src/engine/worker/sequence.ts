import type { SampledToken, SequenceRequest } from "../contract/messages.ts";
import type { Batcher, Sampler, Scorer, Tokenizer } from "../contract/native.ts";
import { createDetokenizer, type Detokenizer } from "./detokenizer.ts";
import { createHeldLogprobs, type HeldLogprobs } from "./logprobs.ts";
import type { Slot } from "./placement.ts";
import { commonPrefixLength, type Exactness } from "./prefix.ts";
import { createStopMatcher, type StopMatcher } from "./stop-matcher.ts";

/** One completion, from its arrival until its last token. */
export type Sequence = {
  readonly request: SequenceRequest;
  readonly exactness: Exactness;
  readonly prompt: readonly number[];
  /**
   * The tokens that are evaluated in chunks before the first token is sampled: the prompt and, unless the output must be exact or scored, what
   * was generated before a crash. Prefill rounds differently from single decodes, and yields no logits to score its tokens.
   */
  readonly prefill: readonly number[];
  /** The length of the prompt's head, which is cut separately. */
  readonly headTokens: number;
  /** The tokens generated so far, including the replayed ones. */
  readonly output: number[];
  readonly detokenizer: Detokenizer;
  readonly stopMatcher: StopMatcher;
  /** Whether the prompt's tokens are scored, so that all of them must be evaluated. */
  readonly scoresPrompt: boolean;
  /** Set if log-probabilities were requested. */
  readonly heldLogprobs: HeldLogprobs | undefined;
  /** Undefined while it waits for a slot. */
  slot: Slot | undefined;
  sampler: Sampler | undefined;
  /** Set if log-probabilities were requested. */
  scorer: Scorer | undefined;
  /** Set if the prompt is scored. */
  promptScorer: Scorer | undefined;
  /** How many of the prompt's tokens were in the KV cache. */
  cachedTokens: number;
  announced: boolean;
  /** The times of its submission, its slot, and the end of its prefill, by `performance.now()`. */
  readonly submittedAt: number;
  placedAt: number | undefined;
  prefilledAt: number | undefined;
  /** Its shares of the time and the energy of the native calls that it was part of. */
  readonly spent: { ms: number; joules: number };
};

/** The result of accepting a token. */
type Accepted = {
  readonly text: string;
  /** Those of the tokens whose text is complete by now. */
  readonly logprobs: readonly SampledToken[];
  readonly finished: "stop" | "length" | undefined;
  /** The stop string that ended the sequence. */
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
    spent: { ms: 0, joules: 0 },
  };
}

/** Gives a sequence its slot, which holds `cachedTokens` of its prompt, and its sampler. */
export function placeSequence(sequence: Sequence, slot: Slot, cachedTokens: number, batcher: Batcher): void {
  const { request, prompt, scoresPrompt } = sequence;
  sequence.slot = slot;
  sequence.placedAt = performance.now();
  sequence.cachedTokens = Math.min(cachedTokens, prompt.length);
  sequence.sampler = batcher.createSampler(request, prompt);
  for (const token of request.replay) sequence.sampler.accept(token);
  if (request.logprobs !== undefined) sequence.scorer = batcher.createScorer(request.logprobs);
  if (scoresPrompt) sequence.promptScorer = batcher.createScorer(request.promptScores?.top ?? 0);
}

/** Frees a sequence's slot and native memory. */
export function releaseSequence(sequence: Sequence): void {
  for (const native of ["sampler", "scorer", "promptScorer"] as const) {
    sequence[native]?.dispose();
    sequence[native] = undefined;
  }
  sequence.slot = undefined;
}

/** What a sequence that ends now has taken. @param isMetered whether energy is measured */
export function timesOf(
  { request, prefill, output, cachedTokens, submittedAt, placedAt, prefilledAt, spent }: Sequence,
  isMetered: boolean,
) {
  const now = performance.now();
  const placed = placedAt ?? now;
  const prefilled = prefilledAt ?? now;
  return {
    waitingMs: placed - submittedAt,
    prefillMs: prefilled - placed,
    prefillTokens: prefill.length - cachedTokens,
    decodeMs: now - prefilled,
    decodeTokens: Math.max(0, output.length - request.replay.length),
    computeMs: spent.ms,
    ...(isMetered && { joules: spent.joules }),
  };
}

/** Whether a sequence has the same prompt as `other` and may sample from the same logits. */
export function mayShare({ prefill, exactness, scoresPrompt }: Sequence, other: Sequence): boolean {
  if (scoresPrompt) return false;
  if (exactness !== other.exactness && exactness !== "free") return false;
  return prefill.length === other.prefill.length && commonPrefixLength(prefill, other.prefill) === prefill.length;
}

/** The next token, if it is known from before a crash. */
export function nextReplayedToken({ request, output }: Sequence): number | undefined {
  return request.replay[output.length];
}

/**
 * Adds the next token to a sequence. Returns the text that it completes, and whether the generation ends.
 *
 * @param logprob the token's log-probability, if requested
 * @param contextTokens the context of the slot, for prompt and output together
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
  // Below the minimum length, stop strings are ignored.
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

/** Ends a sequence after its last token. Text that was held back is sent, unless it contains a stop string. */
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
