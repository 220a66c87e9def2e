/** The way to a gateway: its routes, under the caller's key. Calls throw an error whose message is for the user. */
export type Door = {
  /** The models that go before all others which can do the same; none if absent. */
  readonly preferred?: () => Promise<readonly string[]>;
  readonly get: (path: string) => Promise<unknown>;
  readonly post: (path: string, body: object, signal: AbortSignal) => Promise<unknown>;
  /** The data of a streamed answer's events. */
  readonly stream: (path: string, body: object, signal: AbortSignal) => AsyncIterable<unknown>;
};
