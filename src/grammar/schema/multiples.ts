import type { Decimal } from "../../json/decimal.ts";
import { charsOf } from "../automaton/char-set.ts";
import type { Dfa, State } from "../automaton/dfa.ts";
import { minimize } from "../automaton/reduce.ts";
import { UnsupportedSchemaError } from "../errors.ts";
import { type Budget, MAX_DIGITS, MAX_STATES } from "../limits.ts";

/** The lowest limit on digits, even for multiples of a large number. */
const MIN_DIGITS = 9;
/** JavaScript writes larger numbers with an exponent, which Ajv misreads. */
const LONGEST = 20;
const CHARACTERS = "0123456789-.";

/** The state of a number that is read digit by digit. */
type Reading = {
  readonly phase: "start" | "minus" | "zero" | "whole" | "point" | "fraction";
  /** The remainder of the digits read, without the point and the last zeros. */
  readonly remainder: number;
  /** In the whole part the number of its last zeros, as far as they matter; in the fraction its digits. */
  readonly count: number;
};

/** Returns the maximum digits before the point of a multiple of `step`: each takes as many states as there are remainders. */
export function digitsOfMultiples(step: Decimal): number {
  return Math.max(MIN_DIGITS, Math.min(LONGEST, Math.floor(MAX_STATES / (2 * countStates(step)))));
}

function countStates({ coefficient, exponent }: Decimal): number {
  return Number(coefficient) * (1 + Math.abs(exponent));
}

/**
 * Returns the decimals that are exact multiples of `step`. A reader with doubles may disagree: to it 0.29 is no multiple of 0.01.
 *
 * @throws UnsupportedSchemaError if there are too many remainders
 */
export function multiplesOf(step: Decimal, path: string, budget: Budget): Dfa {
  const { coefficient, exponent } = step;
  const [zeros, places] = [Math.max(0, exponent), Math.max(0, -exponent)];
  if (zeros > MAX_DIGITS || places > MAX_DIGITS || countStates(step) > MAX_STATES) {
    throw new UnsupportedSchemaError(
      path,
      "multipleOf",
      "its grammar would have too many states; use a smaller or a rounder number",
    );
  }
  budget.spend(countStates(step) * CHARACTERS.length, path, "multipleOf");
  const modulus = Number(coefficient);
  const shift = (remainder: number, by: number) => Number((BigInt(remainder) * 10n ** BigInt(by)) % coefficient);

  function read({ phase, remainder, count }: Reading, character: string): Reading | undefined {
    if (character === "-") return phase === "start" ? { phase: "minus", remainder, count } : undefined;
    if (character === ".") {
      return places > 0 && (phase === "zero" || phase === "whole")
        ? { phase: "point", remainder, count: 0 }
        : undefined;
    }
    const digit = Number(character);
    switch (phase) {
      case "start":
      case "minus":
        return digit === 0
          ? { phase: "zero", remainder: 0, count: 0 }
          : { phase: "whole", remainder: digit % modulus, count: 0 };
      case "zero":
        return undefined;
      case "whole":
        if (digit === 0 && count < zeros) return { phase, remainder, count: count + 1 };
        if (digit === 0) return { phase, remainder: shift(remainder, 1), count };
        return { phase, remainder: (shift(remainder, count + 1) + digit) % modulus, count: 0 };
      case "point":
      case "fraction":
        return count === places
          ? undefined
          : { phase: "fraction", remainder: (shift(remainder, 1) + digit) % modulus, count: count + 1 };
    }
  }

  function isMultiple({ phase, remainder, count }: Reading): boolean {
    if (phase === "zero") return true;
    if (phase === "whole") return count === zeros && shift(remainder, places) === 0;
    return phase === "fraction" && shift(remainder, places - count) === 0;
  }

  return explore(read, isMultiple);
}

/** The automaton of all readable numbers. */
function explore(
  read: (reading: Reading, character: string) => Reading | undefined,
  accepts: (reading: Reading) => boolean,
): Dfa {
  const start: Reading = { phase: "start", remainder: 0, count: 0 };
  const readings = [start];
  const indexes = new Map([[keyOf(start), 0]]);
  const indexOf = (reading: Reading): number => {
    const key = keyOf(reading);
    const index = indexes.get(key) ?? readings.push(reading) - 1;
    indexes.set(key, index);
    return index;
  };
  const states: State[] = [];
  for (const reading of readings) {
    const edges = Array.from(CHARACTERS).flatMap((character) => {
      const next = read(reading, character);
      return next === undefined ? [] : [{ set: charsOf(character), to: indexOf(next) }];
    });
    states.push({ accepts: accepts(reading), edges });
  }
  return minimize({ states });
}

function keyOf({ phase, remainder, count }: Reading): string {
  return `${phase} ${remainder} ${count}`;
}
