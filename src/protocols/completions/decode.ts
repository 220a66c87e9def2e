import type { Prompt } from "../../generation/request.ts";
import type { Defaults, Unprompted } from "../../generation/wish.ts";
import { InvalidRequestError } from "../errors.ts";
import { isSet } from "../fields.ts";
import { decodeFormat, sayFormat } from "../format-words.ts";
import { decodeMaxTokens } from "../max-tokens.ts";
import { refuseStreamedPrompt, refuseTooManyScores } from "../prompt-logprobs.ts";
import { decodeEnds, decodeSampling } from "../sampling.ts";
import { decodeStreamOptions, type StreamOptions } from "../stream-options.ts";
import { parseBody } from "../words/read.ts";
import type { WirePrompt } from "./prompts.ts";
import { completionRequestSchema, type WireCompletionRequest } from "./schema.ts";

/** OpenAI's defaults. */
export const COMPLETION_DEFAULTS: Defaults = { choices: 1, maxTokens: 16 };
/** The same limit as for `n`. */
const MAX_CHOICES = 128;

/** A prompt that is not a conversation. */
type CompletionPrompt = Exclude<Prompt, { readonly type: "chat" }>;

/** A decoded completion request. */
export type CompletionRequest = StreamOptions & {
  /** The model's id or alias from the request; undefined if it names none. */
  readonly model: string | undefined;
  /** At least one. Each is a separate generation. */
  readonly prompts: readonly CompletionPrompt[];
  /** Whether the answer begins with the prompt. */
  readonly echo: boolean;
  /** The number of choices returned for each prompt: the best ones if more are generated. */
  readonly returned: number;
  /** The number of most likely tokens to return log-probabilities for; undefined for no log-probabilities. */
  readonly logprobs: number | undefined;
  /** The same for the prompt's tokens, in vLLM's form. */
  readonly promptLogprobs: number | undefined;
  /** The wish for each prompt, without defaults. */
  readonly wish: Unprompted;
};

/**
 * Decodes the body of `POST /v1/completions`. Throws `InvalidRequestError` for the first field that is invalid or can't be honoured.
 */
export function decodeCompletionRequest(body: unknown): CompletionRequest {
  const wire = parseBody("completions", completionRequestSchema, body);
  const returned = wire.n ?? 1;
  const generated = wire.best_of ?? returned;
  refuseCombinations(wire, returned, generated);
  refuseStreamedPrompt(wire);
  const format = decodeFormat(wire);
  const prompts = wire.prompt.map((prompt, index) => decodePrompt(prompt, wire, index));
  const promptLogprobs = decodePromptLogprobs(wire);
  if (promptLogprobs !== undefined) refuseTooManyScores(prompts, promptLogprobs, "prompt");
  // Choices are ranked by the log-probabilities of their tokens.
  const logprobs = wire.logprobs ?? (generated > returned ? 0 : undefined);
  const maxTokens = decodeMaxTokens(wire.max_tokens, "max_tokens", 0);

  return {
    model: wire.model ?? undefined,
    ...decodeStreamOptions(wire),
    prompts,
    echo: wire.echo ?? false,
    returned,
    logprobs: wire.logprobs ?? undefined,
    promptLogprobs: wire.prompt_logprobs ?? undefined,
    wish: {
      ...(promptLogprobs !== undefined && { promptLogprobs }),
      ...(logprobs !== undefined && { logprobs }),
      ...sayFormat(wire, format),
      ...((isSet(wire.n) || isSet(wire.best_of)) && { choices: generated }),
      ...(maxTokens !== undefined && { maxTokens }),
      ...decodeEnds(wire),
      sampling: decodeSampling(wire),
    },
  };
}

/** The number of tokens at each position of the prompt: the larger of the two fields. */
function decodePromptLogprobs({ echo, logprobs, prompt_logprobs }: WireCompletionRequest): number | undefined {
  const asked = [echo === true ? logprobs : undefined, prompt_logprobs].filter(isSet);
  return asked.length === 0 ? undefined : Math.max(...asked);
}

function decodePrompt(prompt: WirePrompt, { suffix }: WireCompletionRequest, index: number): CompletionPrompt {
  // An empty suffix is the same as none.
  const hasSuffix = isSet(suffix) && suffix !== "";
  if (typeof prompt !== "string") {
    if (hasSuffix) {
      throw new InvalidRequestError(
        `Invalid 'suffix': it needs text prompts, and prompt ${index} is a list of token ids. Send the prompt as a string.`,
        "suffix",
        "invalid_parameter_combination",
      );
    }
    return { type: "tokens", tokens: prompt };
  }
  // A lone surrogate has no UTF-8 form: the tokenizer would see a different text.
  const text = prompt.toWellFormed();
  return hasSuffix ? { type: "infill", prefix: text, suffix: suffix.toWellFormed() } : { type: "text", text };
}

/** Refuses fields that are valid alone but not together, with OpenAI's wording where it exists. */
function refuseCombinations(wire: WireCompletionRequest, returned: number, generated: number): void {
  if (generated < returned) {
    throw new InvalidRequestError(
      "You requested that the server return more choices than it will generate (HINT: you must set 'n' " +
        `(currently ${returned}) to be at most 'best_of' (currently ${generated}), or omit either parameter if you ` +
        "don't specifically want to use them.)",
      "best_of",
      "invalid_parameter_combination",
    );
  }
  if (wire.stream === true && generated > returned) {
    throw new InvalidRequestError(
      "Results can't be streamed when 'best_of' is greater than 'n': the best ones are known only at the end. " +
        "Leave out 'stream' or 'best_of'.",
      "best_of",
      "invalid_parameter_combination",
    );
  }
  const choices = wire.prompt.length * generated;
  if (choices > MAX_CHOICES) {
    throw new InvalidRequestError(
      `Invalid 'prompt': ${wire.prompt.length} prompts with ${generated} choices each are ${choices} choices, and a request ` +
        `can have at most ${MAX_CHOICES}. Send the prompts in several requests.`,
      "prompt",
      "invalid_parameter_combination",
    );
  }
}
