import { z } from "zod";

/** Stored answers and prompt presets. */
export const cache = {
  cacheBytes: z
    .int()
    .min(0)
    .max(1_099_511_627_776)
    .default(64 * 1024 ** 2)
    .describe("maximum memory for cached answers, in bytes; 0 caches none"),
  cacheTtlSeconds: z
    .int()
    .min(1)
    .max(31_536_000)
    .default(86_400)
    .describe("how long a cached answer is valid, in seconds"),
  cacheFile: z
    .string()
    .default("")
    .describe("file that keeps cached answers across restarts; without one they are lost on exit"),
  cacheFollowMs: z
    .int()
    .min(0)
    .max(600_000)
    .default(10_000)
    .describe("maximum wait for another gateway that is already generating the same answer, in ms; 0 never waits"),
  promptsDir: z.string().min(1).default("prompts").describe("folder with prompt presets, one YAML file each"),
  warmPresets: z
    .boolean()
    .default(true)
    .describe(
      "while the gateway is idle, prefill the presets' texts and cache answers to the requests they list as likely",
    ),
};
