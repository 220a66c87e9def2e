import { createParser } from "eventsource-parser";

/** What arrives on a stream: its headers, its events, and the comments that tell of waiting. */
export type Arrival =
  | { readonly type: "opened"; readonly headers: Headers }
  | { readonly type: "event"; readonly data: string; readonly id: string | undefined }
  | { readonly type: "waiting"; readonly waiting: Waiting }
  | { readonly type: "end" };

/** Where a request stands that waits for its turn, or for its model. */
export type Waiting = { readonly isLoading: boolean; readonly position: number; readonly etaMs: number | undefined };

/** A refusal, with the server's own words. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
  readonly status: number;
  readonly code: string | null;

  constructor(message: string, status: number, code: string | null) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** The connection was lost, or never came about. */
export class LostError extends Error {
  override readonly name = "LostError";
}

/** The longest event that is read. An event of a stream has some tokens. */
const MAX_EVENT_CHARS = 8 * 2 ** 20;

/** Sends a request. Throws `RefusedError` for an answer that is an error, and `LostError` if the server can't be reached. */
export type Send = (signal: AbortSignal) => Promise<Response>;

/**
 * Reads a stream of server-sent events. Throws what `send` throws, and `LostError` if the connection breaks, or ends without `[DONE]`. An abort
 * is thrown as the signal's reason.
 */
export async function* readStream(send: Send, signal: AbortSignal): AsyncGenerator<Arrival, void, void> {
  const response = await send(signal).catch((error: unknown) => {
    signal.throwIfAborted();
    throw error;
  });
  yield { type: "opened", headers: response.headers };
  if (response.status === 204) {
    // A stream that was taken up had nothing more.
    yield { type: "end" };
    return;
  }
  if (response.body === null) throw new LostError("The answer has no body.");

  const arrived: Arrival[] = [];
  const parser = createParser({
    onEvent: ({ data, id }) => {
      arrived.push(data === "[DONE]" ? { type: "end" } : { type: "event", data, id });
    },
    onComment: (comment) => {
      const waiting = readWaiting(comment);
      if (waiting !== undefined) arrived.push({ type: "waiting", waiting });
    },
    maxBufferSize: MAX_EVENT_CHARS,
  });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        signal.throwIfAborted();
        throw new LostError("The connection was lost.", { cause: error });
      });
      if (done) throw new LostError("The connection ended before the answer did.");
      parser.feed(value);
      for (const arrival of arrived.splice(0)) {
        yield arrival;
        if (arrival.type === "end") return;
      }
    }
  } finally {
    // Also when the consumer stops early. What is then thrown is of no interest.
    await reader.cancel().catch(() => {});
  }
}

/** Reads a comment such as `queued position=3 eta_ms=2100`, or `loading position=1 eta_ms=4200`. */
export function readWaiting(comment: string): Waiting | undefined {
  const found = /^\s*(queued|loading) position=(\d+)(?: eta_ms=(\d+))?/.exec(comment);
  if (found === null) return undefined;
  return {
    isLoading: found[1] === "loading",
    position: Number(found[2]),
    etaMs: found[3] === undefined ? undefined : Number(found[3]),
  };
}
