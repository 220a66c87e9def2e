import { z } from "zod";
import type { Sampling } from "../generation/request.ts";
import { InvalidRequestError } from "./errors.ts";
import { A_DECIMAL, AN_INTEGER, decimal, integer, isSet, string } from "./fields.ts";

const MAX_STOPS = 4;
const MAX_STOP_LENGTH = 1_024;
const MAX_TOP_K = 1_000_000;
/** OpenAI's bound on the entries of `logit_bias`. */
const MAX_BIASES = 300;

const stop = string(MAX_STOP_LENGTH).min(1);

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
    .record(z.string().regex(/^\d{1,10}$/), decimal(-100, 100), { error: "an object" })
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
  repeat_penalty: z
    .number({ error: A_DECIMAL })
    .gt(0, { error: A_DECIMAL })
    .max(10, { error: A_DECIMAL })
    .nullish()
    .describe("A penalty of llama.cpp's for tokens that are among the last 64 of prompt and answer; 1 is off."),
};

const samplingSchema = z.object(samplingFields);
export type WireSampling = z.infer<typeof samplingSchema>;

/** Every field set, with OpenAI's defaults, and llama.cpp's own samplers off. Throws `InvalidRequestError` for too many biases. */
export function decodeSampling(wire: WireSampling): Sampling {
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

/** The stop strings as a list: one string stands for a list of one. */
export function decodeStop(wire: WireSampling): readonly string[] {
  return typeof wire.stop === "string" ? [wire.stop] : (wire.stop ?? []);
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
