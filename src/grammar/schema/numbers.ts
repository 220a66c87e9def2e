import { charsOf, DIGITS } from "../automaton/char-set.ts";
import { type Dfa, dfaOfTexts, intersect, type State, trim } from "../automaton/dfa.ts";
import { UnsupportedSchemaError } from "../errors.ts";
import type { Budget } from "../limits.ts";
import { compileNode } from "../regex/compile.ts";
import { choice, optional, type RegexNode, repeat, sequence, text } from "../regex/node.ts";
import { numberFits } from "./admit.ts";
import { ANY_WHOLE, atLeast, atMost, boundedDecimal, toDecimal } from "./number-range.ts";
import type { Bound, NumberFacts } from "./variant.ts";

/** Two decimals of so many digits are never the same double. */
const EXACT_DIGITS = 15;
const LIMIT = 10 ** EXACT_DIGITS;
/** Digits of a multiple of something: each takes as many states as there are remainders. */
const MULTIPLE_DIGITS = 9;
/** Up to so many numbers are listed one by one. */
const MAX_LISTED = 1_000;

const MINUS = text("-");
const NONNEGATIVE = sequence(
  ANY_WHOLE,
  optional(sequence(text("."), repeat({ type: "set", set: DIGITS }, 1, Number.POSITIVE_INFINITY))),
);
const ABOVE_ZERO = atLeast(toDecimal(0), true);

/**
 * The spellings of the numbers with these facts: decimals without an exponent, and no minus zero. Undefined where there is nothing to
 * keep to but the type.
 */
export function numberAutomaton(facts: NumberFacts, path: string, budget: Budget): Dfa | undefined {
  const multiples = facts.multiplesOf.filter((step) => !(facts.isInteger && (1 / step) % 1 === 0));
  if (facts.lower === undefined && facts.upper === undefined && multiples.length === 0) {
    return undefined;
  }
  const listed = listNumbers(facts);
  if (listed !== undefined) {
    return dfaOfTexts(listed.map(String), (steps) => budget.spend(steps, path, "multipleOf"));
  }
  const isInteger = facts.isInteger || multiples.some((step) => Number.isInteger(step));
  const lower = inReach(facts.lower, -1, path);
  const upper = inReach(facts.upper, 1, path);
  const keyword = multiples.length > 0 ? "multipleOf" : facts.lower === undefined ? "maximum" : "minimum";
  const source = { path, keyword, budget };
  const nodes: RegexNode[] = [
    signed(
      boundedDecimal(
        multiples.length > 0 ? MULTIPLE_DIGITS : EXACT_DIGITS,
        isInteger ? 0 : fractionDigits([lower, upper], path),
      ),
    ),
    choice(NONNEGATIVE, sequence(MINUS, ABOVE_ZERO)),
    ...(lower === undefined ? [] : [fromBelow(lower)]),
    ...(upper === undefined ? [] : [fromAbove(upper)]),
  ];
  const automata = [
    ...nodes.map((node) => compileNode(node, source)),
    ...multiples.map((step) =>
      Number.isInteger(step) ? multiplesOfInteger(step) : compileNode(multiplesOfFraction(step, path), source),
    ),
  ];
  return automata.reduce((a, b) => intersect(a, b, (steps) => budget.spend(steps, path, keyword)));
}

function signed(node: RegexNode): RegexNode {
  return sequence(optional(MINUS), node);
}

function fromBelow({ value, isExclusive }: Bound): RegexNode {
  const magnitude = toDecimal(value);
  return value >= 0
    ? atLeast(magnitude, isExclusive)
    : choice(NONNEGATIVE, sequence(MINUS, atMost(magnitude, isExclusive)));
}

function fromAbove({ value, isExclusive }: Bound): RegexNode {
  const magnitude = toDecimal(value);
  return value < 0
    ? sequence(MINUS, atLeast(magnitude, isExclusive))
    : choice(sequence(MINUS, NONNEGATIVE), atMost(magnitude, isExclusive));
}

