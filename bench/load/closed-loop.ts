import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { answerText } from "./answer-text.ts";

/** A request and the text that its answer must have. */
export type Question = { readonly body: Buffer; readonly text: string };

/** The requests of a closed loop. */
export type LoopOptions = {
  readonly url: URL;
  /** Sent in turn. */
  readonly questions: readonly Question[];
  readonly headers?: Readonly<Record<string, string>>;
  /** The number of clients; each sends its next request after the last byte of the answer. */
  readonly connections: number;
  readonly durationMs: number;
  /** What the first token of each answer contains: its time is noted. */
  readonly firstMark?: string;
  readonly signal: AbortSignal;
};

export type LoopResult = {
  /** Answers a second, over the whole time. */
  readonly perSecond: number;
  /** From writing a request to its answer's last byte, in ms. */
  readonly latenciesMs: readonly number[];
  /** From writing a request to the first read with `firstMark`, in ms; empty without one. */
  readonly firstMs: readonly number[];
};

/**
 * Asks as fast as the server answers. It shares the machine with that server, so it does as little as can be: plain sockets, requests that
 * were written beforehand, and an answer's text is searched for, not parsed. That is done after its latency was taken. Rejects where an answer
 * is not a 200, has another text than it must have, or never ends.
 */
export async function runClosedLoop(options: LoopOptions): Promise<LoopResult> {
  const { url, questions, headers = {}, connections, durationMs, firstMark, signal } = options;
  const requests = questions.map(({ body, text }) => ({ payload: writeRequest(url, body, headers), text }));
  const latenciesMs: number[] = [];
  const firstMs: number[] = [];
  const sockets = await Promise.all(Array.from({ length: connections }, () => openSocket(url, signal)));
  const startedMs = performance.now();
  let sent = 0;

  async function drive(socket: Socket): Promise<void> {
    while (performance.now() - startedMs < durationMs) {
      const request = requests[sent++ % requests.length];
      if (request === undefined) throw new Error("there is nothing to send");
      const sentMs = performance.now();
      const answer = await exchange(socket, request.payload, firstMark, () => firstMs.push(performance.now() - sentMs));
      const latencyMs = performance.now() - sentMs;
      if (answerText(answer) !== request.text) {
        throw new Error(`${url} answered with another text than before: ${answer.slice(0, QUOTED_CHARS)}`);
      }
      latenciesMs.push(latencyMs);
    }
  }

  try {
    await Promise.all(sockets.map(drive));
    signal.throwIfAborted();
    return { perSecond: (1_000 * latenciesMs.length) / (performance.now() - startedMs), latenciesMs, firstMs };
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

/** A whole POST of HTTP/1.1, as bytes. */
export function writeRequest(url: URL, body: Buffer, headers: Readonly<Record<string, string>>): Buffer {
  const lines = Object.entries({
    host: url.host,
    ...headers,
    "content-type": "application/json",
    "content-length": String(body.length),
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`POST ${url.pathname} HTTP/1.1\r\n${lines.join("")}\r\n`), body]);
}

export async function openSocket(url: URL, signal: AbortSignal): Promise<Socket> {
  const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
  signal.addEventListener("abort", () => socket.destroy(signal.reason), { once: true });
  await once(socket, "connect", { signal });
  return socket;
}

/** Resolves with the answer's body. */
function exchange(
  socket: Socket,
  payload: Buffer,
  firstMark: string | undefined,
  onFirst: () => void,
): Promise<string> {
  return new Promise((resolve, reject) => {
    let isAwaited = firstMark !== undefined;
    const reader = createAnswerReader();
    const end = (error?: Error) => {
      socket.off("data", onData).off("close", onClose).off("error", end);
      if (error === undefined) resolve(reader.body());
      else reject(error);
    };
    const onClose = () => end(new Error("the server closed a connection in the midst of an answer"));
    const onData = (bytes: Buffer) => {
      if (isAwaited && firstMark !== undefined && bytes.includes(firstMark)) {
        isAwaited = false;
        onFirst();
      }
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
const LINE_END = "\r\n";
const LAST_CHUNK = "0\r\n\r\n";
/** Of an answer that is refused, so much is told. */
const QUOTED_CHARS = 2_000;

export type AnswerReader = {
  /** Whether the answer's end has come with these bytes. Throws an Error for any other status than 200. */
  read(bytes: Buffer): boolean;
  /** The body so far. */
  body(): string;
};

/**
 * Reads one HTTP/1.1 answer (RFC 9112, section 6.3). While it comes, chunks are not counted: the last one is told by the bytes that it alone
 * can end with, since what is sent here is JSON, which has no line breaks of its own, or events, whose breaks are single.
 */
export function createAnswerReader(): AnswerReader {
  let head = "";
  let leftBytes: number | undefined;
  let isChunked = false;
  let tail = "";
  const parts: Buffer[] = [];

  function readBody(bytes: Buffer): boolean {
    parts.push(bytes);
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
      if (!/^HTTP\/1\.1 200 /.test(fields)) throw new Error(`the server answered: ${head.slice(0, QUOTED_CHARS)}`);
      isChunked = /^transfer-encoding: *chunked *$/im.test(fields);
      leftBytes = Number(/^content-length: *(\d+) *$/im.exec(fields)?.[1] ?? 0);
      return readBody(Buffer.from(head.slice(end + HEAD_END.length), "latin1"));
    },
    body() {
      const bytes = Buffer.concat(parts);
      return (isChunked ? joinChunks(bytes) : bytes).toString();
    },
  };
}

/** What is in the chunks, without their sizes. */
function joinChunks(bytes: Buffer): Buffer {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const start = bytes.indexOf(LINE_END, at) + LINE_END.length;
    const length = Number.parseInt(bytes.toString("latin1", at, start), 16);
    if (!(length > 0)) break;
    chunks.push(bytes.subarray(start, start + length));
    at = start + length + LINE_END.length;
  }
  return Buffer.concat(chunks);
}
