import { z } from "zod";
import type { GenerationRequest, Sampling } from "../generation/request.ts";
import { InvalidRequestError } from "./errors.ts";
import { A_DECIMAL, AN_INTEGER, boolean, decimal, integer, isSet, mapOf, string } from "./fields.ts";

const MAX_STOPS = 64;
const MAX_STOP_LENGTH = 1_024;
const MAX_TOP_K = 1_000_000;
/** OpenAI's bound on the entries of `logit_bias`. */
const MAX_BIASES = 300;
const MAX_STOP_TOKENS = 256;
const MAX_ALLOWED_TOKENS = 65_536;
const MAX_BAD_WORDS = 256;
const MAX_BAD_WORD_LENGTH = 256;

/** As far back as llama.cpp's `repeat_penalty` looks unless somebody says otherwise. */
const REPEAT_LAST_TOKENS = 64;

// One without a character ends nothing.
const stop = string(MAX_STOP_LENGTH);
const tokenId = integer(0, 2 ** 31 - 1);
const penalty = z.number({ error: A_DECIMAL }).gt(0, { error: A_DECIMAL }).max(10, { error: A_DECIMAL });

/**
 * The fields that OpenAI's chat completions and completions share, and llama.cpp's beside them: how tokens are drawn, and where a text
 * ends. `null` is as good as absent.
 */
export const samplingFields = {
  stop: z
    .union([stop, z.array(stop).max(MAX_STOPS)], { error: "a string or array of strings" })
    .nullish()
    .describe("The answer ends before the first of these texts that comes; they are never shown."),
  temperature: decimal(0, 2)
    .nullish()
    .describe("How freely tokens are drawn: 0 takes the most likely each time, 1 is as the model learned it."),
  top_p: decimal(0, 1)
    .nullish()
    .describe("Draws from the smallest set of tokens with this probability together; 0 takes the most likely alone."),
  presence_penalty: decimal(-2, 2)
    .nullish()
    .describe("Subtracted from the logit of every token that the answer has already."),
  frequency_penalty: decimal(-2, 2)
    .nullish()
    .describe("Subtracted from a token's logit for each time that the answer has it already."),
  logit_bias: z
    .union(
      [
        mapOf(decimal(-100, 100), MAX_BIASES, z.string().regex(/^\d{1,10}$/)),
        // llama-server's form, in which `false` bans.
        z
          .array(
            z.tuple([tokenId, z.union([decimal(-100, 100), z.literal(false)], { error: "a decimal or false" })], {
              error: "a pair of a token id and a bias",
            }),
          )
          .max(MAX_BIASES),
      ],
      { error: "an object or array" },
    )
    .nullish()
    .describe("Added to the logits of tokens, by the model's own token ids; -100 bans one. 300 at most."),
  // An int64 in OpenAI's API, beyond what z.int() takes.
  seed: z
    .number({ error: AN_INTEGER })
    .multipleOf(1, { error: AN_INTEGER })
    // zod takes fractions for multiples of 1 where they are too small for its arithmetic.
    .refine(Number.isInteger, { error: AN_INTEGER })
    .min(-(2 ** 63), { error: AN_INTEGER })
    .max(2 ** 63, { error: AN_INTEGER })
    .nullish()
    .describe("The same request with the same seed gets the same text."),

  // llama.cpp's. −1 is "off" for top_k in vLLM and in older llama.cpp.
  top_k: integer(-1, MAX_TOP_K)
    .nullish()
    .describe("Draws from so many of the most likely tokens only; 0 and -1 are off."),
  min_p: decimal(0, 1)
    .nullish()
    .describe("Draws only from tokens at least this likely, relative to the most likely; 0 is off."),
  repeat_penalty: penalty
    .nullish()
    .describe("A penalty for tokens that are among the last of prompt and answer, 64 of them; 1 is off."),
  repeat_last_n: integer(-1, MAX_TOP_K)
    .nullish()
    .describe("How far back `repeat_penalty` looks: 0 is nowhere, -1 is to the beginning."),
  xtc_probability: decimal(0, 1)
    .nullish()
    .describe("How often the most likely of several good tokens are left out; 0 is off."),
  xtc_threshold: decimal(0, 1).nullish().describe("How likely a good token is; for `xtc_probability`."),

  // vLLM's and SGLang's.
  repetition_penalty: penalty
    .nullish()
    .describe("The same penalty over all of prompt and answer; only one of the two."),
  min_tokens: integer(0, MAX_TOP_K).nullish().describe("Nothing ends the answer before it has so many tokens."),
  ignore_eos: boolean().nullish().describe("Whether the model can't end the answer by itself."),
  stop_token_ids: z
    .array(tokenId, { error: "an array of integers" })
    .max(MAX_STOP_TOKENS)
    .nullish()
    .describe("The answer ends before the first of these tokens."),
  bad_words: z
    .array(string(MAX_BAD_WORD_LENGTH), { error: "an array of strings" })
    .max(MAX_BAD_WORDS)
    .nullish()
    .describe("Words that the answer doesn't have."),
  allowed_token_ids: z
    .array(tokenId, { error: "an array of integers" })
    .max(MAX_ALLOWED_TOKENS)
    .nullish()
    .describe("The only tokens that are drawn."),
  include_stop_str_in_output: boolean().nullish().describe("Whether what ended the answer is part of it."),
  skip_special_tokens: boolean()
    .nullish()
    .describe("With `false`, control tokens that the model writes are part of the text."),
};

