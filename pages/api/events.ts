import { EventSourceParserStream } from "eventsource-parser/stream";
import { ApiError, type ApiOptions, send } from "./fetch.ts";

export type ServerEvent = {
  readonly id?: string | undefined;
  readonly event?: string | undefined;
  readonly data: string;
};

/** How a stream stands: `live` while events come, `waiting` between two tries, with what went wrong. */
export type StreamState =
  | { readonly type: "connecting" }
  | { readonly type: "live" }
  | { readonly type: "waiting"; readonly error: ApiError; readonly retryMs: number }
  | { readonly type: "refused"; readonly error: ApiError };

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 10_000;

/** Not worth another try: the request itself is wrong, or needs a key. */
const isFinal = ({ status }: ApiError) => status >= 400 && status < 500 && status !== 408 && status !== 429;

/** The events of one answer, as they come. @public */
export async function* readEvents(path: string, options: ApiOptions = {}): AsyncGenerator<ServerEvent, void, void> {
  const headers = { accept: "text/event-stream", ...options.headers };
  const response = await send(path, { ...options, headers });
  if (response.body === null) return;
  const events = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
  const reader = events.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    // Ends the connection where the reader went before the end.
    await reader.cancel().catch(() => {});
  }
}

/**
 * Follows a stream until `signal` aborts: where the connection ends it is made again, a little later each time, and goes on after the last
 * event that had an id. Unlike the browser's EventSource it sends the key.
 */
export async function followEvents(
  path: string,
  listener: { onEvent(event: ServerEvent): void; onState(state: StreamState): void },
  signal: AbortSignal,
  options: Pick<ApiOptions, "asksForKey"> = {},
): Promise<void> {
  let retryMs = FIRST_RETRY_MS;
  let lastId: string | undefined;
  while (!signal.aborted) {
    listener.onState({ type: "connecting" });
    try {
      const headers = lastId === undefined ? {} : { "last-event-id": lastId };
      for await (const event of readEvents(path, { ...options, headers, signal })) {
        if (signal.aborted) return;
        retryMs = FIRST_RETRY_MS;
        lastId = event.id ?? lastId;
        listener.onState({ type: "live" });
        listener.onEvent(event);
      }
      throw new ApiError("The gateway ended the connection.", 0, "ended");
    } catch (thrown) {
      if (signal.aborted) return;
      const error =
        thrown instanceof ApiError ? thrown : new ApiError("The connection to the gateway was lost.", 0, "lost");
      if (isFinal(error)) {
        listener.onState({ type: "refused", error });
        return;
      }
      listener.onState({ type: "waiting", error, retryMs });
    }
    await pause(retryMs, signal);
    retryMs = Math.min(retryMs * 2, LAST_RETRY_MS);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
