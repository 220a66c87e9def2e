import { z } from "zod";
import { InvalidRequestError } from "../../protocols/errors.ts";
import { readJsonBytes } from "../json-body.ts";
import type { Channel, Ending, Session } from "./upgrade.ts";

/** A decoded message. */
type Order = {
  readonly type: string;
  readonly lane: string | undefined;
  readonly body: Readonly<Record<string, unknown>>;
};

/** An error message: HTTP's status and error. */
type Told = {
  readonly status: number;
  readonly error: object;
  readonly headers?: Readonly<Record<string, string>>;
};

export type SessionOptions = {
  /** Sends a request for a response, with a body of JSON, the same way as those over HTTP. */
  readonly post: (body: string, signal: AbortSignal) => Response | Promise<Response>;
  /** Translates an error. */
  readonly describe: (error: unknown) => Told;
  /** The maximum size of the connection's unanswered messages together. */
  readonly maxBytes: number;
};

/** The maximum number of a connection's unanswered messages, and of lanes with any. */
const MAX_MESSAGES = 64;
const MAX_LANES = 16;

/** A message that is refused is read only for its stream's name, and not at all if it is longer. */
const MAX_PEEKED = 64 * 1024;

/** A client with more unread bytes gets no more refusals. */
const MAX_UNREAD = 64 * 1024;

/** Codex sends these after reading a response, and expects no answer. */
const UNANSWERED: ReadonlySet<string> = new Set(["response.processed"]);

const TOO_MUCH = refusal({
  status: 429,
  code: "too_many_messages",
  message: "Too many messages are waiting on this connection. Wait for their answers.",
});

const TOO_MANY_LANES = refusal({
  status: 429,
  code: "websocket_stream_limit_reached",
  message: `At most ${MAX_LANES} streams can run at once on a connection. Wait for one of them, or open another connection.`,
});

/** The types of messages of the Realtime API. */
const REALTIME = /^(session|conversation|input_audio_buffer|output_audio_buffer|transcription_session)\./;

const A_STREAM = { error: "a string of 1 to 256 characters" };

const lane = z.string(A_STREAM).min(1, A_STREAM).max(256, A_STREAM).nullish();

/** The fields around a request's body. A body alone is accepted, too, because it is unambiguous. */
const envelope = z.looseObject(
  {
    type: z.string({ error: "a string" }).default("response.create"),
    stream_id: lane,
  },
  { error: "an object" },
);

/** Matches the data of an event. Comments, and names that are also in the data, are only for HTTP. */
const DATA = /^data: (.*)$/m;

/**
 * Speaks the WebSocket mode of `/v1/responses` over a connection. Each `response.create` is a request, and each event of its stream a message.
 * Requests of one lane, named by `stream_id`, are answered one after the other; lanes run at the same time.
 */
