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
/** Characters of one grammar, as many as the engine takes (`engine/worker/grammar-limits.ts`). llama.cpp parses it anew for every sequence. */
export const MAX_GBNF_LENGTH = 256 * 1024;
/** Digits before the point of a number, and behind it: nobody needs more, and a model that is at a loss goes on with them. */
export const MAX_DIGITS = 40;
/** What one grammar may cost to make, in steps of less than a microsecond. */
export const MAX_STEPS = 6_000_000;
/** About what takes ten milliseconds. */
export const QUICK_STEPS = 250_000;
/** The share of `MAX_STEPS` for one pattern, range or enumeration, so that a single one that is too dear can be left out. */
const MAX_PART_STEPS = 1_500_000;

/** Counts the work, so that no schema can hold up the others. */
export type Budget = {
  /** Throws `UnsupportedSchemaError` once too much was spent; `ExhaustedError` where that is all there was. */
  readonly spend: (steps: number, path: string, keyword: string) => void;
  /** A budget for one part of the work, which is part of this one. */
  readonly part: () => Budget;
};

/** Nothing is left to spend: whatever else is tried fails too. */
export class ExhaustedError extends UnsupportedSchemaError {}

const TOO_LONG = "the schema takes too long to compile; make it simpler";

export function createBudget(maxSteps = MAX_STEPS): Budget {
  let left = maxSteps;
  const whole: Budget = {
    spend(steps, path, keyword) {
      left -= steps;
      if (left < 0) {
        throw new ExhaustedError(path, keyword, TOO_LONG);
      }
    },
    part: () => createPart(whole, MAX_PART_STEPS),
  };
  return whole;
}

function createPart(whole: Budget, maxSteps: number): Budget {
  let left = maxSteps;
  const part: Budget = {
    spend(steps, path, keyword) {
      left -= steps;
      if (left < 0) {
        whole.spend(Math.max(0, steps + left), path, keyword);
        throw new UnsupportedSchemaError(path, keyword, TOO_LONG);
      }
      whole.spend(steps, path, keyword);
    },
    part: () => part,
  };
  return part;
}
