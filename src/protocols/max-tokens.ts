import { InvalidRequestError } from "./errors.ts";
import { integer, isSet } from "./fields.ts";

/** What llama-server and LM Studio take for "as many as fit". */
const AS_MANY_AS_FIT = -1;

/** A bound on an answer's tokens; `decodeMaxTokens` has the last word on it. */
export const maxTokensField = integer(AS_MANY_AS_FIT, Number.MAX_SAFE_INTEGER).nullish();

/**
 * How many tokens an answer has at most: undefined where nothing is said, null for as many as fit, which is −1. Throws
 * `InvalidRequestError` for 0 where nothing can be answered without a token.
 *
 * @param param the field's name in the request
 * @param least 0 where an answer may have no token at all
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
