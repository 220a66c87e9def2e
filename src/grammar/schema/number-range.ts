import { charSet, DIGITS } from "../automaton/char-set.ts";
import {
  choice,
  DIGIT,
  EMPTY,
  NEVER,
  oneOfSet,
  optional,
  type RegexNode,
  repeat,
  sequence,
  text,
} from "../regex/node.ts";

/** The digits of a number before and after its point, without its sign. */
type Digits = { readonly whole: string; readonly fraction: string };

const DIGITS_ANY = repeat(DIGIT, 0, Number.POSITIVE_INFINITY);
const ZEROS = repeat(text("0"), 0, Number.POSITIVE_INFINITY);
const NONZERO = digitBetween(1, 9);
const POINT = text(".");
const ANY_FRACTION = optional(sequence(POINT, DIGIT, DIGITS_ANY));
export const ANY_WHOLE = choice(text("0"), sequence(NONZERO, DIGITS_ANY));

/** Returns the unsigned decimals that are at least `bound`, or more if it is exclusive. */
export function atLeast({ whole, fraction }: Digits, isExclusive: boolean): RegexNode {
  return choice(
    sequence(text(whole), fractionAtLeast(fraction, isExclusive)),
    sequence(wholeAbove(whole), ANY_FRACTION),
  );
}

/** Returns the unsigned decimals that are at most `bound`, or less if it is exclusive. */
export function atMost({ whole, fraction }: Digits, isExclusive: boolean): RegexNode {
  return choice(
    sequence(text(whole), fractionAtMost(fraction, isExclusive)),
    sequence(wholeBelow(whole), ANY_FRACTION),
  );
}

function fractionAtLeast(digits: string, isExclusive: boolean): RegexNode {
  const beyond = isExclusive ? sequence(ZEROS, NONZERO, DIGITS_ANY) : DIGITS_ANY;
  if (digits === "") {
    return isExclusive ? sequence(POINT, beyond) : ANY_FRACTION;
  }
  const rest = Array.from(digits).reduceRight<RegexNode>(
    (rest, digit) => choice(sequence(digitBetween(Number(digit) + 1, 9), DIGITS_ANY), sequence(text(digit), rest)),
    beyond,
  );
  return sequence(POINT, rest);
}

function fractionAtMost(digits: string, isExclusive: boolean): RegexNode {
  if (digits === "") {
    return isExclusive ? NEVER : optional(sequence(POINT, text("0"), ZEROS));
  }
  const first = digits.length - 1;
  const rest = Array.from(digits).reduceRight<RegexNode>(
    (rest, digit, index) => {
      const ends = index === first ? rest : choice(EMPTY, rest);
      return choice(sequence(digitBetween(0, Number(digit) - 1), DIGITS_ANY), sequence(text(digit), ends));
    },
    isExclusive ? NEVER : ZEROS,
  );
  return optional(sequence(POINT, rest));
}

/** The whole numbers above `digits`: longer ones, and those of as many digits that are larger. */
function wholeAbove(digits: string): RegexNode {
  const length = digits.length;
  const larger = Array.from(digits).map((digit, index) =>
    sequence(
      text(digits.slice(0, index)),
      digitBetween(Number(digit) + 1, 9),
      repeat(DIGIT, length - index - 1, length - index - 1),
    ),
  );
  return choice(...larger, sequence(NONZERO, repeat(DIGIT, length, Number.POSITIVE_INFINITY)));
}

/** The whole numbers below `digits`. */
function wholeBelow(digits: string): RegexNode {
  const length = digits.length;
  const smaller = Array.from(digits).map((digit, index) =>
    sequence(
      text(digits.slice(0, index)),
      digitBetween(index === 0 && length > 1 ? 1 : 0, Number(digit) - 1),
      repeat(DIGIT, length - index - 1, length - index - 1),
    ),
  );
  const shorter = length === 1 ? [] : [text("0"), sequence(NONZERO, repeat(DIGIT, 0, length - 2))];
  return choice(...smaller, ...shorter);
}

function digitBetween(first: number, last: number): RegexNode {
  return first > last ? NEVER : oneOfSet(charSet([[0x30 + first, 0x30 + last]]));
}

/** Returns the unsigned decimals with at most this many digits before and after the point. */
export function boundedDecimal(wholeDigits: number, fractionDigits: number): RegexNode {
  const whole = choice(text("0"), sequence(NONZERO, repeat(oneOfSet(DIGITS), 0, wholeDigits - 1)));
  return fractionDigits === 0 ? whole : sequence(whole, optional(sequence(POINT, repeat(DIGIT, 1, fractionDigits))));
}
