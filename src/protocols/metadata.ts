import { InvalidRequestError } from "./errors.ts";
import { mapOf, string } from "./fields.ts";

const MAX_PAIRS = 16;
const MAX_KEY_LENGTH = 64;
const MAX_VALUE_LENGTH = 512;

/** A client's notes about an object: OpenAI's `metadata`, up to 16 key-value pairs. */
export type Metadata = Readonly<Record<string, string>>;

/** `metadata` of a request. `decodeMetadata` checks its keys. */
export const metadata = mapOf(string(MAX_VALUE_LENGTH), MAX_PAIRS);

/** Returns the pairs. Throws `InvalidRequestError` for keys that are too long. */
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
