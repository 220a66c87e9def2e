import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One request of the client, and the gateway's response. */
export type Recorded = {
  readonly method: string;
  /** Without its query. */
  readonly path: string;
  /** Parsed; undefined where there was none, or no JSON. */
  readonly body: Record<string, unknown> | undefined;
  status: number | undefined;
  /** The beginning of the answer. */
  answer: string;
  /** Whether the client left before the answer's end. */
  left: boolean;
  ended: boolean;
};

/** A proxy that records the traffic between a client and the gateway. By default it changes nothing. */
export type Recorder = {
  /** The proxy's URL. */
  readonly url: string;
  /** The requests since the last `forget`. */
  readonly seen: readonly Recorded[];
  forget(): void;
  /** Changes the next bodies of generations, until the one that it says it has changed (by returning true) has passed. */
  changeOnce(change: (body: Record<string, unknown>) => boolean): void;
  close(): Promise<void>;
};

const MOST_REMEMBERED = 256;
const MOST_ANSWER_CHARS = 2 ** 20;
const MOST_BODY_BYTES = 2 ** 26;

/** Starts a proxy to a gateway on this machine. */
export async function startRecorder(gatewayUrl: string): Promise<Recorder> {
  const target = new URL(gatewayUrl);
  let seen: Recorded[] = [];
  let change: ((body: Record<string, unknown>) => boolean) | undefined;

  async function relay(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { pathname, search } = new URL(incoming.url ?? "/", target);
    const original = await readBody(incoming);
    const body = parse(original);
    let payload = original;
    if (body !== undefined && change?.(body) === true) {
      change = undefined;
      payload = Buffer.from(JSON.stringify(body));
    }
    const record: Recorded = {
      ...{ method: incoming.method ?? "", path: pathname, body },
      ...{ status: undefined, answer: "", left: false, ended: false },
    };
    if (seen.length < MOST_REMEMBERED) seen.push(record);

    const { "content-length": _length, "transfer-encoding": _coding, host: _host, ...headers } = incoming.headers;
    const upstream = httpRequest(new URL(pathname + search, target), {
      method: incoming.method,
      headers: { ...headers, ...(payload.length > 0 && { "content-length": payload.length }) },
    });
    outgoing.on("close", () => {
      record.left = !outgoing.writableFinished;
      upstream.destroy();
    });
    upstream.on("error", () => {
      record.ended = true;
      outgoing.destroy();
    });
    upstream.on("response", (response) => {
      record.status = response.statusCode;
      outgoing.writeHead(response.statusCode ?? 502, response.headers);
      const decoder = new TextDecoder();
      response.on("data", (bytes: Buffer) => {
        if (record.answer.length < MOST_ANSWER_CHARS) record.answer += decoder.decode(bytes, { stream: true });
      });
      response.on("end", () => {
        record.ended = true;
      });
      response.pipe(outgoing);
    });
    upstream.end(payload);
  }

  const server = createServer((incoming, outgoing) => {
    relay(incoming, outgoing).catch(() => outgoing.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    get seen() {
      return seen;
    },
    forget() {
      seen = [];
      change = undefined;
    },
    changeOnce(next) {
      change = next;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

async function readBody(incoming: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of incoming as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > MOST_BODY_BYTES) throw new Error("the body is too large");
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function parse(bytes: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
