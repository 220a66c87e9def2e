import { z } from "zod";
import { modelSettings } from "../model-settings.ts";

/** How this machine computes answers, and what that costs. */
export const computing = {
  threads: modelSettings.threads,
  gpu: modelSettings.gpu,
  flashAttention: modelSettings.flashAttention,
  prefillChunk: modelSettings.prefillChunk,
  prefillPauseMs: modelSettings.prefillPauseMs,
  prefillShare: modelSettings.prefillShare,
  drafts: modelSettings.drafts,
  targetItlMs: modelSettings.targetItlMs,
  localWatts: z
    .number()
    .min(0)
    .max(1_000_000)
    .default(0)
    .describe(
      "power of this machine while a model computes, in watts, to estimate the energy of answers; 0 estimates nothing",
    ),
  measureEnergy: z
    .boolean()
    .default(false)
    .describe("measure the energy of answers by the processors' counters (RAPL), if this user may read them"),
  pricePerKwh: z
    .number()
    .min(0)
    .max(1_000_000)
    .default(0)
    .describe("price of this machine's energy, in US dollars per kWh, to tell what its answers cost"),
  pricePerHour: z
    .number()
    .min(0)
    .max(1_000_000)
    .default(0)
    .describe("price of an hour in which this machine computes, in US dollars, in addition to its energy"),
};
