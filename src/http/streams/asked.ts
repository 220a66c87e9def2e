import type { Context } from "hono";
import { InvalidRequestError } from "../../protocols/errors.ts";
import type { HttpEnv } from "../context.ts";

/** In a request: `1` asks that its stream can be taken up. In an answer: how long that is so. */
export const RESUME_HEADER = "sluice-resume";

export const LAST_EVENT_HEADER = "last-event-id";

/** Enough for any number that counts events. */
const NUMBER = /^\d{1,15}$/;
/** An id of an event, of whatever stream. */
const SOME_EVENT_ID = /^([\w-]{1,64}):\d{1,15}$/;
const EVENT_ID = /^(req_[0-9a-f]{32}):(\d{1,15})$/;

/** Whether the client wants to take its stream up if it breaks off. */
export function asksToResume(c: Context<HttpEnv>): boolean {
  const asked = c.req.header(RESUME_HEADER);
  if (asked === undefined) return false;
  if (asked === "1" || asked === "0") return asked === "1";
  throw new InvalidRequestError(
    `Invalid header '${RESUME_HEADER}': expected 1 or 0. 1 keeps the stream for clients that come back.`,
    RESUME_HEADER,
    "invalid_value",
  );
}

/** A place in a stream: behind the event with this number. */
export type StreamPlace = { readonly id: string; readonly after: number };

/** The stream that a request asks for again, in place of an answer; undefined if it asks for none. */
export function readPlace(c: Context<HttpEnv>): StreamPlace | undefined {
  const header = c.req.header(LAST_EVENT_HEADER);
  if (header === undefined) return undefined;
  const [, id, number] = EVENT_ID.exec(header) ?? [];
  if (id !== undefined) return { id, after: Number(number) };
  if (c.req.header(RESUME_HEADER) === undefined) return undefined;
  throw invalid(
    LAST_EVENT_HEADER,
    "the last 'id' that the stream had, such as req_0123456789abcdef0123456789abcdef:17",
  );
}

/** The event after which a reader of stream `id` goes on; 0 for the beginning. */
export function readAfter(c: Context<HttpEnv>, id: string): number {
  const header = c.req.header(LAST_EVENT_HEADER);
  if (header === undefined || header === "") return afterOf(c.req.query("after") ?? "0", "after");
  const [, stream] = SOME_EVENT_ID.exec(header) ?? [];
  if (stream !== undefined && stream !== id) {
    throw new InvalidRequestError(
      `Invalid '${LAST_EVENT_HEADER}': this is an event of another stream, ${stream}. Give the id of the last event of ${id.slice(0, 64)}, or only its number.`,
      LAST_EVENT_HEADER,
      "invalid_value",
    );
  }
  return afterOf(EVENT_ID.exec(header)?.[2] ?? header, LAST_EVENT_HEADER);
}

function afterOf(text: string, name: string): number {
  if (NUMBER.test(text)) return Number(text);
  throw invalid(name, "the number of the last event that you have, or 0");
}

/** An error about the place at which a reader wants to go on. */
export function invalid(name: string, expected: string): InvalidRequestError {
  return new InvalidRequestError(`Invalid '${name}': expected ${expected}.`, name, "invalid_value");
}
