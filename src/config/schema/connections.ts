import { z } from "zod";

/** How connections and streams are kept, and for how long. */
export const connections = {
  headerTimeoutMs: z
    .int()
    .min(100)
    .max(3_600_000)
    .default(20_000)
    .describe("how long a client may take to send a request's headers, in ms"),
  bodyTimeoutMs: z
    .int()
    .min(100)
    .max(3_600_000)
    .default(20_000)
    .describe("how long a request body may arrive more slowly than the minimum rate, in ms"),
  minBodyRate: z
    .int()
    .min(0)
    .max(1_073_741_824)
    .default(500)
    .describe(
      "minimum rate of a request body, in bytes per second; with 0, one byte within the body timeout is enough",
    ),
  readTimeoutMs: z
    .int()
    .min(100)
    .max(3_600_000)
    .default(30_000)
    .describe("how long a client may read nothing while output is ready for it, in ms"),
  keepAliveMs: z
    .int()
    .min(1)
    .max(3_600_000)
    .default(15_000)
    .describe("how long a connection may stay idle between two requests, in ms"),
  maxConnections: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(1_024)
    .describe("maximum number of open connections; beyond that, the one idle longest is closed"),
  resumeGraceMs: z
    .int()
    .min(0)
    .max(3_600_000)
    .default(30_000)
    .describe(
      "how long the work for a stream goes on while nobody reads it, if its client asked for that with `sluice-resume: 1`, in ms",
    ),
  resumeKeepMs: z
    .int()
    .min(0)
    .max(86_400_000)
    .default(300_000)
    .describe("how long such a stream can be taken up after its end, in ms"),
  resumeBytes: z
    .int()
    .min(0)
    .max(1_099_511_627_776)
    .default(64 * 1024 ** 2)
    .describe("maximum memory for streams that can be taken up, in bytes; 0 keeps none"),
  journal: z
    .boolean()
    .default(false)
    .describe(
      "write such streams to the state file while they run, with their requests, so that they can be taken up after a restart",
    ),
};
