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

/** A body of more than twice this size has its beginning checked before it is decoded: most that exceed a limit do so there. */
const BEGINNING_BYTES = 1024 * 1024;

/** After parsing a body with more characters, other work has its turn. */
const LONG = 256 * 1024;

const pause = () => setImmediate();

/**
 * Reads the request's body as JSON of bounded depth and counts. Numbers to be passed on keep their spelling. Its schemas have been compiled
 * by then, slow ones in another thread.
 *
 * @throws HttpError, a 400 with the position of the mistake, if known
 * @throws InvalidRequestError for a field that exceeds a limit
 * @throws ClientGoneError if the client left before the body's end
 */
export async function readJson(c: Context<HttpEnv>): Promise<unknown> {
  const { value } = await readJsonText(c);
  await prepareBody(c, value);
  return value;
}

/** The same without compiling schemas, with the text. */
export async function readJsonText(c: Context<HttpEnv>): Promise<JsonBody> {
  return readJsonBytes(new Uint8Array(await readBytes(c)));
}

/** A body, and what it means. */
export type JsonBody = { readonly text: string; readonly value: unknown };

/** Reads JSON within the same limits. Throws the same errors, except `ClientGoneError`. */
export async function readJsonBytes(bytes: Uint8Array): Promise<JsonBody> {
  if (bytes.byteLength > 2 * BEGINNING_BYTES) await refuseByBeginning(bytes);
  const text = decodeUtf8(bytes);
  if (text.trim() === "") {
    throw unparsable("it is empty");
  }
  const read = await parse(text);
  if ("excess" in read) throw excessError(read.excess);
  // Decoding such a body takes long, too.
  if (text.length > LONG) await pause();
  return { text, value: read.value };
}

/** Invalid UTF-8 is reported later, for the whole body. */
async function refuseByBeginning(bytes: Uint8Array): Promise<void> {
  const beginning = new TextDecoder().decode(bytes.subarray(0, BEGINNING_BYTES), { stream: true });
  const excess = await findExcess(beginning, BODY_LIMITS, isPassedOn, pause);
  if (excess !== undefined) throw excessError(excess);
}

async function parse(text: string) {
  try {
    return await readJsonBody(text, BODY_LIMITS, isPassedOn, pause);
  } catch (error) {
    // V8's message quotes the text. Only the position is used.
    const place = /position \d+ \(line \d+ column \d+\)/.exec(error instanceof Error ? error.message : "")?.[0];
    throw unparsable(place === undefined ? "it is not valid JSON" : `it is not valid JSON at ${place}`);
  }
}

/** Compiles the schemas of a body, slow ones in another thread. */
export async function prepareBody(c: Context<HttpEnv>, body: unknown): Promise<void> {
  const { signal } = c.req.raw;
  try {
    await prepareFormats(body, askerOf(c, signal));
  } catch (error) {
    throw signal.aborted ? new ClientGoneError() : error;
  }
}

async function readBytes(c: Context<HttpEnv>): Promise<ArrayBuffer> {
  // A complete body is read within this turn of the event loop.
  const isHere = incomingOf(c)?.complete === true;
  try {
    const bytes = await c.req.arrayBuffer();
    if (!isHere) await takeTurn(true);
    return bytes;
  } catch {
    // Node reports no other failure than the end of the connection.
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
