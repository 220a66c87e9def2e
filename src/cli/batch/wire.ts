import { z } from "zod";

const count = z.int();

/** A batch, as a gateway shows it. */
export const batchSchema = z.object({
  id: z.string(),
  status: z.string(),
  endpoint: z.string(),
  created_at: z.number(),
  expires_at: z.number(),
  input_file_id: z.string(),
  output_file_id: z.string().nullable(),
  error_file_id: z.string().nullable(),
  request_counts: z.object({ total: count, completed: count, failed: count }),
  usage: z
    .object({
      input_tokens: count,
      input_tokens_details: z.object({ cached_tokens: count }).optional(),
      output_tokens: count,
      cost: z.number().optional(),
    })
    .nullish(),
  in_progress_at: z.number().nullish(),
  completed_at: z.number().nullish(),
  errors: z
    .object({
      data: z.array(z.object({ message: z.string(), line: z.number().nullable(), param: z.string().nullable() })),
    })
    .nullable(),
  sluice: z
    .object({
      requests_per_second: z.number().nullable(),
      eta_seconds: z.number().nullable(),
      paused: z.string().nullable(),
      // Older gateways don't tell.
      upstream: z.object({ name: z.string(), requests: count }).nullish(),
    })
    .optional(),
});

export type WireBatch = z.infer<typeof batchSchema>;

const ENDED = ["completed", "failed", "expired", "cancelled"];

export function hasEnded({ status }: WireBatch): boolean {
  return ENDED.includes(status);
}
