import { UnsupportedSchemaError } from "./errors.ts";

/** The maximum depth of braces and brackets in a schema. */
export const MAX_DEPTH = 200;
/** The maximum number of a schema's objects, arrays and plain values together. */
export const MAX_NODES = 50_000;
/** The maximum length of a chain of `$ref`s. */
export const MAX_REF_CHAIN = 64;
/** The maximum number of combinations of `allOf`, `anyOf` and `oneOf` for one value. */
export const MAX_VARIANTS = 256;
/** The maximum number of properties of one object. */
export const MAX_PROPERTIES = 1_000;
/** The maximum length of strings and arrays: it replaces a larger `maxLength` or `maxItems`, and a larger minimum is refused. */
export const MAX_COUNT = 65_535;
/** The maximum number of states of one pattern, format or range. */
export const MAX_STATES = 4_000;
/** The maximum length of a regular expression, in UTF-16 units. */
export const MAX_PATTERN_LENGTH = 4_096;
/** The maximum number of rules of one grammar. */
export const MAX_RULES = 20_000;
/** The maximum length of a grammar, as in the engine (`engine/worker/grammar-limits.ts`). llama.cpp parses it again for every sequence. */
export const MAX_GBNF_LENGTH = 256 * 1024;
/** The maximum number of digits before and after a number's point. Without a limit, a confused model repeats digits forever. */
export const MAX_DIGITS = 40;
/** The maximum work for a grammar, in steps, which take less than a microsecond each in compiled code, and optionally in ms. */
export type Effort = { readonly steps: number; readonly ms?: number };

export const WHOLE: Effort = { steps: 6_000_000 };
/** Short enough for the event loop. */
export const QUICK: Effort = { steps: 250_000, ms: 10 };
/** The steps between two checks of the clock. */
const STEPS_BETWEEN_LOOKS = 5_000;
/** The maximum steps for one pattern, range or enumeration, so that a single expensive one can be dropped. */
const MAX_PART_STEPS = 1_500_000;

/** Limits the work for one schema, so that it can't delay others. */
export type Budget = {
  /** Throws `UnsupportedSchemaError` if too much was spent, and `ExhaustedError` if the whole budget was. */
  readonly spend: (steps: number, path: string, keyword: string) => void;
  /** Creates a budget for one part of the work, within this one. */
  readonly part: () => Budget;
};

/** The whole budget is spent: any further attempt fails too. */
export class ExhaustedError extends UnsupportedSchemaError {}

const TOO_LONG = "the schema takes too long to compile; make it simpler";

export function createBudget({ steps: maxSteps, ms = Number.POSITIVE_INFINITY } = WHOLE): Budget {
  const endMs = performance.now() + ms;
  let left = maxSteps;
  let lookAt = left - STEPS_BETWEEN_LOOKS;
  const whole: Budget = {
    spend(steps, path, keyword) {
      left -= steps;
      if (left < lookAt) {
        lookAt = left - STEPS_BETWEEN_LOOKS;
        if (performance.now() > endMs) left = Number.NEGATIVE_INFINITY;
      }
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
