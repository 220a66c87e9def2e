import { InvalidRequestError } from "./errors.ts";

/** A field that is known and can't be honoured, at least not with every value. */
export type Refusal = {
  /** Its path, such as `text.verbosity`. */
  readonly param: string;
  /** Whether this value asks for what isn't there. Absent, null and empty fields are never asked about. */
  readonly asksForIt: (value: unknown) => boolean;
  readonly reason: string;
  /** Whether the reason says what to send in its place. Else the client is told to leave it out. */
  readonly hasSubstitute?: boolean;
};

/** Whether a value is none of those that ask for nothing. */
export const isNot =
  (...harmless: readonly unknown[]) =>
  (value: unknown) =>
    !harmless.includes(value);

/** Throws `InvalidRequestError` when `body` asks for something that this server doesn't do, rather than doing without it in silence. */
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

/** Most names have no point in them, and each request is asked for all of them. */
function valueAt(body: unknown, path: string): unknown {
  return path.includes(".")
    ? path.split(".").reduce<unknown>((object, key) => Object(object)[key], body)
    : Object(body)[path];
}
