import { z } from "zod";

/** Tokens of an answer, for all models or for one. */
const answerTokens = z
  .array(
    z
      .union([
        z.int().min(1).max(1_048_576),
        z
          .string()
          .max(4096)
          .regex(/^.+=[1-9]\d{0,6}$/),
      ])
      .describe("N or MODEL=N, where N is a whole number from 1 to 1048576"),
  )
  .max(64)
  .default([]);

/** How much may be asked, and how much is answered. */
export const limits = {
  maxPending: z
    .int()
    .min(1)
    .max(100_000)
    .default(256)
    .describe("maximum number of requests in progress, waiting ones included; more are refused"),
  maxPendingTokens: z
    .int()
    .min(1)
    .max(1_000_000_000)
    .default(1_048_576)
    .describe(
      "maximum number of prompt tokens of all requests in progress, as estimated; more are refused, but a single request is always accepted",
    ),
  maxWaitMs: z
    .int()
    .min(1)
    .max(3_600_000)
    .default(60_000)
    .describe(
      "maximum predicted wait for the first token, in ms; requests that would wait longer are refused, and a request may set a shorter wait",
    ),
  maxTokens: answerTokens.meta({
    description:
      "answer length in tokens for requests that set none, as N or MODEL=N; unset means as many as fit; may be repeated",
    placeholder: "n|model=n",
  }),
  maxTokensLimit: answerTokens.meta({
    description:
      "maximum answer length in tokens, as N or MODEL=N; a request for more is not refused, but lowered to it; may be repeated",
    placeholder: "n|model=n",
  }),
  maxBodyBytes: z
    .int()
    .min(1024)
    .max(1_073_741_824)
    .default(16 * 1024 * 1024)
    .describe("maximum size of a request body, in bytes"),
};