export function startSession({ ws, whenWritable }: Channel, { post, describe, maxBytes }: SessionOptions): Session {
  const left = new AbortController();
  const lanes = new Map<string | undefined, Promise<void>>();
  let messages = 0;
  let bytes = 0;
  let ending: Ending | undefined;
  let idleSince = performance.now();
  /** Messages are read in order. */
  let reading: Promise<void> = Promise.resolve();

  ws.on("message", (data: Buffer) => {
    const isTooMuch = messages >= MAX_MESSAGES || bytes + data.length > 2 * maxBytes;
    if (ending !== undefined || isTooMuch) {
      if (ws.bufferedAmount < MAX_UNREAD) tell(ending === undefined ? TOO_MUCH : refusal(ending.error), peekLane(data));
      return;
    }
    messages += 1;
    bytes += data.length;
    reading = reading.then(() => take(data));
  });
  ws.once("close", () => left.abort());

  async function take(data: Buffer): Promise<void> {
    const work = await begin(data).catch((error: unknown) => tell(describe(error)));
    const done = () => {
      messages -= 1;
      bytes -= data.length;
      idleSince = performance.now();
      closeIfOver();
    };
    if (work !== undefined) {
      void work.running.then(done);
      return;
    }
    // Unread errors would pile up.
    await whenWritable();
    done();
  }

  /** Returns undefined if there is nothing to run. */
  async function begin(data: Buffer): Promise<{ readonly running: Promise<void> } | undefined> {
    const { value: message } = await readJsonBytes(data);
    const read = readOrder(message);
    if ("error" in read) return tell(describe(read.error), laneOf(message));
    const { type, lane, body } = read;
    if (UNANSWERED.has(type)) return undefined;
    if (type !== "response.create") return tell(describe(unknownType(type)), lane);
    const before = lanes.get(lane);
    if (before === undefined && lanes.size >= MAX_LANES) {
      return tell(TOO_MANY_LANES, lane);
    }
    const running = (before ?? Promise.resolve())
      .then(() => answer(lane, body))
      .catch((error: unknown) => tell(describe(error), lane))
      .then(() => {
        if (lanes.get(lane) === running) lanes.delete(lane);
      });
    lanes.set(lane, running);
    return { running };
  }

  async function answer(lane: string | undefined, body: Order["body"]): Promise<void> {
    if (left.signal.aborted) return;
    const response = await post(JSON.stringify({ ...body, stream: true, background: false }), left.signal);
    if (left.signal.aborted) return;
    const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
    if (!isStream) {
      const { error } = z.looseObject({ error: z.looseObject({}) }).parse(await response.json());
      return tell({ status: response.status, error, headers: Object.fromEntries(response.headers) }, lane);
    }
    await forward(response, lane);
  }

  /** Reads the stream only as fast as the client does, so that a slow client delays only itself. */
  async function forward({ body }: Response, lane: string | undefined): Promise<void> {
    let rest = "";
    try {
      for await (const text of body?.pipeThrough(new TextDecoderStream()) ?? []) {
        const frames = (rest + text).split("\n\n");
        rest = frames.pop() ?? "";
        for (const frame of frames) {
          const [, event] = DATA.exec(frame) ?? [];
          if (event !== undefined) send(event, lane);
        }
        await whenWritable();
        if (left.signal.aborted) return;
      }
    } catch (error) {
      if (!left.signal.aborted) throw error;
    }
  }

  /** @param object in JSON */
  function send(object: string, lane?: string): void {
    if (ws.readyState !== ws.OPEN) return;
    ws.send(lane === undefined ? object : `{"stream_id":${JSON.stringify(lane)},${object.slice(1)}`);
  }

  function tell(told: Told, lane?: string): undefined {
    send(JSON.stringify({ type: "error", ...told }), lane);
  }

  function closeIfOver(): void {
    if (ending !== undefined && messages === 0) ws.close(...ending.close);
  }

  return {
    idleSince: () => (messages > 0 ? undefined : idleSince),
    retire(why) {
      ending ??= why;
      closeIfOver();
    },
  };
}

function readOrder(message: unknown): Order | { readonly error: InvalidRequestError } {
  const read = envelope.safeParse(message);
  if (!read.success) {
    const [issue] = read.error.issues;
    const field = issue?.path.join(".");
    const message = field
      ? `Invalid value for '${field}': expected ${issue?.message}.`
      : "A message must be a JSON object.";
    return { error: new InvalidRequestError(message, field || null, "invalid_value") };
  }
  const { type, stream_id: lane, ...body } = read.data;
  return { type, lane: lane ?? undefined, body };
}

/** Returns the stream that a message names, even if the message is invalid. */
function laneOf(message: unknown): string | undefined {
  return lane.safeParse(Object(message).stream_id).data ?? undefined;
}

function peekLane(data: Buffer): string | undefined {
  try {
    return data.length > MAX_PEEKED ? undefined : laneOf(JSON.parse(data.toString()));
  } catch {
    return undefined;
  }
}

function unknownType(type: string): InvalidRequestError {
  return new InvalidRequestError(
    `Unknown message type '${type.slice(0, 64)}'. Send 'response.create'.${REALTIME.test(type) ? " This is the WebSocket mode of the Responses API, not the Realtime API." : ""}`,
    "type",
    "unknown_message_type",
  );
}

function refusal({ status, code, message }: Ending["error"]): Told {
  const type = status >= 500 ? "server_error" : "invalid_request_error";
  return { status, error: { type, code, message, param: null } };
}
