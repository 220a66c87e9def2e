import { z } from "zod";
import type { PromptLogprob, TokenLogprob } from "../generation/event.ts";
import type { GenerationRequest } from "../generation/request.ts";
import { InvalidRequestError } from "./errors.ts";
import { integer } from "./fields.ts";

/** vLLM's limit. */
const MAX_TOP = 20;

/** The most prompt log-probabilities in one answer, alternatives included: about 50 MB of JSON. */
const MAX_SCORES = 524_288;

/** Tokens of ordinary text are longer. */
const LEAST_CHARS_PER_TOKEN = 2;

/** vLLM's `prompt_logprobs`. */
export const promptLogprobsField = integer(0, MAX_TOP)
  .nullish()
  .describe(
    "The number of most likely tokens to return log-probabilities for at each position of the prompt; not with `stream`.",
  );

/** Throws `InvalidRequestError` for `prompt_logprobs` in a stream, which has no field for them. */
export function refuseStreamedPrompt(wire: {
  readonly stream?: boolean | null | undefined;
  readonly prompt_logprobs?: number | null | undefined;
}): void {
  if (wire.stream !== true || (wire.prompt_logprobs ?? undefined) === undefined) return;
  throw new InvalidRequestError(
    "'prompt_logprobs' are not available when 'stream' is enabled. Leave out one of the two.",
    "prompt_logprobs",
    "invalid_parameter_combination",
  );
}

/**
 * Throws `InvalidRequestError` for prompts with more log-probabilities than an answer may hold.
 *
 * @param top the number of alternative tokens at each position
 */
export function refuseTooManyScores(prompts: readonly GenerationRequest["prompt"][], top: number, param: string): void {
  const tokens = prompts.reduce((sum, prompt) => sum + leastTokens(prompt), 0);
  if (tokens * (1 + top) <= MAX_SCORES) return;
  throw new InvalidRequestError(
    `Invalid '${param}': the prompts have too many tokens to return all their log-probabilities in one answer. Send them in several requests.`,
    param,
    "invalid_parameter_combination",
  );
}

function leastTokens(prompt: GenerationRequest["prompt"]): number {
  switch (prompt.type) {
    case "tokens":
      return prompt.tokens.length;
    case "text":
      return prompt.text.length / LEAST_CHARS_PER_TOKEN;
    case "infill":
      return (prompt.prefix.length + prompt.suffix.length) / LEAST_CHARS_PER_TOKEN;
    case "chat":
      return prompt.messages.reduce((sum, { content }) => sum + content.length, 0) / LEAST_CHARS_PER_TOKEN;
  }
}

const entry = z.object({ logprob: z.number(), rank: z.int().min(1).nullable(), decoded_token: z.string() });

/** vLLM's `prompt_logprobs` in an answer. */
export const promptLogprobs = z.array(z.record(z.string(), entry).nullable());

type WireEntry = z.infer<typeof entry>;

const utf8 = new TextDecoder();

/**
 * Encodes in vLLM's form: for each token of the prompt an object with the most likely tokens and the token itself, keyed by token id if
 * known; null for the first token. Only the most likely tokens have a rank.
 */
export function encodePromptLogprobs(logprobs: readonly PromptLogprob[]): (Record<string, WireEntry> | null)[] {
  return logprobs.map(({ logprob, top, ...own }) => {
    if (logprob === null) return null;
    const entries = top.map((token, index) => [nameOf(token), encodeEntry(token, index + 1)] as const);
    const isTop = top.some((token) => nameOf(token) === nameOf(own));
    return Object.fromEntries(
      isTop ? entries : [[nameOf(own), encodeEntry({ ...own, logprob }, null)] as const, ...entries],
    );
  });
}

/** Its id, or its text if the id is unknown. */
function nameOf({ token, bytes }: Pick<TokenLogprob, "token" | "bytes">): string {
  return token === undefined ? utf8.decode(Uint8Array.from(bytes)) : String(token);
}

function encodeEntry({ bytes, logprob }: TokenLogprob, rank: number | null): WireEntry {
  return { logprob, rank, decoded_token: utf8.decode(Uint8Array.from(bytes)) };
}
