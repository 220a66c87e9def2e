import {
  compareDecimals,
  type Decimal,
  digitsOf,
  isMultiple,
  isWhole,
  scaled,
  wholeDecimal,
} from "../../json/decimal.ts";
import { DIGITS } from "../automaton/char-set.ts";
import { type Dfa, dfaOfTexts, intersect } from "../automaton/dfa.ts";
import { UnsupportedSchemaError } from "../errors.ts";
import { type Budget, MAX_DIGITS } from "../limits.ts";
import { compileNode } from "../regex/compile.ts";
import { choice, optional, type RegexNode, repeat, sequence, text } from "../regex/node.ts";
import { numberFits } from "./admit.ts";
import { digitsOfMultiples, multiplesOf } from "./multiples.ts";
import { ANY_WHOLE, atLeast, atMost, boundedDecimal } from "./number-range.ts";
import type { Bound, NumberFacts } from "./variant.ts";

/** Different decimals with this many digits are different doubles, so readers with doubles compare them correctly to a bound. */
const DOUBLE_DIGITS = 15;
const LIMIT: Decimal = { coefficient: 1n, exponent: MAX_DIGITS };
const NEGATIVE_LIMIT: Decimal = { coefficient: -1n, exponent: MAX_DIGITS };
const ONE = wholeDecimal(1n);
/** The maximum number of numbers to list one by one. */
const MAX_LISTED = 1_000n;

const MINUS = text("-");
const NONNEGATIVE = sequence(
  ANY_WHOLE,
  optional(sequence(text("."), repeat({ type: "set", set: DIGITS }, 1, Number.POSITIVE_INFINITY))),
);
const ABOVE_ZERO = atLeast(digitsOf(wholeDecimal(0n)), true);

/**
 * Returns the spellings of the numbers with these facts: decimals without an exponent, and no minus zero. Undefined if only the type is
 * restricted.
 */
export function numberAutomaton(facts: NumberFacts, path: string, budget: Budget): Dfa | undefined {
  const steps = facts.multiplesOf.filter((step) => !(facts.isInteger && isMultiple(ONE, step)));
  if (facts.lower === undefined && facts.upper === undefined && steps.length === 0) {
    return undefined;
  }
  const listed = listNumbers(facts);
  if (listed !== undefined) {
    return dfaOfTexts(listed.map(String), (count) => budget.spend(count, path, "multipleOf"));
  }
  const isInteger = facts.isInteger || steps.some(isWhole);
  const lower = inReach(facts.lower, -1, path);
  const upper = inReach(facts.upper, 1, path);
  const keyword = steps.length > 0 ? "multipleOf" : facts.lower === undefined ? "maximum" : "minimum";
  const source = { path, keyword, budget };
  const nodes: RegexNode[] = [
    signed(
      boundedDecimal(
        Math.min(MAX_DIGITS, ...steps.map(digitsOfMultiples)),
        isInteger ? 0 : fractionDigits([lower, upper], steps, path),
      ),
    ),
    choice(NONNEGATIVE, sequence(MINUS, ABOVE_ZERO)),
    ...(lower === undefined ? [] : [fromBelow(lower)]),
    ...(upper === undefined ? [] : [fromAbove(upper)]),
  ];
  const automata = [
    ...nodes.map((node) => compileNode(node, source)),
    ...steps.map((step) => multiplesOf(step, path, budget)),
  ];
  return automata.reduce((a, b) => intersect(a, b, (count) => budget.spend(count, path, keyword)));
}

function signed(node: RegexNode): RegexNode {
  return sequence(optional(MINUS), node);
}

function fromBelow({ value, isExclusive }: Bound): RegexNode {
  const magnitude = digitsOf(value);
  return value.coefficient >= 0n
    ? atLeast(magnitude, isExclusive)
    : choice(NONNEGATIVE, sequence(MINUS, atMost(magnitude, isExclusive)));
}

function fromAbove({ value, isExclusive }: Bound): RegexNode {
  const magnitude = digitsOf(value);
  return value.coefficient < 0n
    ? sequence(MINUS, atLeast(magnitude, isExclusive))
    : choice(sequence(MINUS, NONNEGATIVE), atMost(magnitude, isExclusive));
}

/** Returns `bound`, unless it is beyond all numbers that are written. `outwards` is the sign of the side that it limits. */
function inReach(bound: Bound | undefined, outwards: 1 | -1, path: string): Bound | undefined {
  if (bound === undefined) return undefined;
  const [far, near] = outwards === 1 ? [LIMIT, NEGATIVE_LIMIT] : [NEGATIVE_LIMIT, LIMIT];
  if (compareDecimals(bound.value, far) * outwards >= 0) return undefined;
  if (compareDecimals(bound.value, near) * outwards <= 0) {
    const keyword = outwards === 1 ? "maximum" : "minimum";
    throw new UnsupportedSchemaError(path, keyword, `numbers of more than ${MAX_DIGITS} digits are not written`);
  }
  return bound;
}

/** Returns the maximum digits after the point: as many as a double represents exactly, and at least those of the bounds. */
function fractionDigits(bounds: readonly (Bound | undefined)[], steps: readonly Decimal[], path: string): number {
  const decimals = bounds.flatMap((bound) => (bound === undefined ? [] : [digitsOf(bound.value)]));
  const ofDouble = DOUBLE_DIGITS - Math.max(1, ...decimals.map(({ whole }) => whole.length));
  const needed = Math.max(...[...decimals, ...steps.map(digitsOf)].map(({ fraction }) => fraction.length));
  if (needed > MAX_DIGITS) {
    throw new UnsupportedSchemaError(path, "minimum", `more than ${MAX_DIGITS} digits after the point are not written`);
  }
  return Math.max(0, ofDouble, needed);
}

/** Lists the numbers, if they are few and sparse. */
function listNumbers(facts: NumberFacts): bigint[] | undefined {
  const { lower, upper, multiplesOf: all } = facts;
  const steps = all.filter(isWhole).map((step) => scaled(step, 0));
  const step = steps.toSorted((a, b) => (a < b ? -1 : 1)).at(-1) ?? 1n;
  if (lower === undefined || upper === undefined || steps.length === 0) return undefined;
  if ([lower, upper].some(({ value }) => Math.abs(value.exponent) > MAX_DIGITS)) return undefined;
  const first = -floorDivide(negated(lower.value), step);
  const count = floorDivide(upper.value, step) - first + 1n;
  if (count > MAX_LISTED) return undefined;
  return Array.from({ length: Math.max(Number(count), 0) }, (_, index) => (first + BigInt(index)) * step).filter(
    (value) => numberFits(facts, wholeDecimal(value)),
  );
}

function negated({ coefficient, exponent }: Decimal): Decimal {
  return { coefficient: -coefficient, exponent };
}

function floorDivide(value: Decimal, step: bigint): bigint {
  const exponent = Math.min(value.exponent, 0);
  const [dividend, divisor] = [scaled(value, exponent), step * 10n ** BigInt(-exponent)];
  const quotient = dividend / divisor;
  return dividend % divisor < 0n ? quotient - 1n : quotient;
}
