import type { z } from "zod";
import type { Sampling } from "../../generation/request.ts";
import type { Unprompted } from "../../generation/wish.ts";
import { isJsonObject } from "../../json/exact-number.ts";
import { InvalidRequestError } from "../errors.ts";
import { isSet } from "../fields.ts";
import { decodeFormat, sayFormat } from "../format-words.ts";
import { parseWire } from "../issue.ts";
import { decodeMaxTokens } from "../max-tokens.ts";
import { decodeEnds, decodeSampling } from "../sampling.ts";
import { parseBody } from "../words/read.ts";
import type { LineRules } from "./lines.ts";
import { decodeBiases, type TextBias } from "./logit-bias.ts";
import type { NativePrompt } from "./prompts.ts";
import { keepSamplers, SAMPLING_DEFAULTS } from "./samplers.ts";
import { completionSchema, infillSchema, sharedSchema, type WireOwn, type WireShared } from "./schema.ts";

const MAX_CHOICES = 128;
/** llama-server's name for a file without one. */
const UNNAMED_FILE = "tmp";

/** A decoded text request of llama-server's own API. */
export type NativeRequest = {
  /** The model's id or alias from the request; undefined if it names none. */
  readonly model: string | undefined;
  readonly stream: boolean;
  /** At least one. Each is a separate generation. */
  readonly prompts: readonly NativePrompt[];
  /** The wish for each prompt, including llama-server's defaults. */
  readonly wish: Unprompted;
  /** Biases for texts, which the model's vocabulary turns into biases for tokens. */
  readonly textBiases: readonly TextBias[];
  readonly lines: LineRules;
  readonly returnTokens: boolean;
  /** The number of most likely tokens to return probabilities for at each position; undefined for none. */
  readonly probabilities: number | undefined;
  /** The fields to return; undefined for all. */
  readonly fields: readonly string[] | undefined;
};

/** Decodes the body of `POST /completion`. Throws `InvalidRequestError` for the first field that is invalid or can't be honoured. */
export function decodeNativeCompletion(body: unknown): NativeRequest {
  const { shared, own } = parse(completionSchema, body);
  return decode(shared, own, own.prompt);
}

/** Decodes the body of `POST /infill`. Throws as `decodeNativeCompletion` does. */
export function decodeInfill(body: unknown): NativeRequest {
  const { shared, own } = parse(infillSchema, body);
  const files = (own.input_extra ?? []).map(({ text, filename }) => ({
    name: (filename ?? UNNAMED_FILE).toWellFormed(),
    text: (text ?? "").toWellFormed(),
  }));
  const prefix = ((own.input_prefix ?? "") + (own.prompt ?? "")).toWellFormed();
  return decode(shared, own, [{ type: "infill", prefix, suffix: (own.input_suffix ?? "").toWellFormed(), files }]);
}

/**
 * Fields that `/v1/completions` also has are parsed by its rules, so that other servers' fields are listed only once. These rules also
 * refuse a body that isn't an object.
 */
function parse<T extends z.ZodObject>(schema: T, body: unknown): { shared: WireShared; own: z.output<T> } {
  const isOwn = ([name]: readonly [string, unknown]) => name in schema.shape;
  const entries = isJsonObject(body) ? Object.entries(body) : [];
  const others = isJsonObject(body) ? Object.fromEntries(entries.filter((one) => !isOwn(one))) : body;
  const shared = parseBody("completions", sharedSchema, others);
  return { shared, own: parseWire(schema, Object.fromEntries(entries.filter(isOwn))) };
}

function decode(shared: WireShared, own: WireOwn, prompts: readonly NativePrompt[]): NativeRequest {
  const choices = own.n_cmpl ?? own.n ?? undefined;
  refuseTooMany(prompts.length, choices ?? 1);
  const biases = isSet(own.logit_bias) ? decodeBiases(own.logit_bias) : undefined;
  const probabilities = (own.n_probs ?? 0) > 0 ? (own.n_probs ?? undefined) : undefined;
  const logprobs = probabilities ?? (own.return_tokens === true ? 0 : undefined);
  const maxTokens = decodeMaxTokens(shared.max_tokens, "n_predict", 0);
  return {
    model: shared.model ?? undefined,
    stream: shared.stream ?? false,
    prompts,
    wish: {
      ...(logprobs !== undefined && { logprobs }),
      ...sayFormat(shared, decodeFormat(shared)),
      ...(choices !== undefined && { choices }),
      ...(maxTokens !== undefined && { maxTokens }),
      ...decodeEnds(shared),
      sampling: decodeAll(shared, own, biases?.tokens),
    },
    textBiases: biases?.texts ?? [],
    lines: { indent: own.n_indent ?? 0, maxMs: Math.max(own.t_max_predict_ms ?? 0, 0) },
    returnTokens: own.return_tokens ?? false,
    probabilities,
    fields: (own.response_fields ?? []).length === 0 ? undefined : (own.response_fields ?? undefined),
  };
}

function decodeAll(shared: WireShared, { temperature, samplers }: WireOwn, logitBias?: Sampling["logitBias"]) {
  const { seed, ...said } = decodeSampling(shared);
  const all: Partial<Sampling> = {
    ...SAMPLING_DEFAULTS,
    ...said,
    ...(isSet(temperature) && { temperature: Math.max(temperature, 0) }),
    ...(logitBias !== undefined && { logitBias }),
    // -1, also as a uint32, means a random seed.
    ...(seed !== undefined && seed !== -1 && seed !== 0xffff_ffff && { seed }),
  };
  return isSet(samplers) ? keepSamplers(all, samplers) : all;
}

function refuseTooMany(prompts: number, choices: number): void {
  if (prompts * choices <= MAX_CHOICES) return;
  throw new InvalidRequestError(
    `Invalid 'prompt': ${prompts} prompts with ${choices} answers each exceed the limit of ${MAX_CHOICES} answers per request. ` +
      "Send the prompts in several requests.",
    "prompt",
    "invalid_parameter_combination",
  );
}
