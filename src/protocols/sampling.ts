import { z } from "zod";
import type { Sampling } from "../generation/request.ts";
import type { Wish } from "../generation/wish.ts";
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

/** What a request says of each field, undefined where that is nothing. A field that is added has to be read, or it does not compile. */
type Reading = { readonly [Field in keyof Sampling]: Sampling[Field] | undefined };

/** How tokens are to be drawn, as far as the request says it. */
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

/** Where a text ends, and what of its end is seen, as far as the request says it. @param stop one text stands for a list of one */
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
    "Setting 'repeat_penalty' and 'repetition_penalty' to different values is not supported: there is one such penalty.",
    "repetition_penalty",
    "invalid_parameter_combination",
  );
}

function decodeLogitBias(biases: NonNullable<WireSampling["logit_bias"]>): Sampling["logitBias"] {
  const entries = Array.isArray(biases) ? biases : Object.entries(biases);
  return entries.map(([token, bias]) => [Number(token), bias === false ? -100 : bias] as const);
}
