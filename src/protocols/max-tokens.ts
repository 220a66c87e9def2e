import { InvalidRequestError } from "./errors.ts";
import { integer, isSet } from "./fields.ts";

/** The value that means "as many as fit" in llama-server and LM Studio. */
const AS_MANY_AS_FIT = -1;

/** A limit on an answer's tokens. `decodeMaxTokens` validates it further. */
export const maxTokensField = integer(AS_MANY_AS_FIT, Number.MAX_SAFE_INTEGER).nullish();

/**
 * Returns the limit on an answer's tokens: undefined if none is given, null for as many as fit (−1). Throws `InvalidRequestError` for
 * a value below `least`.
 *
 * @param param the field's name in the request
 * @param least 0 if an answer may have no tokens
 */
export function decodeMaxTokens(
  value: number | null | undefined,
  param: string,
  least: 0 | 1 = 1,
): number | null | undefined {
  if (!isSet(value)) return undefined;
  if (value === AS_MANY_AS_FIT) return null;
  if (value >= least) return value;
  throw new InvalidRequestError(
    `Invalid '${param}': integer below minimum value. Expected a value >= ${least}, but got ${value} instead.`,
    param,
    "integer_below_min_value",
  );
}
