import { isDefect } from "../defect.ts";

/** A failure that the user can fix. Its message says how, so no stack is printed. */
export class CommandError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "CommandError";
  }
}

/**
 * The text of an error for the user. Errors with their own class and errors of the operating system show their message. Anything else is a
 * defect and shows its stack.
 */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return isDefect(error) ? (error.stack ?? error.message) : error.message;
}

/** The code that Node gives its system errors, such as `EADDRINUSE`. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
