import { InvalidRequestError } from "./errors.ts";
import { mapOf, string } from "./fields.ts";

const MAX_PAIRS = 16;
const MAX_KEY_LENGTH = 64;
const MAX_VALUE_LENGTH = 512;

/** What a client may note about an object: OpenAI's 16 pairs of texts. */
export type Metadata = Readonly<Record<string, string>>;

/** `metadata` of a request. Its keys are judged by `decodeMetadata`. */
export const metadata = mapOf(string(MAX_VALUE_LENGTH), MAX_PAIRS);

/** The pairs, none where there are none. Throws `InvalidRequestError` for keys that are too long. */
export function decodeMetadata(wire: Metadata | null | undefined): Metadata {
  const pairs = wire ?? {};
  const keys = Object.keys(pairs);
  const long = keys.find((key) => key.length > MAX_KEY_LENGTH);
  if (long !== undefined) {
    throw new InvalidRequestError(
      `Invalid 'metadata': a key is too long. Expected keys of at most ${MAX_KEY_LENGTH} characters, ` +
        `but got one of ${long.length}.`,
      "metadata",
      "string_above_max_length",
    );
  }
  return pairs;
}
