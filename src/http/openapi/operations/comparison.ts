import { z } from "zod";
import type { Operation } from "../operation.ts";
import { count } from "./shared.ts";

const estimate = z
  .object({ value: z.number(), low: z.number(), high: z.number() })
  .describe("A figure, and an interval that holds the true one in 95 of 100 cases; of rates the range of the repeats.");

const rate = z.object({
  context: count.describe("In tokens."),
  prefill: estimate.describe("Tokens per second of a prompt as long as the context."),
  decode: estimate.describe("Tokens per second that are generated after it."),
});

const model = z.object({
  id: z.string(),
  quantization: z.string().nullable(),
  size_bytes: count,
  bits_per_weight: z.number(),
  memory_bytes: z.number().nullable().describe("What it adds to a process; null on a GPU."),
  load_ms: z.number(),
  rates: z.array(rate),
  joules: z.number().nullable().describe("Of the machine for 1,000 generated tokens; null where it doesn't tell."),
  perplexity: estimate.nullable().describe("Per token of its own vocabulary; null if it was not scored."),
  bits_per_byte: estimate.nullable(),
  rise: estimate.nullable().describe("By how much its perplexity is above that of the best model; 0.01 for 1 %."),
  divergence: estimate
    .nullable()
    .describe(
      "The mean Kullback–Leibler divergence of its predictions from the reference's, in nats; null if not comparable.",
    ),
  agreement: estimate.nullable().describe("How often its most likely token is the reference's, from 0 to 1."),
  presets: z
    .object({ passed: count, cases: count, share: z.number(), low: z.number(), high: z.number() })
    .nullable()
    .describe("Test cases of presets that it passed; null if they were not run."),
  notes: z.array(z.string()),
});

export const showComparison: Operation = {
  method: "get",
  path: "/admin/comparison",
  id: "showComparison",
  tag: "Administration",
  summary: "Shows what `sluice compare` measured last",
  description: "The command writes it into the state file. Access is the same as for `GET /admin/usage`.",
  answers: {
    200: {
      description: "A list with the newest comparison, or an empty one.",
      content: {
        "application/json": {
          name: "ComparisonList",
          schema: z.object({
            object: z.literal("list"),
            data: z.array(
              z.object({
                object: z.literal("comparison"),
                created_at: count.describe("Unix seconds."),
                machine: z.object({
                  ...{ processor: z.string(), cores: count, backend: z.string(), threads: count, release: z.string() },
                }),
                quiet: z.boolean().describe("Whether no other program disturbed the rates."),
                reference: z.string().describe("The model that the others are compared with: the largest."),
                text: z.object({ name: z.string(), scored: count.describe("Tokens.") }),
                verdict: z.object({ take: z.string().nullable(), sentence: z.string() }),
                models: z.array(model),
              }),
            ),
          }),
        },
      },
    },
  },
  errors: [403, 500],
  access: "admin",
};
