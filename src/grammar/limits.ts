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
/** Digits before and after the point of a number. Without a bound, a confused model repeats digits forever. */
export const MAX_DIGITS = 40;
/** What a grammar may cost to make: steps of less than a microsecond once their code has been compiled, and ms where they go by faster than steps. */
export type Effort = { readonly steps: number; readonly ms?: number };

export const WHOLE: Effort = { steps: 6_000_000 };
/** Short enough for the event loop. */
export const QUICK: Effort = { steps: 250_000, ms: 10 };
/** The steps between two checks of the clock. */
const STEPS_BETWEEN_LOOKS = 5_000;
/** The share of all steps for one pattern, range or enumeration, so that a single one that is too dear can be left out. */
const MAX_PART_STEPS = 1_500_000;

/** Limits the work for one schema, so that it can't delay others. */
export type Budget = {
  /** Throws `UnsupportedSchemaError` once too much was spent; `ExhaustedError` where that is all there was. */
  readonly spend: (steps: number, path: string, keyword: string) => void;
  /** A budget for one part of the work, which is part of this one. */
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
