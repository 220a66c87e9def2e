import { type JsonLimits, TEXT_LIMITS } from "../json/limits.ts";
import { createJsonScan, type JsonExcess, type JsonPath } from "../json/scan.ts";
import { InvalidRequestError } from "./errors.ts";
import { formatPath } from "./issue.ts";

/** So many steps of a path are told. */
const MAX_STEPS = 8;
const MAX_KEY_LENGTH = 64;

const WORDS: Readonly<Record<keyof JsonLimits, (most: number) => string>> = {
  depth: (most) => `nested too deeply. Objects and arrays may be ${most} deep at most, one in another`,
  members: (most) => `too many properties. All objects together may have ${most} at most`,
  names: (most) => `too many properties. An object may have ${most} at most`,
  elements: (most) => `too many elements. All arrays together may have ${most} at most`,
  numbers: (most) => `too many numbers. All arrays together may have ${most} at most`,
  exact: (most) =>
    `too many numbers that have to be kept as they are written, such as 1.0 or 1e5. There may be ${most} at most`,
  digits: (most) => `a number is too long. It may have ${most} characters at most`,
};

/** What the client is told whose JSON holds too much. `base` is where it stands in the request. */
export function excessError({ limit, most, path }: JsonExcess, base: JsonPath = []): InvalidRequestError {
  const param = formatPath([...base, ...shorten(path)]);
  const subject = param === "" ? "Invalid body" : `Invalid '${param}'`;
  return new InvalidRequestError(`${subject}: ${WORDS[limit](most)}.`, param === "" ? null : param, "invalid_value");
}

/**
 * Refuses JSON that a client sent in a string, such as a call's arguments, where it holds too much. Whether it is JSON is not asked here.
 *
 * @param path where it stands in the request
 */
export function refuseExcess(text: string, path: JsonPath): void {
  const scan = createJsonScan(text, TEXT_LIMITS);
  scan.run(text.length);
  const excess = scan.excess();
  if (excess !== undefined) throw excessError(excess, path);
}

/** The field, without the places in lists of lists that lead on from it. */
function shorten(path: JsonPath): JsonPath {
  const nested = path.findIndex((step, index) => typeof step === "number" && typeof path[index + 1] === "number");
  return path
    .slice(0, nested < 0 ? MAX_STEPS : Math.min(nested, MAX_STEPS))
    .map((step) =>
      typeof step === "string" && step.length > MAX_KEY_LENGTH ? `${step.slice(0, MAX_KEY_LENGTH)}…` : step,
    );
}
