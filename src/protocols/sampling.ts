import { z } from "zod";
import type { Sampling } from "../generation/request.ts";
import type { Wish } from "../generation/wish.ts";
import { InvalidRequestError } from "./errors.ts";
import { A_DECIMAL, AN_INTEGER, boolean, decimal, integer, isSet, mapOf, string } from "./fields.ts";

const MAX_STOPS = 64;
const MAX_STOP_LENGTH = 1_024;
const MAX_TOP_K = 1_000_000;
/** OpenAI's limit on the entries of `logit_bias`. */
const MAX_BIASES = 300;
const MAX_STOP_TOKENS = 256;
const MAX_ALLOWED_TOKENS = 65_536;
const MAX_BAD_WORDS = 256;
const MAX_BAD_WORD_LENGTH = 256;

// An empty stop string has no effect.
const stop = string(MAX_STOP_LENGTH);
const tokenId = integer(0, 2 ** 31 - 1);
const penalty = z.number({ error: A_DECIMAL }).gt(0, { error: A_DECIMAL }).max(10, { error: A_DECIMAL });

/**
 * The sampling and stop fields that OpenAI's chat completions and completions share, and those of llama.cpp, vLLM and SGLang. `null`
 * counts as absent.
 */
export const samplingFields = {
  stop: z
    .union([stop, z.array(stop).max(MAX_STOPS)], { error: "a string or array of strings" })
    .nullish()
    .describe("Strings that end the answer. The answer doesn't include them."),
  temperature: decimal(0, 2)
    .nullish()
    .describe(
      "The sampling temperature: 0 always picks the most likely token, 1 leaves the model's probabilities unchanged.",
    ),
  top_p: decimal(0, 1)
    .nullish()
    .describe(
      "Samples from the smallest set of most likely tokens with this total probability; 0 keeps only the most likely.",
    ),
  presence_penalty: decimal(-2, 2)
    .nullish()
    .describe("Subtracted from the logit of every token that is already in the answer."),
  frequency_penalty: decimal(-2, 2)
    .nullish()
    .describe("Subtracted from a token's logit for each time it is already in the answer."),
  logit_bias: z
    .union(
      [
        mapOf(decimal(-100, 100), MAX_BIASES, z.string().regex(/^\d{1,10}$/)),
        // llama-server's form. `false` bans a token.
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
    .describe("Added to the logits of tokens, by the model's own token ids; -100 bans a token. At most 300."),
  // An int64 in OpenAI's API, beyond what z.int() takes.
  seed: z
    .number({ error: AN_INTEGER })
    .multipleOf(1, { error: AN_INTEGER })
    // zod accepts very small fractions as multiples of 1.
    .refine(Number.isInteger, { error: AN_INTEGER })
    .min(-(2 ** 63), { error: AN_INTEGER })
    .max(2 ** 63, { error: AN_INTEGER })
    .nullish()
    .describe("The same request with the same seed gets the same text."),

  // llama.cpp's. −1 is "off" for top_k in vLLM and in older llama.cpp.
  top_k: integer(-1, MAX_TOP_K)
    .nullish()
    .describe("The number of most likely tokens to sample from; 0 and -1 turn it off."),
  min_p: decimal(0, 1)
    .nullish()
    .describe("The lowest probability of a token, relative to the most likely one; 0 turns it off."),
  repeat_penalty: penalty
    .nullish()
    .describe("A penalty for tokens that are among the last 64 of prompt and answer; 1 turns it off."),
  repeat_last_n: integer(-1, MAX_TOP_K)
    .nullish()
    .describe("The number of last tokens that `repeat_penalty` applies to: 0 for none, -1 for all."),
  xtc_probability: decimal(0, 1)
    .nullish()
    .describe("The probability of removing the most likely of several good tokens; 0 turns it off."),
  xtc_threshold: decimal(0, 1).nullish().describe("The lowest probability of a good token, for `xtc_probability`."),

  // vLLM's and SGLang's.
  repetition_penalty: penalty
    .nullish()
    .describe("As `repeat_penalty`, over all of prompt and answer. Send only one of the two."),
  min_tokens: integer(0, MAX_TOP_K).nullish().describe("The least number of tokens before the answer may end."),
  ignore_eos: boolean().nullish().describe("Whether to keep the model from ending the answer by itself."),
  stop_token_ids: z
    .array(tokenId, { error: "an array of integers" })
    .max(MAX_STOP_TOKENS)
    .nullish()
    .describe("Token ids that end the answer."),
  bad_words: z
    .array(string(MAX_BAD_WORD_LENGTH), { error: "an array of strings" })
    .max(MAX_BAD_WORDS)
    .nullish()
    .describe("Words that the answer must not contain."),
  allowed_token_ids: z
    .array(tokenId, { error: "an array of integers" })
    .max(MAX_ALLOWED_TOKENS)
    .nullish()
    .describe("The only token ids that may be sampled."),
  include_stop_str_in_output: boolean()
    .nullish()
    .describe("Whether the answer includes the stop string that ended it."),
  skip_special_tokens: boolean().nullish().describe("`false` keeps the model's control tokens in the text."),
};

const samplingSchema = z.object(samplingFields);
export type WireSampling = z.infer<typeof samplingSchema>;

/** The value of each sampling field; undefined if the request doesn't set it. A new field that isn't decoded fails to compile. */
type Reading = { readonly [Field in keyof Sampling]: Sampling[Field] | undefined };

/** Decodes the sampling fields that the request sets. */
export function decodeSampling(wire: WireSampling): Partial<Sampling> {
  refuseTwoPenalties(wire);
  const { repetition_penalty: overAll, logit_bias, bad_words, allowed_token_ids: allowed } = wire;
  const isOverAll = isSet(overAll) && overAll !== 1;
  const reading: Reading = {
    temperature: wire.temperature ?? undefined,
    topP: wire.top_p ?? undefined,
    topK: wire.top_k ?? undefined,
    minP: wire.min_p ?? undefined,
    repeatPenalty: (isOverAll ? overAll : (wire.repeat_penalty ?? overAll)) ?? undefined,
    repeatLastTokens: wire.repeat_last_n ?? (isOverAll ? -1 : undefined),
    presencePenalty: wire.presence_penalty ?? undefined,
    frequencyPenalty: wire.frequency_penalty ?? undefined,
    xtcProbability: wire.xtc_probability ?? undefined,
    xtcThreshold: wire.xtc_threshold ?? undefined,
    logitBias: isSet(logit_bias) ? decodeLogitBias(logit_bias) : undefined,
    allowedTokenIds: isSet(allowed) && allowed.length > 0 ? allowed : undefined,
    badWords: bad_words?.filter((word) => word.trim() !== ""),
    minTokens: wire.min_tokens ?? undefined,
    ignoresEnd: wire.ignore_eos ?? undefined,
    seed: wire.seed ?? undefined,
  };
  return saidOf(reading);
}

function saidOf(reading: object): Partial<Sampling> {
  return Object.fromEntries(Object.entries(reading).filter(([, value]) => value !== undefined));
}

/** Decodes the stop fields that the request sets. @param stop a string counts as a list of one */
export function decodeEnds(
  wire: WireSampling,
  stop: WireSampling["stop"] = wire.stop,
): Pick<Wish, "stop" | "stopTokenIds" | "showsStop" | "showControlTokens"> {
  const stopTokenIds = wire.stop_token_ids ?? [];
  return {
    ...(isSet(stop) && { stop: [stop].flat().filter((text) => text !== "") }),
    ...(stopTokenIds.length > 0 && { stopTokenIds }),
    ...(wire.include_stop_str_in_output === true && { showsStop: true }),
    ...(wire.skip_special_tokens === false && { showControlTokens: true }),
  };
}

function refuseTwoPenalties({ repeat_penalty, repetition_penalty }: WireSampling): void {
  const isTwice = isSet(repeat_penalty) && isSet(repetition_penalty);
  if (!isTwice || repeat_penalty === 1 || repetition_penalty === 1 || repeat_penalty === repetition_penalty) return;
  throw new InvalidRequestError(
    "Setting 'repeat_penalty' and 'repetition_penalty' to different values is not supported: they set the same penalty. Send one of them.",
    "repetition_penalty",
    "invalid_parameter_combination",
  );
}

function decodeLogitBias(biases: NonNullable<WireSampling["logit_bias"]>): Sampling["logitBias"] {
  const entries = Array.isArray(biases) ? biases : Object.entries(biases);
  return entries.map(([token, bias]) => [Number(token), bias === false ? -100 : bias] as const);
}
