import { z } from "zod";
import { KEPT_ANSWERS } from "../generation/cache.ts";
import { MAX_TOOL_NAME_LENGTH, type Sampling, TOOL_NAME } from "../generation/request.ts";
import { INPUT, VARIABLE_NAME } from "./template.ts";
import { variableSchema } from "./variables.ts";

/** Ids are part of URLs and file names. A dot would start a file extension. */
const PRESET_ID = /^[a-z0-9][a-z0-9_-]{0,63}$/;

const MAX_TEXT_LENGTH = 100_000;
const MAX_VARIABLES = 64;
const MAX_EXAMPLES = 64;
const MAX_WARM = 256;
const MAX_TOOLS = 128;

const text = z.string().min(1).max(MAX_TEXT_LENGTH);
const jsonObject = z.record(z.string(), z.unknown());

/** Values for variables in a file. */
export const valuesSchema = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));

const stop = z.string().min(1).max(1_024);

/**
 * A preset's name for each part of `Sampling`, as in chat completions; null if only the client may set it. A new part without a line here
 * fails to compile.
 */
export const SAMPLING_NAMES = {
  temperature: "temperature",
  topP: "top_p",
  topK: "top_k",
  minP: "min_p",
  repeatPenalty: "repeat_penalty",
  repeatLastTokens: null,
  presencePenalty: "presence_penalty",
  frequencyPenalty: "frequency_penalty",
  xtcProbability: null,
  xtcThreshold: null,
  logitBias: null,
  allowedTokenIds: null,
  badWords: null,
  minTokens: null,
  ignoresEnd: null,
  seed: "seed",
} as const satisfies Readonly<Record<keyof Sampling, string | null>>;

type SamplingName = Exclude<(typeof SAMPLING_NAMES)[keyof Sampling], null>;

/** The ranges are those of chat completions. */
const samplingSchema = z.strictObject({
  temperature: z.number().min(0).max(2).optional(),
  top_p: z.number().min(0).max(1).optional(),
  top_k: z.int().min(0).max(1_000_000).optional(),
  min_p: z.number().min(0).max(1).optional(),
  repeat_penalty: z.number().gt(0).max(10).optional(),
  presence_penalty: z.number().min(-2).max(2).optional(),
  frequency_penalty: z.number().min(-2).max(2).optional(),
  seed: z.int().optional(),
  stop: z.union([stop, z.array(stop).min(1).max(64)]).optional(),
} satisfies Readonly<Record<SamplingName | "stop", z.ZodType>>);

const variables = z
  .record(
    z.string().regex(VARIABLE_NAME, "must be letters, digits and underscores, and begin with a letter"),
    variableSchema,
  )
  .refine((all) => Object.keys(all).length <= MAX_VARIABLES, `must have at most ${MAX_VARIABLES} variables`)
  .refine((all) => !Object.hasOwn(all, INPUT), `${INPUT} is the user's message and can't be declared`);

const semanticSchema = z.strictObject({
  /** The model whose vectors are compared; by default the one that answers. */
  model: z.string().min(1).max(1_024).optional(),
  minSimilarity: z.number().min(0).max(1).default(0.8),
  minAgreement: z.number().min(0).max(1).default(0.5),
  timeoutMs: z.int().min(1).max(60_000).default(2_000),
});

/** A preset's settings for the response cache. */
const cacheSchema = z.strictObject({
  /** Whether tenants share the answers. */
  public: z.boolean().default(false),
  /** The answers to keep. */
  answers: z.enum(KEPT_ANSWERS).default("determined"),
  /** How long an answer stays fresh. */
  ttlSeconds: z.int().min(1).max(31_536_000).optional(),
  /** When to reuse the answer to a similar text; absent means never. */
  semantic: semanticSchema.optional(),
});

/** A preset's YAML file. */
export const presetSchema = z.strictObject({
  id: z.string().regex(PRESET_ID, "must be at most 64 lower-case letters, digits, hyphens or underscores"),
  version: z
    .union([z.string(), z.number()])
    .transform(String)
    .refine((version) => /^[\w.-]{1,32}$/.test(version), "must be letters, digits, dots, hyphens or underscores"),
  description: z.string().min(1).max(1_000),
  model: z.union([z.string().min(1).max(1_024), z.array(z.string().min(1).max(1_024)).min(1).max(16)]).optional(),
  system: text.optional(),
  variables: variables.default({}),
  template: text.optional(),
  examples: z
    .array(z.strictObject({ user: text, assistant: text, variables: valuesSchema.default({}) }))
    .max(MAX_EXAMPLES)
    .default([]),
  sampling: samplingSchema.default({}),
  maxTokens: z.int().min(1).max(1_000_000).optional(),
  maxTokensLimit: z.int().min(1).max(1_000_000).optional(),
  responseSchema: jsonObject.optional(),
  tools: z
    .array(
      z.strictObject({
        name: z.string().max(MAX_TOOL_NAME_LENGTH).regex(TOOL_NAME, "must be letters, digits and any of _ . : / @ -"),
        description: z.string().optional(),
        parameters: jsonObject.optional(),
        strict: z.boolean().optional(),
      }),
    )
    .min(1)
    .max(MAX_TOOLS)
    .optional(),
  /** Whether only models on this machine may answer. */
  localOnly: z.boolean().default(false),
  /** How sure the first target of a route with a cascade must be of its answer, in the place of the route's own. */
  cascade: z
    .strictObject({ mean: z.number().min(-1_000).max(0).optional(), least: z.number().min(-1_000).max(0).optional() })
    .refine(({ mean, least }) => mean !== undefined || least !== undefined, "must have mean, least or both")
    .optional(),
  cache: cacheSchema.default({ public: false, answers: "determined" }),
  warm: z
    .array(z.strictObject({ input: text.optional(), variables: valuesSchema.default({}) }))
    .max(MAX_WARM)
    .default([]),
});

export type PresetFile = Readonly<z.infer<typeof presetSchema>>;
export type PresetSampling = Readonly<z.infer<typeof samplingSchema>>;
export type CachePolicy = Readonly<z.infer<typeof cacheSchema>>;
