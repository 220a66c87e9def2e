import { z } from "zod";

const estimate = z.object({ value: z.number(), low: z.number(), high: z.number() });

const point = z.object({
  /** Tokens in the context. */
  tokens: z.int(),
  /** Tokens per second; the median and the range of the repeats. */
  prefill: estimate,
  decode: estimate,
});

const quality = z.object({
  /** Per token of its own vocabulary. */
  perplexity: estimate,
  bitsPerByte: estimate,
  /** By how much its perplexity is above that of the best model, 0.01 for 1 %; between vocabularies counted per byte of text. */
  rise: estimate,
  /** Against the reference, in nats; absent where it has another vocabulary, or where both don't fit into the memory together. */
  divergence: estimate.exactOptional(),
  /** How often its most likely token is the reference's. */
  agreement: estimate.exactOptional(),
});

const model = z.object({
  id: z.string(),
  quantization: z.string().exactOptional(),
  sizeBytes: z.number(),
  parameterCount: z.number(),
  bitsPerWeight: z.number(),
  /** What is loaded adds to a process; absent on a GPU. */
  memoryBytes: z.number().exactOptional(),
  loadMs: z.number(),
  points: z.array(point),
  /** Of the whole machine while it generated, for 1,000 tokens. */
  joules: z.number().exactOptional(),
  quality: quality.exactOptional(),
  /** The share of cases of the presets that it passed. */
  presets: z
    .object({ passed: z.int(), cases: z.int(), share: z.number(), low: z.number(), high: z.number() })
    .exactOptional(),
  /** Why something is missing. */
  notes: z.array(z.string()),
});

/** What `sluice compare` has measured. */
export const reportSchema = z.object({
  createdMs: z.number(),
  machine: z.object({
    processor: z.string(),
    cores: z.int(),
    backend: z.string(),
    threads: z.int(),
    release: z.string(),
  }),
  /** The share of the processor that other programs took, and what else disturbed; none of it if the machine was quiet. */
  disturbance: z.object({ busyShare: z.number(), loadAverage: z.number(), gateway: z.string().exactOptional() }),
  isQuiet: z.boolean(),
  repeats: z.int(),
  text: z.object({ name: z.string(), tokens: z.int(), scored: z.int() }),
  /** The largest model. The others are compared with its predictions. */
  reference: z.string(),
  models: z.array(model),
  verdict: z.object({
    /** Null if the measurement doesn't tell. */
    take: z.string().nullable(),
    sentence: z.string(),
  }),
});

export type Report = z.infer<typeof reportSchema>;
export type ModelReport = Report["models"][number];
export type Quality = z.infer<typeof quality>;
