import { setImmediate } from "node:timers/promises";
import type { Context } from "hono";
import { BODY_LIMITS } from "../json/limits.ts";
import { findExcess, readJsonBody } from "../json/parse.ts";
import { excessError } from "../protocols/json-excess.ts";
import { isPassedOn } from "../protocols/passed-on.ts";
import { incomingOf } from "./arrival.ts";
import type { HttpEnv } from "./context.ts";
import { ClientGoneError, HttpError } from "./errors.ts";
import { takeTurn } from "./loop-turns.ts";
import { prepareFormats } from "./prepare-formats.ts";
import { askerOf } from "./tenant.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Of a body of more than twice as much, so much is looked at before the whole becomes a string: most that hold too much show it there. */
const BEGINNING_BYTES = 1024 * 1024;

/** Characters of a body after whose parsing others have their turn. */
const LONG = 256 * 1024;

const pause = () => setImmediate();

/**
 * The request's body as JSON, bounded in depth and counts, the numbers that are passed on as they were written. Its schemas are compiled
 * by then, those that take long in another thread.
 *
 * @throws HttpError, a 400 that says where it breaks off, if that is known
 * @throws InvalidRequestError for the field that holds too much
 * @throws ClientGoneError where the client left before its end
 */
export async function readJson(c: Context<HttpEnv>): Promise<unknown> {
  const value = await readJsonBytes(new Uint8Array(await readBytes(c)));
  await prepare(c, value);
  return value;
}

/** Reads JSON in the same bounds, and throws the same but for the last. */
export async function readJsonBytes(bytes: Uint8Array): Promise<unknown> {
  if (bytes.byteLength > 2 * BEGINNING_BYTES) await refuseByBeginning(bytes);
  const text = decodeUtf8(bytes);
  if (text.trim() === "") {
    throw unparsable("it is empty");
  }
  const read = await parse(text);
  if ("excess" in read) throw excessError(read.excess);
  // What such a body holds takes long to understand, as it took long to parse.
  if (text.length > LONG) await pause();
  return read.value;
}

/** What is no UTF-8 is left to be found in the whole. */
async function refuseByBeginning(bytes: Uint8Array): Promise<void> {
  const beginning = new TextDecoder().decode(bytes.subarray(0, BEGINNING_BYTES), { stream: true });
  const excess = await findExcess(beginning, BODY_LIMITS, isPassedOn, pause);
  if (excess !== undefined) throw excessError(excess);
}

async function parse(text: string) {
  try {
    return await readJsonBody(text, BODY_LIMITS, isPassedOn, pause);
  } catch (error) {
    // V8's message quotes the text. Only the place is taken from it.
    const place = /position \d+ \(line \d+ column \d+\)/.exec(error instanceof Error ? error.message : "")?.[0];
    throw unparsable(place === undefined ? "it is not valid JSON" : `it is not valid JSON at ${place}`);
  }
}

async function prepare(c: Context<HttpEnv>, body: unknown): Promise<void> {
  const { signal } = c.req.raw;
  try {
    await prepareFormats(body, askerOf(c, signal));
  } catch (error) {
    throw signal.aborted ? new ClientGoneError() : error;
  }
}

async function readBytes(c: Context<HttpEnv>): Promise<ArrayBuffer> {
  // Then it is read within this turn of the event loop.
  const isHere = incomingOf(c)?.complete === true;
  try {
    const bytes = await c.req.arrayBuffer();
    if (!isHere) await takeTurn(true);
    return bytes;
  } catch {
    // Node tells of no other failure than that the connection ended.
    throw new ClientGoneError();
  }
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw unparsable("it is not valid UTF-8");
  }
}

function unparsable(reason: string): HttpError {
  return new HttpError(400, `We could not parse the JSON body of your request: ${reason}.`, null);
}
