/**
 * State can't be read or written now: the disk is full, the file is locked, not ours, or broken. Nothing was half written. The message names
 * the file, for the operator.
 */
export class StateError extends Error {
  override readonly name = "StateError";
  readonly code = "state_unavailable";
  /** The same for a client, whom paths of the server's machine are none of the business. */
  readonly forClients: string;

  /** @param reason what is wrong and the way out, with no path in it: it goes on after "can't be used: " */
  constructor(file: string, reason: string, options?: ErrorOptions & { readonly detail?: string }) {
    super(`The state file ${file} can't be used: ${options?.detail ?? reason}.`, options);
    this.forClients = `The server can't use its state file: ${reason}. What is not to be stored (\`store: false\`) can be answered all the same.`;
  }
}

const FULL = "the disk is full; free some space";

/** There is no room for what is to be kept. */
export function fullDisk(file: string): StateError {
  return new StateError(file, FULL);
}

/** Primary result codes, https://sqlite.org/rescode.html, with the way out of each. */
const REASONS: ReadonlyMap<number, string> = new Map([
  [5, "another process holds its lock; try again"],
  [6, "another process holds its lock; try again"],
  [8, "it can't be written; give Sluice the right to, or name another file with --state-file"],
  [10, "the disk reports an error"],
  [11, "it is damaged; move it away, or name another file with --state-file"],
  [13, FULL],
  [14, "it can't be opened; check the folder, or name another file with --state-file"],
  [26, "it is no SQLite file; name another file with --state-file"],
]);

/** Turns an error of SQLite or the file system into a `StateError` that names the file and the way out. Returns other errors unchanged. */
export function describeStateFailure(error: unknown, file: string): unknown {
  if (!(error instanceof Error) || !("code" in error) || error instanceof StateError) {
    return error;
  }
  if (error.code === "ERR_SQLITE_ERROR" && "errcode" in error && typeof error.errcode === "number") {
    const reason = REASONS.get(error.errcode & 0xff);
    return reason === undefined ? error : new StateError(file, reason, { cause: error });
  }
  if ("syscall" in error) {
    const reason = error.code === "ENOSPC" ? FULL : `the system says ${error.code}; check the folder`;
    // The system's own words name paths.
    return new StateError(file, reason, { cause: error, detail: error.message });
  }
  return error;
}
