import { z } from "zod";
import { InvalidRequestError } from "../errors.ts";
import { string } from "../fields.ts";

const MAX_HINT_LENGTH = 1_024;
const MAX_PREDICTION_PARTS = 1_024;
const MAX_METADATA = 16;
const MAX_METADATA_KEY_LENGTH = 64;
const MAX_METADATA_VALUE_LENGTH = 512;

const text = z.string({ error: "a string" });

/** Fields that change no answer; what they hold is checked all the same. */
export const hintFields = {
  user: string(MAX_HINT_LENGTH).nullish(),
  safety_identifier: string(MAX_HINT_LENGTH).nullish(),
  prompt_cache_key: string(MAX_HINT_LENGTH).nullish(),
  metadata: z.record(z.string(), string(MAX_METADATA_VALUE_LENGTH), { error: "an object" }).nullish(),
  // There is one tier, and the answer says so.
  service_tier: z.enum(["auto", "default", "flex", "scale", "priority"]).nullish(),
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

/** OpenAI's bounds on `metadata`. */
export function refuseLargeMetadata(metadata: Readonly<Record<string, string>> | null | undefined): void {
  const keys = Object.keys(metadata ?? {});
  if (keys.length > MAX_METADATA) {
    throw new InvalidRequestError(
      `Invalid 'metadata': too many properties. Expected an object with at most ${MAX_METADATA} properties, ` +
        `but got an object with ${keys.length} properties instead.`,
      "metadata",
      "object_above_max_properties",
    );
  }
  const long = keys.find((key) => key.length > MAX_METADATA_KEY_LENGTH);
  if (long !== undefined) {
    throw new InvalidRequestError(
      `Invalid 'metadata': a key is too long. Expected keys of at most ${MAX_METADATA_KEY_LENGTH} characters, ` +
        `but got one of ${long.length}.`,
      "metadata",
      "string_above_max_length",
    );
  }
}
