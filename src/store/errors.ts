/**
 * The state can't be read or written now: the disk is full, or the file is locked, inaccessible or damaged. Nothing was half written. The message
 * names the file, for the operator.
 */
export class StateError extends Error {
  override readonly name = "StateError";
  readonly code = "state_unavailable";
  /** The message for clients, which contains no path of the server's machine. */
  readonly forClients: string;

  /** @param reason what is wrong and what to do, without a path; it follows "can't be used: " */
  constructor(
    file: string,
    reason: string,
    options?: ErrorOptions & { readonly detail?: string; readonly isFolder?: boolean; readonly isShared?: boolean },
  ) {
    const isOfFiles = options?.isFolder === true || options?.isShared === true;
    const what = options?.isShared === true ? "The store" : isOfFiles ? "The folder of files" : "The state file";
    super(`${what} ${file} can't be used: ${options?.detail ?? reason}.`, options);
    this.forClients = isOfFiles
      ? `The server can't store files: ${reason}. Requests that store nothing still work.`
      : `The server can't use its state file: ${reason}. Requests that store nothing (\`store: false\`) still work.`;
  }
}

const FULL = "the disk is full; free some space";

/** There is no space for what is to be stored. */
export function fullDisk(file: string): StateError {
  return new StateError(file, FULL);
}

/** Primary result codes, https://sqlite.org/rescode.html, with what to do about each. */
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
    // The system's message contains paths.
    return new StateError(file, reason, { cause: error, detail: error.message });
  }
  return error;
}

/** Turns an error of the file system into a `StateError` that names the folder of files. Returns other errors unchanged. */
export function describeFolderFailure(error: unknown, folder: string): unknown {
  if (!(error instanceof Error) || !("code" in error) || !("syscall" in error)) return error;
  const reason = isFullDisk(error) ? FULL : `the system says ${String(error.code)}; check the folder`;
  return new StateError(folder, reason, { cause: error, detail: error.message, isFolder: true });
}

/** Whether a write failed because there was no space, or no more of the quota. */
function isFullDisk(error: unknown): boolean {
  if (error instanceof StateError) return isFullDisk(error.cause) || error.message.includes(FULL);
  if (!(error instanceof Error) || !("code" in error)) return false;
  return error.code === "ENOSPC" || error.code === "EDQUOT" || ("errcode" in error && error.errcode === 13);
}
