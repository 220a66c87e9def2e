import { z } from "zod";
import { string } from "../fields.ts";
import { metadata } from "../metadata.ts";

const MAX_HINT_LENGTH = 1_024;
const MAX_PREDICTION_PARTS = 1_024;

const text = z.string({ error: "a string" });

/** Fields without an effect on the answer. They are validated all the same. */
export const hintFields = {
  user: string(MAX_HINT_LENGTH).nullish().describe("The client's name for the end user. Has no effect."),
  safety_identifier: string(MAX_HINT_LENGTH).nullish().describe("The client's name for the end user. Has no effect."),
  prompt_cache_key: string(MAX_HINT_LENGTH)
    .nullish()
    .describe("Has no effect: the prefixes of all prompts are cached."),
  metadata: metadata.nullish().describe("Up to 16 key-value pairs, stored with the completion."),
  prediction: z
    .object(
      {
        type: z.literal("content").describe("Only `content`."),
        content: z
          .union([text, z.array(z.object({ type: z.literal("text"), text })).max(MAX_PREDICTION_PARTS)], {
            error: "a string or array of objects",
          })
          .describe("The predicted text, as a string or as parts."),
      },
      { error: "an object" },
    )
    .nullish()
    .describe("A prediction of the answer. Has no effect."),
};
