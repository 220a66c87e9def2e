import { createParser } from "eventsource-parser";
import type { Reply } from "./channel.ts";
import { brokenAnswer } from "./failures.ts";

/** One event of an answer, as the server sent it. */
export type UpstreamMessage = {
  /** The event's name, of server-sent events that have one. */
  readonly event?: string | undefined;
  readonly data: unknown;
};

/** The most characters of one event, and of a whole answer that is not streamed. */
export const MAX_EVENT_LENGTH = 16 * 1024 * 1024;

export const EVENT_STREAM = "text/event-stream";
export const JSON_BODY = "application/json";

/** What ends OpenAI's streams. */
export const DONE = Symbol("[DONE]");

/** The texts of a stream of events as they come, or of a body that is one JSON text, whole. Throws `UpstreamError` for a body that is too long. */
export async function* readTexts(upstream: string, { contentType, chunks }: Reply): AsyncGenerator<string> {
  if (contentType !== EVENT_STREAM) return yield* readWholeText(upstream, chunks);
  yield* decode(chunks);
  // Some servers leave out the empty line after the last event.
  yield "\n\n";
}

/**
 * The events of an answer, by its content type: server-sent events, lines of JSON, or one JSON body. Throws `UpstreamError` for anything else,
 * and for an event that is too long or no JSON.
 */
export async function* readMessages(upstream: string, reply: Reply): AsyncGenerator<UpstreamMessage> {
  switch (reply.contentType) {
    case EVENT_STREAM:
      return yield* readEvents(upstream, reply.chunks);
    case "application/x-ndjson":
    case "application/jsonl":
      return yield* readLines(upstream, reply.chunks);
    case JSON_BODY:
      return yield* readWhole(upstream, reply.chunks);
    default:
      await leave(reply.chunks);
      throw brokenAnswer(upstream, `answered with ${describe(reply.contentType)} in place of events or JSON`);
  }
}

/** Frees the connection of an answer that nobody reads. */
async function leave(chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const source = chunks[Symbol.asyncIterator]();
  // A generator that has not begun has no end to run.
  await source.next().catch(() => {});
  await source.return?.();
}

function describe(contentType: string): string {
  return /^[\w.+/-]{1,64}$/.test(contentType) ? contentType : "something unknown";
}

async function* readEvents(upstream: string, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<UpstreamMessage> {
  let arrived: UpstreamMessage[] = [];
  let isTooLong = false;
  const parser = createParser({
    onEvent({ event, data }) {
      if (data === "[DONE]") arrived.push({ event, data: DONE });
      else if (data !== "") arrived.push({ event, data: parse(upstream, data) });
    },
    onError({ type }) {
      isTooLong ||= type === "max-buffer-size-exceeded";
    },
    maxBufferSize: MAX_EVENT_LENGTH,
  });
  for await (const text of decode(chunks)) {
    parser.feed(text);
    if (isTooLong) throw tooLong(upstream);
    const ready = arrived;
    arrived = [];
    yield* ready;
  }
  // Some servers leave out the empty line after the last event.
  parser.feed("\n\n");
  yield* arrived;
}

async function* readLines(upstream: string, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<UpstreamMessage> {
  let line: string[] = [];
  let length = 0;
  for await (const text of decode(chunks)) {
    const [first = "", ...others] = text.split("\n");
    line.push(first);
    length += first.length;
    if (length > MAX_EVENT_LENGTH) throw tooLong(upstream);
    for (const next of others) {
      const whole = line.join("");
      if (whole.trim() !== "") yield { data: parse(upstream, whole) };
      line = [next];
      length = next.length;
    }
  }
  const rest = line.join("");
  if (rest.trim() !== "") yield { data: parse(upstream, rest) };
}

/** An answer that is not streamed. */
async function* readWhole(upstream: string, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<UpstreamMessage> {
  for await (const text of readWholeText(upstream, chunks)) yield { data: parse(upstream, text) };
}

async function* readWholeText(upstream: string, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const pieces: string[] = [];
  let length = 0;
  for await (const text of decode(chunks)) {
    pieces.push(text);
    length += text.length;
    if (length > MAX_EVENT_LENGTH) throw tooLong(upstream);
  }
  yield pieces.join("");
}

/** An answer that is one JSON text. */
export async function readWholeJson(upstream: string, { chunks }: Reply): Promise<unknown> {
  for await (const { data } of readWhole(upstream, chunks)) return data;
  throw brokenAnswer(upstream, "gave no answer");
}

/** The same with its text. */
export async function readWholeJsonText(upstream: string, { chunks }: Reply) {
  for await (const text of readWholeText(upstream, chunks)) return { text, value: parse(upstream, text) };
  throw brokenAnswer(upstream, "gave no answer");
}

async function* decode(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  for await (const chunk of chunks) yield decoder.decode(chunk, { stream: true });
}

export function tooLong(upstream: string) {
  return brokenAnswer(upstream, `sent an event of more than ${MAX_EVENT_LENGTH} characters`);
}

export function parse(upstream: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw brokenAnswer(upstream, "sent an event that is no JSON");
  }
}
