import { z } from "zod";

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "silent"] as const;

/** Metrics, logs, and how the gateway ends and reads its settings again. */
export const operation = {
  watchSettings: z
    .boolean()
    .default(false)
    .describe("reload the settings when their file changes, as SIGHUP and `sluice reload` do"),
  drainDelayMs: z
    .int()
    .min(0)
    .max(3_600_000)
    .default(0)
    .describe(
      "how long the gateway goes on as before after SIGTERM or SIGINT while GET /ready is 503, so that load balancers send nothing more, in ms",
    ),
  shutdownGraceMs: z
    .int()
    .min(0)
    .max(3_600_000)
    .default(30_000)
    .describe("how long running requests may continue after SIGTERM or SIGINT, in ms"),
  metrics: z
    .enum(["key", "open", "off"])
    .default("key")
    .describe("who may read GET /metrics: who holds a key if there are keys, anyone, or nobody"),
  metricsPort: z
    .union([z.literal("none"), z.int().min(0).max(65_535)])
    .default("none")
    .describe(
      "port at which GET /metrics needs no key, and has nothing beside it; 0 picks a free one. Whoever reaches it reads the names of models and how much is asked",
    ),
  metricsHost: z
    .union([z.literal("").describe("nothing, for the address of --host"), z.string().min(1)])
    .default("")
    .describe("address to listen on for --metrics-port"),
  recentRequests: z
    .int()
    .min(0)
    .max(10_000)
    .default(1_000)
    .describe("how many of the last requests to keep in memory for GET /admin/requests, without prompts; 0 keeps none"),
  prefixDoctor: z
    .boolean()
    .default(true)
    .describe(
      "find out why prompts of the last requests were not reused; keyed hashes of their lines are kept in memory for that",
    ),
  logLevel: z.enum(LOG_LEVELS).default("info").describe("lowest level of log messages to print"),
};
