/** How far a model has come. */
export type PullProgress = {
  readonly phase: "connecting" | "downloading" | "verifying" | "extracting" | "waiting";
  readonly receivedBytes: number;
  /** Absent while nobody knows. */
  readonly totalBytes?: number;
};

type PullOptions = {
  /** Breaks a download off. What has arrived is kept. */
  readonly signal: AbortSignal;
  readonly onProgress: (progress: PullProgress) => void;
};

/** The models on this machine's disk, which come and go while others are served. */
export type ModelLibrary = {
  /** Downloads the missing files of a model and serves it until the gateway ends. Throws `LibraryError`, and the signal's reason. */
  readonly pull: (name: string, options: PullOptions) => Promise<{ readonly id: string; readonly isNew: boolean }>;
  /** Ends a model and removes its file. Throws `LibraryError`: also for a model that the gateway was started with. */
  readonly remove: (name: string) => Promise<void>;
};

/** `unknown`: there is no such model. `refused`: it must not be. `busy`: too much at once. `failed`: no source gave it, or its file is no good. */
export type LibraryFault = "unknown" | "refused" | "busy" | "failed";

/** What a library can't do, in words for who asked. */
export class LibraryError extends Error {
  override readonly name = "LibraryError";
  readonly fault: LibraryFault;

  constructor(fault: LibraryFault, message: string) {
    super(message);
    this.fault = fault;
  }
}
