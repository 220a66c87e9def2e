import type { GenerationRequest, Sampling } from "../../generation/request.ts";
import { InvalidRequestError } from "../errors.ts";
import { parseWire } from "../issue.ts";
import { decodeMessages } from "./decode-messages.ts";
import { chatRequestSchema, type WireChatRequest } from "./schema.ts";
import { refuseUnsupported } from "./unsupported.ts";

/** OpenAI's bound on the entries of `logit_bias`. */
const MAX_BIASES = 300;

/** A chat completion request, understood. */
export type ChatRequest = {
  /** The model as the client named it: an id or an alias. */
  readonly model: string;
  readonly stream: boolean;
  /** Whether a last chunk with the usage was asked for. */
  readonly includeUsage: boolean;
  /** What to generate. The id, the resolved model and the signal are the server's to add. */
  readonly generation: Omit<GenerationRequest, "id" | "model" | "signal">;
};

/**
 * Understands the body of `POST /v1/chat/completions`. Throws `InvalidRequestError` for the first thing in it that is wrong, or that
 * this server can't honour.
 */
export function decodeChatRequest(body: unknown): ChatRequest {
  const wire = parseWire(chatRequestSchema, body);
  refuseUnsupported(Object(body));
  refuseCombinations(wire);

  return {
    model: wire.model,
    stream: wire.stream ?? false,
    includeUsage: wire.stream_options?.include_usage ?? false,
    generation: {
      prompt: { type: "chat", messages: decodeMessages(wire.messages) },
      choices: wire.n ?? 1,
      maxTokens: wire.max_completion_tokens ?? wire.max_tokens ?? undefined,
      stop: typeof wire.stop === "string" ? [wire.stop] : (wire.stop ?? []),
      sampling: decodeSampling(wire),
    },
  };
}

/** Fields that are fine alone and wrong together, in the words of OpenAI's servers. */
function refuseCombinations(wire: WireChatRequest): void {
  if (isSet(wire.max_tokens) && isSet(wire.max_completion_tokens)) {
    throw new InvalidRequestError(
      "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
      "max_tokens",
      "invalid_parameter_combination",
    );
  }
  if (isSet(wire.stream_options) && wire.stream !== true) {
    throw new InvalidRequestError(
      "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
      "stream_options",
      null,
    );
  }
}

/** Every field set, with OpenAI's defaults, and llama.cpp's own samplers off. */
function decodeSampling(wire: WireChatRequest): Sampling {
  // A nucleus of probability 0 is the most likely token alone, which is what temperature 0 says without a doubt.
  const onlyMostLikely = wire.top_p === 0;
  return {
    temperature: onlyMostLikely ? 0 : (wire.temperature ?? 1),
    topP: onlyMostLikely ? 1 : (wire.top_p ?? 1),
    topK: Math.max(wire.top_k ?? 0, 0),
    minP: wire.min_p ?? 0,
    repeatPenalty: wire.repeat_penalty ?? 1,
    presencePenalty: wire.presence_penalty ?? 0,
    frequencyPenalty: wire.frequency_penalty ?? 0,
    logitBias: decodeLogitBias(wire.logit_bias ?? {}),
    seed: isSet(wire.seed) ? foldSeed(wire.seed) : undefined,
  };
}

function decodeLogitBias(biases: Readonly<Record<string, number>>): Sampling["logitBias"] {
  const entries = Object.entries(biases);
  if (entries.length > MAX_BIASES) {
    throw new InvalidRequestError(
      `Invalid 'logit_bias': too many properties. Expected an object with at most ${MAX_BIASES} properties, ` +
        `but got an object with ${entries.length} properties instead.`,
      "logit_bias",
      "object_above_max_properties",
    );
  }
  return entries.map(([token, bias]) => [Number(token), bias] as const);
}

/**
 * An int64 as the uint32 that the sampler takes. Small seeds stay themselves. The modulus is 2³² − 1, not 2³²: that lets the high half
 * count too, and never gives 0xFFFFFFFF, which llama.cpp takes for "draw a seed" (LLAMA_DEFAULT_SEED).
 */
function foldSeed(seed: number): number {
  const modulus = 0xffff_ffffn;
  const remainder = BigInt(seed) % modulus;
  return Number(remainder < 0n ? remainder + modulus : remainder);
}

function isSet<T>(value: T | null | undefined): value is T {
  return value !== undefined && value !== null;
}
