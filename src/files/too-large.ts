/** A file exceeds a bound. */
export class FileTooLargeError extends Error {
  override readonly name = "FileTooLargeError";
  readonly code: "file_too_large" | "storage_limit_exceeded";

  constructor(code: FileTooLargeError["code"], message: string) {
    super(message);
    this.code = code;
  }
}
