import type { JsonLimits } from "./limits.ts";
import type { JsonExcess } from "./scan.ts";

const WORDS: Readonly<Record<keyof JsonLimits, (most: number) => string>> = {
  depth: (most) => `nested too deeply. Objects and arrays may be nested at most ${most} levels deep`,
  members: (most) => `too many properties. All objects together may have at most ${most}`,
  names: (most) => `too many properties. An object may have at most ${most}`,
  elements: (most) => `too many elements. All arrays together may have at most ${most}`,
  numbers: (most) => `too many numbers. All arrays together may have at most ${most}`,
  exact: (most) => `too many numbers that must be kept as written, such as 1.0 or 1e5. There may be at most ${most}`,
  digits: (most) => `a number is too long. It may have at most ${most} characters`,
};

/** What there is too much of, and how much there may be. */
export function excessWords({ limit, most }: Pick<JsonExcess, "limit" | "most">): string {
  return `${WORDS[limit](most)}.`;
}
