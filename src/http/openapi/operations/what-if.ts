import { z } from "zod";
import { PRIORITIES } from "../../../generation/terms.ts";
import type { Operation } from "../operation.ts";
import { count } from "./shared.ts";

const ms = z.number().min(0);
const price = z.number().min(0).max(1e6);

/** The body of `POST /admin/what-if`. */
export const whatIfSchema = z.strictObject({
  model: z
    .string()
    .min(1)
    .max(4_096)
    .optional()
    .describe("A model of this machine; the one that was asked most if absent."),
  slots: z
    .int()
    .min(1)
    .max(1_024)
    .optional()
    .describe("Requests that an engine answers at once. What is absent stays as it is."),
  replicas: z
    .int()
    .min(1)
    .max(64)
    .optional()
    .describe("Engines that answer for the model, each with slots of its own."),
  spill: z
    .strictObject({
      after_ms: ms.max(3_600_000).describe("Requests whose first token is predicted later go to another server."),
      first_token_ms: ms.max(3_600_000).optional().describe("That server's time to the first token; 1,000 if absent."),
      prompt_price: price.optional().describe("In US dollars for a million tokens; 0 if absent."),
      completion_price: price.optional().describe("The same of answers."),
    })
    .nullish()
    .describe("Another server that takes what would be late; none if absent."),
  max_pending: z.int().min(1).max(1_000_000).optional().describe("The most requests in progress."),
  max_wait_ms: z
    .int()
    .min(0)
    .max(86_400_000)
    .optional()
    .describe("Requests that would wait longer for the first token are refused."),
  traffic: z.number().min(0.01).max(100).optional().describe("How much more often requests come."),
});

const percentiles = { p50_ms: ms.nullable(), p95_ms: ms.nullable() };

const result = z.object({
  ...percentiles,
  answered: count,
  spilled: count,
  refused: count,
  cost: z.number().min(0).nullable().describe("In US dollars; null if it isn't known."),
  classes: z.array(z.object({ class: z.enum(PRIORITIES), requests: count, ...percentiles })),
});

const setting = z.object({
  slots: count,
  replicas: count,
  max_pending: count,
  max_wait_ms: ms,
  traffic: z.number(),
  spill: z
    .object({ after_ms: ms, first_token_ms: ms, prompt_price: z.number(), completion_price: z.number() })
    .nullable(),
});

export const whatIf: Operation = {
  method: "post",
  path: "/admin/what-if",
  id: "whatIf",
  tag: "Administration",
  summary: "Tells how the last requests would have been served by other settings",
  description:
    "The lengths, times and classes of the last requests go through the real queue on a simulated clock, in a thread of its own. `errors` says how far the simulation of today's settings is from what was measured. Access is the same as for `GET /admin/usage`.",
  request: {
    name: "WhatIfRequest",
    schema: whatIfSchema,
    examples: { "more slots": { slots: 8 }, "two engines and twice the traffic": { replicas: 2, traffic: 2 } },
  },
  answers: {
    200: {
      description:
        "Times to the first token and costs, as measured, as simulated with today's settings, and with others.",
      content: {
        "application/json": {
          name: "WhatIf",
          schema: z.object({
            object: z.literal("what_if"),
            model: z.string(),
            requests: count,
            span_ms: ms.describe("From the first of these requests to the last."),
            pace: z.object({ prefill_ms_per_token: ms, step_ms: ms, further_ms: ms, overhead_ms: ms }),
            settings: z.object({ today: setting, changed: setting }),
            measured: result,
            today: result,
            errors: z.object({ p50: z.number().nullable(), p95: z.number().nullable() }),
            changed: result,
          }),
        },
      },
    },
  },
  errors: [400, 403, 413, 415, 500, 503],
  access: "admin",
};
