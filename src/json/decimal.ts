/** A number as JSON has it, without rounding: `coefficient` × 10^`exponent`. The coefficient doesn't end in a zero, and zero is 0 × 10^0. */
export type Decimal = { readonly coefficient: bigint; readonly exponent: number };

/** The largest exponent for calculations: beyond it, the digits alone would fill pages. */
const MAX_EXPONENT = 1_000;

/** Parses a JSON number; undefined if its exponent is beyond ±1,000. */
export function parseDecimal(source: string): Decimal | undefined {
  const [mantissa = "", power = "0"] = source.toLowerCase().split("e");
  const [whole = "", fraction = ""] = mantissa.split(".");
  const digits = (whole + fraction).replace(/^(-?)0+(?=\d)/, "$1");
  const significant = digits.replace(/0+$/, "");
  if (significant === "" || significant === "-") return { coefficient: 0n, exponent: 0 };
  const exponent = Number(power) - fraction.length + digits.length - significant.length;
  return Math.abs(exponent) > MAX_EXPONENT ? undefined : { coefficient: BigInt(significant), exponent };
}

/** A whole number as a decimal. */
export function wholeDecimal(value: bigint): Decimal {
  const digits = String(value);
  const significant = digits.replace(/0+$/, "");
  return significant === "" || value === 0n
    ? { coefficient: 0n, exponent: 0 }
    : { coefficient: BigInt(significant), exponent: digits.length - significant.length };
}

/** Negative where `a` is less than `b`, 0 where they are the same number. */
export function compareDecimals(a: Decimal, b: Decimal): number {
  const exponent = Math.min(a.exponent, b.exponent);
  const difference = scaled(a, exponent) - scaled(b, exponent);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

export function isWhole({ exponent }: Decimal): boolean {
  return exponent >= 0;
}

/** Whether `value` is a multiple of `step`, which is not zero. */
export function isMultiple(value: Decimal, step: Decimal): boolean {
  const exponent = Math.min(value.exponent, step.exponent);
  return scaled(value, exponent) % scaled(step, exponent) === 0n;
}

/** `value` / 10^`exponent`, which is at most its own. */
export function scaled({ coefficient, exponent: own }: Decimal, exponent: number): bigint {
  return coefficient * 10n ** BigInt(own - exponent);
}

/** One way to write the number, the same for all that are equal. */
export function canonicalNumber({ coefficient, exponent }: Decimal): string {
  return exponent === 0 ? String(coefficient) : `${coefficient}e${exponent}`;
}

/** The digits before and behind the point, without the sign: `12` and `5` for -12.5. The fraction has no trailing zeros. */
export function digitsOf({ coefficient, exponent }: Decimal): { readonly whole: string; readonly fraction: string } {
  const digits = String(coefficient < 0n ? -coefficient : coefficient);
  if (exponent >= 0) return { whole: digits === "0" ? "0" : digits + "0".repeat(exponent), fraction: "" };
  const padded = digits.padStart(1 - exponent, "0");
  return { whole: padded.slice(0, exponent), fraction: padded.slice(exponent) };
}
