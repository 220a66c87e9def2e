import { InvalidRequestError } from "./errors.ts";

/** A known field that can't be honoured, or not with every value. */
export type Refusal = {
  /** Its path, such as `text.verbosity`. */
  readonly param: string;
  /** Whether this value asks for something unsupported. Not called for absent, null and empty fields. */
  readonly asksForIt: (value: unknown) => boolean;
  readonly reason: string;
  /** Whether the reason says what to send instead. If not, the message says to leave the field out. */
  readonly hasSubstitute?: boolean;
};

/** Returns a test for values that are not `harmless`. */
export const isNot =
  (...harmless: readonly unknown[]) =>
  (value: unknown) =>
    !harmless.includes(value);

/** Throws `InvalidRequestError` if `body` asks for something unsupported, instead of silently ignoring it. */
export function refuseUnsupported(body: unknown, refusals: readonly Refusal[]): void {
  for (const { param, asksForIt, reason, hasSubstitute = false } of refusals) {
    const value = valueAt(body, param);
    const isEmpty = value === undefined || value === null || (Array.isArray(value) && value.length === 0);
    if (!isEmpty && asksForIt(value)) {
      throw new InvalidRequestError(
        `Unsupported parameter: '${param}' is not supported here: ${reason}.${hasSubstitute ? "" : " Leave it out."}`,
        param,
        "unsupported_parameter",
      );
    }
  }
}

/** Names without a dot take the fast path: every request is checked for every name. */
function valueAt(body: unknown, path: string): unknown {
  return path.includes(".")
    ? path.split(".").reduce<unknown>((object, key) => Object(object)[key], body)
    : Object(body)[path];
}
