/** The progress of a download. */
export type PullProgress = {
  readonly phase: "connecting" | "downloading" | "verifying" | "extracting" | "waiting";
  readonly receivedBytes: number;
  /** Absent while unknown. */
  readonly totalBytes?: number;
};

type PullOptions = {
  /** Aborts the download. The received part is kept. */
  readonly signal: AbortSignal;
  readonly onProgress: (progress: PullProgress) => void;
};

/** Downloads and removes models while the gateway runs. */
export type ModelLibrary = {
  /** Downloads the missing files of a model and serves it until the gateway stops. Throws `LibraryError`, and the signal's reason. */
  readonly pull: (name: string, options: PullOptions) => Promise<{ readonly id: string; readonly isNew: boolean }>;
  /** Stops a model and removes its file. Throws `LibraryError`, also for a model that the gateway was started with. */
  readonly remove: (name: string) => Promise<void>;
};

/** `unknown`: no such model. `refused`: not allowed. `busy`: too many at once. `failed`: no source has it, or its file is invalid. */
export type LibraryFault = "unknown" | "refused" | "busy" | "failed";

/** A failed library operation, with a message for the client. */
export class LibraryError extends Error {
  override readonly name = "LibraryError";
  readonly fault: LibraryFault;

  constructor(fault: LibraryFault, message: string) {
    super(message);
    this.fault = fault;
  }
}
