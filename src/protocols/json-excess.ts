import { type JsonLimits, TEXT_LIMITS } from "../json/limits.ts";
import { createJsonScan, type JsonExcess, type JsonPath } from "../json/scan.ts";
import { InvalidRequestError } from "./errors.ts";
import { formatPath } from "./issue.ts";

/** The number of path steps that a message shows. */
const MAX_STEPS = 8;
const MAX_KEY_LENGTH = 64;

const WORDS: Readonly<Record<keyof JsonLimits, (most: number) => string>> = {
  depth: (most) => `nested too deeply. Objects and arrays may be nested at most ${most} levels deep`,
  members: (most) => `too many properties. All objects together may have at most ${most}`,
  names: (most) => `too many properties. An object may have at most ${most}`,
  elements: (most) => `too many elements. All arrays together may have at most ${most}`,
  numbers: (most) => `too many numbers. All arrays together may have at most ${most}`,
  exact: (most) => `too many numbers that must be kept as written, such as 1.0 or 1e5. There may be at most ${most}`,
  digits: (most) => `a number is too long. It may have at most ${most} characters`,
};

/** The error for JSON that exceeds a limit. `base` is its path in the request. */
export function excessError({ limit, most, path }: JsonExcess, base: JsonPath = []): InvalidRequestError {
  const param = formatPath([...base, ...shorten(path)]);
  const subject = param === "" ? "Invalid body" : `Invalid '${param}'`;
  return new InvalidRequestError(`${subject}: ${WORDS[limit](most)}.`, param === "" ? null : param, "invalid_value");
}

/**
 * Refuses JSON in a string, such as a call's arguments, if it exceeds a limit. Doesn't check whether it is valid JSON.
 *
 * @param path the string's path in the request
 */
export function refuseExcess(text: string, path: JsonPath): void {
  const scan = createJsonScan(text, TEXT_LIMITS);
  scan.run(text.length);
  const excess = scan.excess();
  if (excess !== undefined) throw excessError(excess, path);
}

/** Cuts a path where nested arrays begin, and after `MAX_STEPS`. */
function shorten(path: JsonPath): JsonPath {
  const nested = path.findIndex((step, index) => typeof step === "number" && typeof path[index + 1] === "number");
  return path
    .slice(0, nested < 0 ? MAX_STEPS : Math.min(nested, MAX_STEPS))
    .map((step) =>
      typeof step === "string" && step.length > MAX_KEY_LENGTH ? `${step.slice(0, MAX_KEY_LENGTH)}…` : step,
    );
}
