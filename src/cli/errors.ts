/** A failure that the user can mend. Its message says how, so no stack is printed with it. */
export class CommandError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "CommandError";
  }
}

/** What a defect throws: nothing in Sluice throws these to tell the user something. */
const DEFECT_CLASSES: readonly unknown[] = [Error, TypeError, RangeError, ReferenceError, SyntaxError, EvalError];

/**
 * An error as the user should read it. An error with a class of its own, and one of the operating system, was written for them and
 * shows its message; anything else is a defect and shows where it happened.
 */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isForUser = !DEFECT_CLASSES.includes(error.constructor) || "syscall" in error;
  return isForUser ? error.message : (error.stack ?? error.message);
}

/** The code that Node gives its system errors, such as `EADDRINUSE`. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
