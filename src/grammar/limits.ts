import { UnsupportedSchemaError } from "./errors.ts";

/** A schema's nested braces and brackets. */
export const MAX_DEPTH = 200;
/** A schema's objects, arrays and plain values together. */
export const MAX_NODES = 50_000;
/** A `$ref` that leads to a `$ref`, and so on. */
export const MAX_REF_CHAIN = 64;
/** The combinations that `allOf`, `anyOf` and `oneOf` make of one value. */
export const MAX_VARIANTS = 256;
/** Properties of one object. */
export const MAX_PROPERTIES = 1_000;
/** Longer strings and arrays are never written: a larger `maxLength` or `maxItems` is held to this, a larger minimum is refused. */
export const MAX_COUNT = 65_535;
/** The states of one pattern, format or range. */
export const MAX_STATES = 4_000;
/** Unicode units of one regular expression. */
export const MAX_PATTERN_LENGTH = 4_096;
/** Rules of one grammar. */
export const MAX_RULES = 20_000;
/** Characters of one grammar. llama.cpp parses it anew for every sequence. */
export const MAX_GBNF_LENGTH = 512 * 1024;
/** Digits before the point of a number, and behind it: nobody needs more, and a model that is at a loss goes on with them. */
export const MAX_DIGITS = 40;
/** What one grammar may cost to make, in steps of less than a microsecond. */
const MAX_STEPS = 1_500_000;

/** Counts the work, so that no schema can hold up the others. */
export type Budget = {
  /** Throws `UnsupportedSchemaError` once too much was spent. */
  readonly spend: (steps: number, path: string, keyword: string) => void;
};

export function createBudget(): Budget {
  let left = MAX_STEPS;
  return {
    spend(steps, path, keyword) {
      left -= steps;
      if (left < 0) {
        throw new UnsupportedSchemaError(path, keyword, "the schema takes too long to compile; make it simpler");
      }
    },
  };
}