const samplingSchema = z.object(samplingFields);
export type WireSampling = z.infer<typeof samplingSchema>;

/** Every field set, with OpenAI's defaults, and llama.cpp's own samplers off. */
export function decodeSampling(wire: WireSampling): Sampling {
  // A nucleus of probability 0 is the most likely token alone, which is what temperature 0 says without a doubt.
  const onlyMostLikely = wire.top_p === 0;
  refuseTwoPenalties(wire);
  const isOverAll = isSet(wire.repetition_penalty) && wire.repetition_penalty !== 1;
  return {
    temperature: onlyMostLikely ? 0 : (wire.temperature ?? 1),
    topP: onlyMostLikely ? 1 : (wire.top_p ?? 1),
    topK: Math.max(wire.top_k ?? 0, 0),
    minP: wire.min_p ?? 0,
    repeatPenalty: (isOverAll ? wire.repetition_penalty : wire.repeat_penalty) ?? 1,
    repeatLastTokens: wire.repeat_last_n ?? (isOverAll ? -1 : REPEAT_LAST_TOKENS),
    presencePenalty: wire.presence_penalty ?? 0,
    frequencyPenalty: wire.frequency_penalty ?? 0,
    xtcProbability: wire.xtc_probability ?? 0,
    xtcThreshold: wire.xtc_threshold ?? 0.1,
    logitBias: decodeLogitBias(wire.logit_bias ?? {}),
    allowedTokenIds:
      isSet(wire.allowed_token_ids) && wire.allowed_token_ids.length > 0 ? wire.allowed_token_ids : undefined,
    badWords: (wire.bad_words ?? []).filter((word) => word.trim() !== ""),
    minTokens: wire.min_tokens ?? 0,
    ignoresEnd: wire.ignore_eos ?? false,
    seed: isSet(wire.seed) ? foldSeed(wire.seed) : undefined,
  };
}

/** The stop strings as a list: one string stands for a list of one. */
export function decodeStop(wire: Pick<WireSampling, "stop">): readonly string[] {
  const stops = typeof wire.stop === "string" ? [wire.stop] : (wire.stop ?? []);
  return stops.filter((text) => text !== "");
}

/** What else says where a text ends, and what of it is seen, as far as it was asked for. */
export function decodeEnds(
  wire: WireSampling,
): Pick<GenerationRequest, "stopTokenIds" | "showsStop" | "showControlTokens"> {
  const stopTokenIds = wire.stop_token_ids ?? [];
  return {
    ...(stopTokenIds.length > 0 && { stopTokenIds }),
    ...(wire.include_stop_str_in_output === true && { showsStop: true }),
    ...(wire.skip_special_tokens === false && { showControlTokens: true }),
  };
}

function refuseTwoPenalties({ repeat_penalty, repetition_penalty }: WireSampling): void {
  const isTwice = isSet(repeat_penalty) && isSet(repetition_penalty);
  if (!isTwice || repeat_penalty === 1 || repetition_penalty === 1 || repeat_penalty === repetition_penalty) return;
  throw new InvalidRequestError(
    "Setting 'repeat_penalty' and 'repetition_penalty' to different values is not supported: there is one such penalty.",
    "repetition_penalty",
    "invalid_parameter_combination",
  );
}

function decodeLogitBias(biases: NonNullable<WireSampling["logit_bias"]>): Sampling["logitBias"] {
  const entries = Array.isArray(biases) ? biases : Object.entries(biases);
  return entries.map(([token, bias]) => [Number(token), bias === false ? -100 : bias] as const);
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
