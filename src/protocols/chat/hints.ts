import { z } from "zod";
import { string } from "../fields.ts";
import { metadata } from "../metadata.ts";

const MAX_HINT_LENGTH = 1_024;
const MAX_PREDICTION_PARTS = 1_024;

const text = z.string({ error: "a string" });

/** Fields that change no answer; what they hold is checked all the same. */
export const hintFields = {
  user: string(MAX_HINT_LENGTH).nullish(),
  safety_identifier: string(MAX_HINT_LENGTH).nullish(),
  prompt_cache_key: string(MAX_HINT_LENGTH).nullish(),
  metadata: metadata.nullish(),
  // What the answer may turn out to be, so that it could come faster; nothing is asked of it.
  prediction: z
    .object(
      {
        type: z.literal("content"),
        content: z.union([text, z.array(z.object({ type: z.literal("text"), text })).max(MAX_PREDICTION_PARTS)], {
          error: "a string or array of objects",
        }),
      },
      { error: "an object" },
    )
    .nullish(),
};
