import { Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { parseStream, type TimedBytes } from "./sse.ts";

export type Message = { readonly role: "system" | "user" | "assistant"; readonly content: string };

/** One answer as seen by the client. Times are in ms by `performance.now()`. */
export type Reply = {
  /** When the request was sent. */
  readonly startedMs: number;
  /** When the stream's last byte came. */
  readonly endedMs: number;
  /** When text arrived, in order; at least one time. */
  readonly arrivalsMs: readonly number[];
  readonly text: string;
  /** As counted by the server; the client can't count them, because a read may contain several tokens. */
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly cachedTokens: number;
};

export type StreamOptions = {
  readonly signal: AbortSignal;
  /** Called at each read from the socket with how many there were; it should do next to nothing. */
  readonly onRead?: (reads: number) => void;
};

/** A server's address with connections that are kept, as every SDK does. */
export type Client = {
  /** Posts the body and records the stream. Throws an Error that has the server's words where it isn't answered with a whole stream. */
  stream(path: string, body: object, options: StreamOptions): Promise<Reply>;
  close(): void;
};

const ERROR_BODY_LIMIT = 2_000;

/** A client that only notes times while a stream runs, so that it takes as little from the two servers' processors as it can. */
export function createClient(baseUrl: string, apiKey?: string): Client {
  const agent = new Agent({ keepAlive: true });
  const headers = { "content-type": "application/json", ...bearer(apiKey) };
  return {
    async stream(path, body, { signal, onRead }) {
      const payload = Buffer.from(JSON.stringify(body));
      const send = () =>
        httpRequest(new URL(path, baseUrl), {
          method: "POST",
          agent,
          signal,
          headers: { ...headers, "content-length": payload.length },
        });
      const startedMs = performance.now();
      const reads = await exchangeOnLiveConnection(send, payload, onRead);
      const endedMs = performance.now();

      const { arrivals, usage, done } = parseStream(reads);
      const had = `${arrivals.length} texts, usage ${JSON.stringify(usage)}`;
      if (!done || usage === undefined) throw new Error(`${baseUrl} ended a stream too early: ${had}`);
      if (arrivals.length === 0) throw new Error(`${baseUrl} answered with tokens that make no text: ${had}`);
      const arrivalsMs = arrivals.map(({ atMs }) => atMs);
      return { startedMs, endedMs, arrivalsMs, text: arrivals.map(({ text }) => text).join(""), ...usage };
    },
    close: () => agent.destroy(),
  };
}

/** The header that tells a server whose request it is; none without a key. */
export function bearer(apiKey: string | undefined): { readonly authorization?: string } {
  return apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
}

/** A server may close a kept connection just when it is used again: then nothing was answered, and it is sent once more. */
async function exchangeOnLiveConnection(
  send: () => ClientRequest,
  payload: Buffer,
  onRead: ((reads: number) => void) | undefined,
): Promise<readonly TimedBytes[]> {
  for (;;) {
    const request = send();
    try {
      return await exchange(request, payload, onRead);
    } catch (error) {
      const stale = request.reusedSocket && error instanceof Error && "code" in error && error.code === "ECONNRESET";
      if (!stale) throw error;
    }
  }
}

function exchange(
  request: ClientRequest,
  payload: Buffer,
  onRead: ((reads: number) => void) | undefined,
): Promise<readonly TimedBytes[]> {
  return new Promise((resolve, reject) => {
    request.on("error", reject);
    request.on("response", (response: IncomingMessage) => {
      const reads: TimedBytes[] = [];
      response.on("data", (bytes: Buffer) => {
        reads.push({ atMs: performance.now(), bytes });
        onRead?.(reads.length);
      });
      response.on("error", ({ message }) => reject(new Error(`the server broke off in mid-stream: ${message}`)));
      response.on("end", () => {
        if (response.statusCode === 200) resolve(reads);
        else reject(new Error(describeRefusal(response, reads)));
      });
    });
    request.end(payload);
  });
}

function describeRefusal(response: IncomingMessage, reads: readonly TimedBytes[]): string {
  const body = Buffer.concat(reads.map(({ bytes }) => bytes)).toString();
  return `the server answered ${response.statusCode}: ${body.slice(0, ERROR_BODY_LIMIT)}`;
}
