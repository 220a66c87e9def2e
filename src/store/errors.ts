/** State can't be read or written now: the disk is full, the file is locked, not ours, or broken. Nothing was half written. */
export class StateError extends Error {
  override readonly name = "StateError";
  readonly code = "state_unavailable";
}

/** Primary result codes, https://sqlite.org/rescode.html, with the way out of each. */
const REASONS: ReadonlyMap<number, string> = new Map([
  [5, "another process holds its lock; try again"],
  [6, "another process holds its lock; try again"],
  [8, "it can't be written; give Sluice the right to, or name another file with --state-file"],
  [10, "the disk reports an error"],
  [11, "it is damaged; move it away, or name another file with --state-file"],
  [13, "the disk is full; free some space"],
  [14, "it can't be opened; check the folder, or name another file with --state-file"],
  [26, "it is no SQLite file; name another file with --state-file"],
]);

/** What SQLite or the file system threw, as a `StateError` that names the file and the way out. Anything else stays as it is. */
export function describeStateFailure(error: unknown, file: string): unknown {
  if (!(error instanceof Error) || !("code" in error) || error instanceof StateError) {
    return error;
  }
  if (error.code === "ERR_SQLITE_ERROR" && "errcode" in error && typeof error.errcode === "number") {
    const reason = REASONS.get(error.errcode & 0xff);
    return reason === undefined
      ? error
      : new StateError(`The state file ${file} can't be used: ${reason}.`, { cause: error });
  }
  if ("syscall" in error) {
    return new StateError(`The state file ${file} can't be used: ${error.message}.`, { cause: error });
  }
  return error;
}
