import { excessWords } from "../json/excess-words.ts";
import { TEXT_LIMITS } from "../json/limits.ts";
import { createJsonScan, type JsonExcess, type JsonPath } from "../json/scan.ts";
import { InvalidRequestError } from "./errors.ts";
import { formatPath } from "./issue.ts";

/** The number of path steps that a message shows. */
const MAX_STEPS = 8;
const MAX_KEY_LENGTH = 64;

/** The error for JSON that exceeds a limit. `base` is its path in the request. */
export function excessError(excess: JsonExcess, base: JsonPath = []): InvalidRequestError {
  const param = formatPath([...base, ...shorten(excess.path)]);
  const subject = param === "" ? "Invalid body" : `Invalid '${param}'`;
  return new InvalidRequestError(`${subject}: ${excessWords(excess)}`, param === "" ? null : param, "invalid_value");
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
