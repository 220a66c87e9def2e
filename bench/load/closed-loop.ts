import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** The requests of a closed loop. */
export type LoopOptions = {
  readonly url: URL;
  /** The bodies, sent in turn. */
  readonly bodies: readonly Buffer[];
  readonly headers?: Readonly<Record<string, string>>;
  /** The number of clients; each sends its next request after the last byte of the answer. */
  readonly connections: number;
  readonly durationMs: number;
  readonly signal: AbortSignal;
};

export type LoopResult = {
  /** Answers a second, over the whole time. */
  readonly perSecond: number;
  /** From writing a request to its answer's last byte, in ms. */
  readonly latenciesMs: readonly number[];
};

/**
 * Asks as fast as the server answers. It shares the machine with that server, so it does as little as can be: plain sockets, requests that
 * were written beforehand, and of an answer only its status and its end are looked at. Rejects where one is not a 200, or never ends.
 */
export async function runClosedLoop(options: LoopOptions): Promise<LoopResult> {
  const { url, bodies, headers = {}, connections, durationMs, signal } = options;
  const payloads = bodies.map((body) => writeRequest(url, body, headers));
  const latenciesMs: number[] = [];
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(url, signal)));
  const startedMs = performance.now();
  let sent = 0;

  async function drive(socket: Socket): Promise<void> {
    while (performance.now() - startedMs < durationMs) {
      const payload = payloads[sent++ % payloads.length];
      if (payload === undefined) throw new Error("there is nothing to send");
      const sentMs = performance.now();
      await exchange(socket, payload);
      latenciesMs.push(performance.now() - sentMs);
    }
  }

  try {
    await Promise.all(sockets.map(drive));
    signal.throwIfAborted();
    return { perSecond: (1_000 * latenciesMs.length) / (performance.now() - startedMs), latenciesMs };
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

/** A whole POST of HTTP/1.1, as bytes. */
function writeRequest(url: URL, body: Buffer, headers: Readonly<Record<string, string>>): Buffer {
  const lines = Object.entries({
    host: url.host,
    ...headers,
    "content-type": "application/json",
    "content-length": String(body.length),
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`POST ${url.pathname} HTTP/1.1\r\n${lines.join("")}\r\n`), body]);
}

async function open(url: URL, signal: AbortSignal): Promise<Socket> {
  const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
  signal.addEventListener("abort", () => socket.destroy(signal.reason), { once: true });
  await once(socket, "connect", { signal });
  return socket;
}

function exchange(socket: Socket, payload: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const reader = createAnswerReader();
    const end = (error?: Error) => {
      socket.off("data", onData).off("close", onClose).off("error", end);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onClose = () => end(new Error("the server closed a connection in the midst of an answer"));
    const onData = (bytes: Buffer) => {
      try {
        if (reader.read(bytes)) end();
      } catch (error) {
        end(error instanceof Error ? error : new Error(String(error)));
      }
    };
    socket.on("data", onData).on("close", onClose).on("error", end);
    socket.write(payload);
  });
}

const HEAD_END = "\r\n\r\n";
const LAST_CHUNK = "0\r\n\r\n";

/**
 * Finds the end of one HTTP/1.1 answer (RFC 9112, section 6.3). `read` returns whether it has come, and throws an Error for any other status
 * than 200. Chunks are not counted: the last one is told by the bytes that it alone can end with, since what is sent here is JSON, which
 * has no line breaks of its own, or events, whose breaks are single.
 */
export function createAnswerReader(): { readonly read: (bytes: Buffer) => boolean } {
  let head = "";
  let leftBytes: number | undefined;
  let isChunked = false;
  let tail = "";

  function readBody(bytes: Buffer): boolean {
    if (isChunked) {
      tail = (tail + bytes.toString("latin1", Math.max(0, bytes.length - 7))).slice(-7);
      return tail === `\r\n${LAST_CHUNK}` || tail === LAST_CHUNK;
    }
    leftBytes = (leftBytes ?? 0) - bytes.length;
    return leftBytes <= 0;
  }

  return {
    read(bytes) {
      if (leftBytes !== undefined || isChunked) return readBody(bytes);
      head += bytes.toString("latin1");
      const end = head.indexOf(HEAD_END);
      if (end === -1) return false;
      const fields = head.slice(0, end);
      if (!/^HTTP\/1\.1 200 /.test(fields)) throw new Error(`the server answered: ${head.slice(0, 2_000)}`);
      isChunked = /^transfer-encoding: *chunked *$/im.test(fields);
      leftBytes = Number(/^content-length: *(\d+) *$/im.exec(fields)?.[1] ?? 0);
      return readBody(Buffer.from(head.slice(end + HEAD_END.length), "latin1"));
    },
  };
}
