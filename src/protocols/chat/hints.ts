import { z } from "zod";
import { string } from "../fields.ts";
import { metadata } from "../metadata.ts";

const MAX_HINT_LENGTH = 1_024;
const MAX_PREDICTION_PARTS = 1_024;

const text = z.string({ error: "a string" });

/** Fields that change no answer; what they hold is checked all the same. */
export const hintFields = {
  user: string(MAX_HINT_LENGTH).nullish().describe("Whose request it is, in the client's words; changes nothing."),
  safety_identifier: string(MAX_HINT_LENGTH)
    .nullish()
    .describe("Whose request it is, in the client's words; changes nothing."),
  prompt_cache_key: string(MAX_HINT_LENGTH)
    .nullish()
    .describe("Changes nothing: the prefixes of all prompts are kept."),
  metadata: metadata.nullish().describe("Up to 16 pairs of texts that are kept with a stored completion."),
  // What the answer may turn out to be, so that it could come faster; nothing is asked of it.
  prediction: z
    .object(
      {
        type: z.literal("content").describe("Only `content`."),
        content: z
          .union([text, z.array(z.object({ type: z.literal("text"), text })).max(MAX_PREDICTION_PARTS)], {
            error: "a string or array of objects",
          })
          .describe("The text, whole or in parts."),
      },
      { error: "an object" },
    )
    .nullish()
    .describe("What the answer may turn out to be; checked, and not made use of."),
};
