import { isDefect } from "../defect.ts";
import { EXIT } from "./context.ts";

/** A failure that the user can fix. Its message says how, so no stack is printed. */
export class CommandError extends Error {
  /** The exit code of a command that ends with it. */
  readonly exitCode: number = EXIT.failed;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "CommandError";
  }
}

/** A flag or an argument is wrong. */
export class UsageError extends CommandError {
  override readonly exitCode = EXIT.wrongUsage;
}

/** No gateway responds at a URL. */
export class NoGatewayError extends CommandError {
  override readonly exitCode = EXIT.unreachable;
}

/** The gateway has refused a request. */
export class RefusedError extends CommandError {
  override readonly exitCode: number;
  /** The gateway's word for what is wrong, such as `local_only`. */
  readonly code: string | undefined;

  /** @param status that of its response */
  constructor(status: number, message: string, code?: string) {
    super(message);
    this.exitCode = status === 429 || status === 503 ? EXIT.busy : status < 500 ? EXIT.refused : EXIT.failed;
    this.code = code;
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
