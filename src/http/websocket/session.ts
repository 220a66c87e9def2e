import { z } from "zod";
import { InvalidRequestError } from "../../protocols/errors.ts";
import { readJsonBytes } from "../json-body.ts";
import type { Channel, Ending, Session } from "./upgrade.ts";

/** What a message asks for, once it is read. */
type Order = {
  readonly type: string;
  readonly lane: string | undefined;
  readonly body: Readonly<Record<string, unknown>>;
};

/** An error as a message tells it: what HTTP would have answered. */
type Told = {
  readonly status: number;
  readonly error: object;
  readonly headers?: Readonly<Record<string, string>>;
};

export type SessionOptions = {
  /** Sends a request for a response, its body as JSON, through the same door as those that come over HTTP. */
  readonly post: (body: string, signal: AbortSignal) => Response | Promise<Response>;
  /** Puts whatever was thrown in the words of an answer. */
  readonly describe: (error: unknown) => Told;
  /** Of all messages of the connection that are in hand. */
  readonly maxBytes: number;
};

/** Messages of one connection that are in hand, and lanes that have any. */
const MAX_MESSAGES = 64;
const MAX_LANES = 16;

/** A message that is refused unread is read for its stream's name alone, unless it is longer. */
const MAX_PEEKED = 64 * 1024;

/** Who leaves so much unread is told of no more refusals. */
const MAX_UNREAD = 64 * 1024;

/** What Codex tells of a response that it has seen, and wants no answer to. */
const UNANSWERED: ReadonlySet<string> = new Set(["response.processed"]);

const TOO_MUCH = refusal({
  status: 429,
  code: "too_many_messages",
  message: "Too many messages wait on this connection. Wait for their answers.",
});

const TOO_MANY_LANES = refusal({
  status: 429,
  code: "websocket_stream_limit_reached",
  message: `At most ${MAX_LANES} streams run at once on a connection. Wait for one of them, or open another connection.`,
});

/** The messages of clients that expect the Realtime API. */
const REALTIME = /^(session|conversation|input_audio_buffer|output_audio_buffer|transcription_session)\./;

const A_STREAM = { error: "a string of 1 to 256 characters" };

const lane = z.string(A_STREAM).min(1, A_STREAM).max(256, A_STREAM).nullish();

/** What stands around the body of a request. A body alone is taken, too: there is nothing else that it could mean. */
const envelope = z.looseObject(
  {
    type: z.string({ error: "a string" }).default("response.create"),
    stream_id: lane,
  },
  { error: "an object" },
);

/** Keeps the response's events and not what only HTTP needs: comments, and the names that stand in the events, too. */
const DATA = /^data: (.*)$/m;

/**
 * Speaks the WebSocket mode of `/v1/responses` over a connection. Each `response.create` is a request, and each event of its stream a message.
 * Those of one lane, which `stream_id` names, are answered one after the other, those of several at the same time.
 */
export function startSession({ ws, whenWritable }: Channel, { post, describe, maxBytes }: SessionOptions): Session {
  const left = new AbortController();
  const lanes = new Map<string | undefined, Promise<void>>();
  let messages = 0;
  let bytes = 0;
  let ending: Ending | undefined;
  let idleSince = performance.now();
  /** Messages are read in the order in which they came. */
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
    // Errors that nobody reads would pile up.
    await whenWritable();
    done();
  }

  /** Undefined for what there is nothing to do about. */
  async function begin(data: Buffer): Promise<{ readonly running: Promise<void> } | undefined> {
    const message = await readJsonBytes(data);
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

  /** Takes from the stream only what the client takes, so that a slow one holds nothing back but its own. */
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

  /** @param object as JSON */
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
      : "A message has to be a JSON object.";
    return { error: new InvalidRequestError(message, field || null, "invalid_value") };
  }
  const { type, stream_id: lane, ...body } = read.data;
  return { type, lane: lane ?? undefined, body };
}

/** The stream that a message names, whatever else is wrong with it. */
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
    `There are no messages of type '${type.slice(0, 64)}' here. Send 'response.create'.${REALTIME.test(type) ? " This is the WebSocket mode of the Responses API, not the Realtime API." : ""}`,
    "type",
    "unknown_message_type",
  );
}

function refusal({ status, code, message }: Ending["error"]): Told {
  const type = status >= 500 ? "server_error" : "invalid_request_error";
  return { status, error: { type, code, message, param: null } };
}
