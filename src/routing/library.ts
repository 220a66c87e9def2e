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
  /** Gets why a quantization was chosen, if none was named. */
  readonly onChoice?: (why: string) => void;
};

/** A model on this machine's disk, or one that can be downloaded by its name. */
export type LibraryEntry = {
  /** By which it is pulled, and served once it is here. */
  readonly name: string;
  /** What the catalogue says of it. */
  readonly about?: { readonly description: string; readonly purpose: string; readonly license: string };
  /** Such as `135M`. */
  readonly parameters?: string;
  readonly quantization?: string;
  readonly sizeBytes?: number;
  /** Whether the size is an estimate. */
  readonly isSizeEstimated?: boolean;
  /** What it is likely to take when it is loaded, with the settings' slots and context once it is here. */
  readonly memoryBytes?: number;
  readonly isDownloaded: boolean;
  /** The id under which it is served; absent if it isn't. */
  readonly servedAs?: string;
  /** Whether the settings name it, so that it can't be deleted. */
  readonly isGiven: boolean;
};

/** The models of the catalogue and of the disk, and the room for them. */
export type LibraryList = {
  readonly entries: readonly LibraryEntry[];
  /** Files in the folder that are no models, or can't be used. */
  readonly unusable: readonly { readonly file: string; readonly reason: string }[];
  readonly freeDiskBytes?: number;
  /** What loaded models may take together, and take now. */
  readonly memory: { readonly budgetBytes: number; readonly heldBytes: number; readonly pinnedBytes: number };
};

/** Downloads and removes models while the gateway runs. */
export type ModelLibrary = {
  /** Reads the catalogue, and the headers of all files in the folder. */
  readonly list: () => Promise<LibraryList>;
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