/** `bound`, unless it lies farther out than any number that is written. `outwards` is the sign of the side that it bounds. */
function inReach(bound: Bound | undefined, outwards: 1 | -1, path: string): Bound | undefined {
  if (bound === undefined || bound.value * outwards >= LIMIT) {
    return undefined;
  }
  if (bound.value * outwards <= -LIMIT) {
    const keyword = outwards === 1 ? "maximum" : "minimum";
    throw new UnsupportedSchemaError(
      path,
      keyword,
      `numbers of more than ${EXACT_DIGITS} digits are not written exactly`,
    );
  }
  return bound;
}

/** How many digits behind the point leave every number as exact as the bounds are. */
function fractionDigits(bounds: readonly (Bound | undefined)[], path: string): number {
  const decimals = bounds.flatMap((bound) => (bound === undefined ? [] : [toDecimal(bound.value)]));
  const digits = EXACT_DIGITS - Math.max(1, ...decimals.map(({ whole }) => whole.length));
  if (decimals.some(({ fraction }) => fraction.length > digits)) {
    throw new UnsupportedSchemaError(
      path,
      "minimum",
      `bounds of more than ${EXACT_DIGITS} digits can't be kept exactly`,
    );
  }
  return digits;
}

/** The numbers, where there are few enough to list. */
function listNumbers(facts: NumberFacts): number[] | undefined {
  const steps = facts.multiplesOf.filter((step) => Number.isInteger(step));
  const step = Math.max(1, ...steps);
  if (
    (!facts.isInteger && steps.length === 0) ||
    facts.lower === undefined ||
    facts.upper === undefined ||
    steps.length === 0
  ) {
    return undefined;
  }
  const first = Math.ceil(facts.lower.value / step);
  const count = Math.floor(facts.upper.value / step) - first + 1;
  if (!(count <= MAX_LISTED) || !Number.isSafeInteger((first + Math.max(count, 0)) * step)) {
    return undefined;
  }
  return Array.from({ length: Math.max(count, 0) }, (_, index) => (first + index) * step + 0).filter((value) =>
    numberFits(facts, value),
  );
}

/** Counts the remainder, digit by digit. */
function multiplesOfInteger(step: number): Dfa {
  const digits = Array.from("0123456789", (digit) => charsOf(digit));
  // 0: nothing yet, 1: a minus, 2: a zero alone; then the remainders.
  const toRemainder = (remainder: number) => 3 + remainder;
  const beginNonzero = digits.slice(1).map((set, index) => ({ set, to: toRemainder((index + 1) % step) }));
  const remainders = Array.from(
    { length: step },
    (_, remainder): State => ({
      accepts: remainder === 0,
      edges: digits.map((set, digit) => ({ set, to: toRemainder((remainder * 10 + digit) % step) })),
    }),
  );
  return trim([
    {
      accepts: false,
      edges: [{ set: charsOf("0"), to: 2 }, { set: charsOf("-"), to: 1 }, ...beginNonzero],
    },
    { accepts: false, edges: beginNonzero },
    { accepts: true, edges: [] },
    ...remainders,
  ]);
}

/** Halves, quarters and eighths, which doubles hold exactly. Others are a matter of rounding: 0.29 is no multiple of 0.01 to a validator. */
function multiplesOfFraction(step: number, path: string): RegexNode {
  if (![0.5, 0.25, 0.125].includes(step)) {
    throw new UnsupportedSchemaError(
      path,
      "multipleOf",
      "only integers, 0.5, 0.25 and 0.125 can be kept exactly; count in the smaller unit, as an integer",
    );
  }
  const fractions = Array.from({ length: 1 / step - 1 }, (_, index) => toDecimal((index + 1) * step).fraction);
  const zeros = repeat(text("0"), 0, 3);
  return signed(
    sequence(
      ANY_WHOLE,
      optional(sequence(text("."), choice(text("0"), ...fractions.map((digits) => sequence(text(digits), zeros))))),
    ),
  );
}
