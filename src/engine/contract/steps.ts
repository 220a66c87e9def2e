import { z } from "zod";
import { STEP_SECONDS, STEP_SEQUENCES } from "../../generation/step-counts.ts";
import { count } from "./parse.ts";

const countedBy = (bounds: readonly number[]) =>
  z.object({ counts: z.array(count).length(bounds.length + 1), sum: z.number().min(0) });

/** What an engine's steps were since the last message of this kind. Sent twice a second at most, and only after steps. */
export const stepsMessage = z.object({
  type: z.literal("steps"),
  steps: z.object({
    betweenTokens: countedBy(STEP_SECONDS),
    decodes: countedBy(STEP_SECONDS),
    sequences: countedBy(STEP_SEQUENCES),
    prefills: countedBy(STEP_SECONDS),
    reused: z.object({ slot: count, file: count }),
  }),
});
