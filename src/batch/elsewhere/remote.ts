/** A batch of another server, as it tells of it. */
export type RemoteBatch = {
  readonly id: string;
  /** In OpenAI's words. */
  readonly status: string;
  readonly inputFile: string;
  readonly outputFile: string | undefined;
  readonly errorFile: string | undefined;
  readonly completed: number;
  readonly faults: readonly { readonly code: string; readonly message: string }[];
};

/** The files and batches of another server. All reject with `RemoteError`, and with the reason of `signal`. */
export type Remote = {
  /** Stores a file of requests. Returns its id. */
  readonly upload: (file: RemoteFile, signal: AbortSignal) => Promise<string>;
  /** The ids of its files of this name. */
  readonly findFiles: (name: string, signal: AbortSignal) => Promise<readonly string[]>;
  readonly removeFile: (id: string, signal: AbortSignal) => Promise<void>;
  readonly content: (id: string, signal: AbortSignal) => AsyncIterable<Uint8Array>;
  readonly create: (batch: NewRemoteBatch, signal: AbortSignal) => Promise<RemoteBatch>;
  /** Those with this tag that were created after `sinceMs`, in Unix ms, the oldest first. */
  readonly find: (tag: string, sinceMs: number, signal: AbortSignal) => Promise<readonly RemoteBatch[]>;
  readonly get: (id: string, signal: AbortSignal) => Promise<RemoteBatch>;
  readonly cancel: (id: string, signal: AbortSignal) => Promise<void>;
};

type RemoteFile = { readonly name: string; readonly bytes: number; readonly chunks: AsyncIterable<Uint8Array> };

type NewRemoteBatch = { readonly fileId: string; readonly endpoint: string; readonly tag: string };

/** `gone`: it does not have that. `refused`: asked again, it would say the same. `away`: it can't be reached, fails, or has too much to do. */
type RemoteFailure = "gone" | "refused" | "away";

/** The other server did not do what it was asked for. The message is for the batch's owner. */
export class RemoteError extends Error {
  override readonly name = "RemoteError";
  readonly failure: RemoteFailure;

  constructor(failure: RemoteFailure, message: string) {
    super(message);
    this.failure = failure;
  }
}

/** Where the requests of a batch go. */
export type Target = {
  /** The server's name in the settings. */
  readonly upstream: string;
  /** The id that its model has here. */
  readonly id: string;
  /** The server's name for it. */
  readonly model: string;
  /** A request's body as the server gets it; undefined if the request must be made by itself. */
  readonly write: (body: string) => string | undefined;
};

/** What is known of other servers for one batch. */
export type Elsewhere = {
  /** Where requests for this model go; `awaited` while that is not known yet, and undefined if they are made one by one. */
  readonly targetFor: (model: string) => Target | "awaited" | undefined;
  /** A server by its name; undefined if it is not there, or gets no batches. */
  readonly remoteOf: (upstream: string) => Remote | undefined;
};
