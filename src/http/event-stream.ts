import type { GenerationEvent } from "../generation/event.ts";
import type { WireError } from "../protocols/errors.ts";
import type { StreamEncoder } from "../protocols/stream.ts";
import type { ClientGeneration } from "./generation.ts";
import type { Beat, Heartbeat } from "./heartbeat.ts";

/** How the pieces of a stream stand in its body. */
export type Framing = {
  readonly headers: Readonly<Record<string, string>>;
  /** Words that no client takes for an event; `""` where there is no place for such. */
  readonly comment: (words: string) => string;
  /** What each event ends with. */
  readonly mark: string;
  /** Whether an event can have an id. */
  readonly hasIds: boolean;
};

export type EventStreamOptions = {
  readonly generation: ClientGeneration;
  /** The generation's first event, which was awaited before a stream was promised, unless a sign of life came first. */
  readonly first: Promise<GenerationEvent>;
  readonly beat: Beat | undefined;
  /** The signs of life after that one. It is stopped here. */
  readonly heartbeat: Heartbeat;
  readonly encoder: StreamEncoder;
  readonly framing: Framing;
  /** What the client is told in a comment before the next event, once. */
  readonly takeComment?: () => string | undefined;
  /** Whether no event has to be waited for, so that many frames may be sent in one piece; false if absent. */
  readonly comesAtOnce?: () => boolean;
  /** What to tell the client about an error in mid-stream. */
  readonly describeError: (error: unknown) => WireError;
  /** Called once, when the stream has ended in whatever way. */
  readonly onEnd: () => void;
  /** A shorter way to the client than a web stream, if there is one. */
  readonly outlet?: Outlet | undefined;
  /** Whether the outlet must have it, however short it is; false if absent. */
  readonly isKept?: boolean;
  /** Whether signs of life are comments only; false if absent. */
  readonly beatsBare?: boolean;
};

/** Takes a stream past the web's streams (`cut-through.ts`). */
export type Outlet = {
  /** The response stands for the stream: its status and its headers are sent, those that others add to it included. */
  readonly accept: (stream: EventStream) => Response;
};

/** A stream that has begun, for the side that sends it. */
export type EventStream = {
  readonly headers: Readonly<Record<string, string>>;
  /** What is sent before anything is taken; `""` for nothing. */
  readonly opening: string;
  /** What is sent next; called again when the connection can take more. Rejects where the client has left. */
  readonly take: () => Promise<Piece>;
  /** Has signs of life sent by `send`, which returns whether the connection could take it. */
  readonly sendBeatsBy: (send: (frames: () => string) => boolean) => void;
  /** The last piece is sent. */
  readonly end: () => void;
  /** The client has left. Harmless after the end. */
  readonly leave: () => void;
};

/** So much of what comes at once is sent in one piece: a write for each token would take most of the time. */
const BATCH_LENGTH = 32 * 1024;

/** `no-transform` and nginx's header keep proxies from holding tokens back until there is enough to compress or to send. */
export const EVENT_STREAM_HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
};

export const SERVER_SENT_EVENTS: Framing = {
  headers: EVENT_STREAM_HEADERS,
  // https://html.spec.whatwg.org/multipage/server-sent-events.html: a line that begins with a colon.
  comment: (words) => `: ${words}\n\n`,
  mark: "\n\n",
  hasIds: true,
};

/** A line of JSON for each piece, as Ollama streams. Its clients read every line, so there is nothing between them. */
export const JSON_LINES: Framing = {
  headers: { ...EVENT_STREAM_HEADERS, "content-type": "application/x-ndjson" },
  comment: () => "",
  mark: "\n",
  hasIds: false,
};

/** Frames to be sent, and whether they are the last ones. */
export type Piece = { readonly frames: string; readonly isLast: boolean };

/**
 * A generation as a response that streams. It is pulled: an event is taken from the generation only when the connection can
 * take more, so a client that doesn't read holds back nothing but its own generation, and nothing piles up here. While no event comes,
 * signs of life may. An error in mid-stream is sent as a last event; a client that leaves cancels the generation. A short answer that comes at
 * once is a body of one piece. Rejects where the client has left before there is a body.
 */
export async function eventStreamResponse(options: EventStreamOptions): Promise<Response> {
  const { generation, encoder, framing, heartbeat, comesAtOnce = () => false } = options;
  const { isKept = false, beatsBare = false } = options;
  let begun = false;
  let opened = false;
  let ended = false;

  function end(): void {
    if (!ended) {
      ended = true;
      heartbeat.stop();
      options.onEnd();
    }
  }

  /** What comes first of all, once. */
  function open(): string {
    const frames = opened ? "" : encoder.open();
    opened = true;
    return frames;
  }

  /** A stream that has not begun begins with it: that is an event, too. */
  function encodeBeat({ words, withEvent }: Beat): string {
    const comment = framing.comment(words);
    return withEvent && !beatsBare ? comment + (open() || encoder.beat()) : comment;
  }

  async function begin(): Promise<string> {
    begun = true;
    const event = await options.first;
    return open() + encoder.encode(event);
  }

  /** What is sent next. Rejects where the client has left. */
  async function take(): Promise<Piece> {
    let frames = "";
    try {
      if (!begun) frames = await begin();
      while (frames.length < (comesAtOnce() ? BATCH_LENGTH : 1)) {
        const next = await generation.events.next();
        if (next.done === true) return { frames: frames + encoder.close(), isLast: true };
        const words = options.takeComment?.();
        if (words !== undefined) frames += framing.comment(words);
        frames += encoder.encode(next.value);
      }
      heartbeat.touch();
      return { frames, isLast: false };
    } catch (error) {
      if (generation.isCancelled()) {
        end();
        throw error;
      }
      return { frames: frames + encoder.fail(options.describeError(error)), isLast: true };
    }
  }

  let ahead = comesAtOnce() && options.beat === undefined && !isKept ? await take() : undefined;
  if (ahead?.isLast === true) {
    end();
    return new Response(ahead.frames, { headers: framing.headers });
  }

  const { outlet = WEB_STREAM } = options;
  return outlet.accept({
    headers: framing.headers,
    opening: options.beat === undefined ? "" : encodeBeat(options.beat),
    take() {
      const piece = ahead === undefined ? take() : Promise.resolve(ahead);
      ahead = undefined;
      return piece;
    },
    sendBeatsBy: (send) => heartbeat.sendBy((beat) => send(() => encodeBeat(beat))),
    end,
    leave() {
      if (ended) return;
      generation.cancel();
      end();
    },
  });
}

/** The way that every server and every app around this one can take. */
export const WEB_STREAM: Outlet = {
  accept(stream) {
    const body = new ReadableStream<Uint8Array>(
      {
        start(controller) {
          if (stream.opening !== "") controller.enqueue(Buffer.from(stream.opening));
          stream.sendBeatsBy((frames) => {
            // One that isn't taken makes no room for the next.
            if (controller.desiredSize !== 0) return false;
            controller.enqueue(Buffer.from(frames()));
            return true;
          });
        },
        async pull(controller) {
          try {
            const { frames, isLast } = await stream.take();
            controller.enqueue(Buffer.from(frames));
            if (isLast) {
              controller.close();
              stream.end();
            }
          } catch (error) {
            controller.error(error);
          }
        },
        cancel: stream.leave,
      },
      // Nothing is made ahead of what was asked for.
      { highWaterMark: 0 },
    );
    return new Response(body, { headers: stream.headers });
  },
};
