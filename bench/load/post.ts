import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import type { TimedBytes } from "./sse.ts";

/** One request and its outcome. Times are in ms by `performance.now()`. */
export type Exchange = {
  readonly startedMs: number;
  /** When the answer's last byte came, or when it was given up or broke off. */
  readonly endedMs: number;
  /** Undefined where nothing was answered until then. */
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  /** The body, as it came. */
  readonly reads: readonly TimedBytes[];
  /** Why it has no end: `gave up` where the signal was aborted, or the system's words. */
  readonly cut?: string;
};

export const GAVE_UP = "gave up";

/**
 * Posts a JSON body over a connection of its own, which is closed afterwards or when the signal is aborted. Never rejects.
 */
export function post(
  url: URL,
  payload: Buffer,
  {
    signal,
    headers = {},
    onRead,
  }: {
    readonly signal: AbortSignal;
    readonly headers?: Readonly<Record<string, string>>;
    /** Called at each read from the socket with how many there were; it should do next to nothing. */
    readonly onRead?: (reads: number) => void;
  },
): Promise<Exchange> {
  return new Promise((resolve) => {
    const startedMs = performance.now();
    const reads: TimedBytes[] = [];
    let response: IncomingMessage | undefined;
    const end = (cut?: string) =>
      resolve({
        ...{ startedMs, endedMs: performance.now(), reads },
        ...{ status: response?.statusCode, headers: response?.headers ?? {} },
        ...(cut !== undefined && { cut }),
      });
    const fail = (error: Error) => end(signal.aborted ? GAVE_UP : error.message);

    const request = httpRequest(url, {
      ...{ method: "POST", agent: false, signal },
      headers: { ...headers, "content-type": "application/json", "content-length": payload.length },
    });
    request.on("error", fail);
    request.on("response", (incoming: IncomingMessage) => {
      response = incoming;
      incoming.on("data", (bytes: Buffer) => {
        reads.push({ atMs: performance.now(), bytes });
        onRead?.(reads.length);
      });
      incoming.on("error", fail);
      incoming.on("end", () => end());
    });
    request.end(payload);
  });
}
