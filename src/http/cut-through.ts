import type { ServerResponse } from "node:http";
import type { Context } from "hono";
import type { HttpEnv } from "./context.ts";
import type { EventStream, Outlet } from "./event-stream.ts";

/** What tells `@hono/node-server` that a response is sent already. */
const ALREADY_SENT = "x-hono-already-sent";

/** So many characters are gathered for one write at most. */
const MAX_GATHERED = 16 * 1024;

/**
 * The way of one answer's stream from the engine's message to the socket, past web streams: one encode and one write for all that one turn
 * brings. Only the server that listens offers it: an app around this one, or another kind of server, takes web streams.
 */
export class CutThrough implements Outlet {
  readonly #outgoing: ServerResponse;
  #stream: EventStream | undefined;

  constructor(outgoing: ServerResponse) {
    this.#outgoing = outgoing;
  }

  /** Takes the stream; it begins when the answer has passed all that stands around the handler. */
  accept(stream: EventStream): Response {
    this.#stream = stream;
    return new Response(null, { headers: { ...stream.headers, [ALREADY_SENT]: "true" } });
  }

  /** Sends the stream if that is what the app answers with; returns what is left for the server to send. */
  send(response: Response): Response {
    const stream = this.#stream;
    if (stream === undefined) return response;
    const headers = Object.fromEntries(response.headers);
    if (headers[ALREADY_SENT] === undefined) {
      // Another answer took its place, such as that to an error in what stands around the handler.
      stream.leave();
      return response;
    }
    delete headers[ALREADY_SENT];
    try {
      this.#outgoing.writeHead(response.status, headers);
    } catch (error) {
      stream.leave();
      throw error;
    }
    pump(stream, this.#outgoing);
    return sentAlready();
  }
}

/** Undefined where the request came another way than through a server that offers it. */
export function cutThroughOf(c: Context<HttpEnv>): CutThrough | undefined {
  const { cutThrough } = Object(c.env);
  return cutThrough instanceof CutThrough ? cutThrough : undefined;
}

function sentAlready(): Response {
  const response = new Response(null, { headers: { [ALREADY_SENT]: "true" } });
  // The server's own kind of response is sent as it is, until its body was asked for.
  void response.body;
  return response;
}

/**
 * Sends a stream. What comes within one turn, such as the choices of one step of the engine, is gathered and written at once, before the event
 * loop goes on. While the connection takes no more, nothing more is taken from the stream but the one piece that was asked for.
 */
function pump(stream: EventStream, outgoing: ServerResponse): void {
  let gathered = stream.opening;
  let isLast = false;
  let isTaking = false;
  let isPlanned = false;
  let isOver = false;

  function take(): void {
    if (isTaking || isLast || isOver) return;
    isTaking = true;
    stream.take().then(gather, breakOff);
  }

  function gather(piece: { readonly frames: string; readonly isLast: boolean }): void {
    isTaking = false;
    if (isOver) return;
    gathered += piece.frames;
    isLast = piece.isLast;
    if (outgoing.writableNeedDrain) return;
    plan();
    if (gathered.length < MAX_GATHERED) take();
  }

  /** After all that is ready now has been gathered. */
  function plan(): void {
    if (isPlanned) return;
    isPlanned = true;
    process.nextTick(flush);
  }

  function flush(): void {
    isPlanned = false;
    if (isOver) return;
    const frames = gathered;
    gathered = "";
    if (isLast) {
      isOver = true;
      outgoing.end(frames);
      stream.end();
    } else if (outgoing.write(frames)) {
      take();
    }
  }

  function breakOff(error: unknown): void {
    leave();
    outgoing.destroy(error instanceof Error ? error : undefined);
  }

  function leave(): void {
    if (isOver) return;
    isOver = true;
    stream.leave();
  }

  if (outgoing.destroyed) {
    leave();
    return;
  }
  outgoing.on("close", leave);
  outgoing.on("error", leave);
  outgoing.on("drain", () => {
    if (gathered !== "" || isLast) plan();
    else take();
  });
  stream.sendBeatsBy((frames) => {
    if (isOver || outgoing.writableNeedDrain) return false;
    outgoing.write(frames());
    return true;
  });
  if (gathered !== "") plan();
  take();
}
