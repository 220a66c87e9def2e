/** The classes of errors that are defects. Sluice throws none of them for the user. */
const DEFECT_CLASSES: readonly unknown[] = [Error, TypeError, RangeError, ReferenceError, SyntaxError, EvalError];

/** Whether an error is a defect, whose stack is of use. Errors with their own class and errors of the operating system are for the user. */
export function isDefect(error: unknown): boolean {
  return error instanceof Error && DEFECT_CLASSES.includes(error.constructor) && !("syscall" in error);
}
