import type { Context } from "hono";
import { HttpError } from "./errors.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The request's body as JSON. Throws a 400 `HttpError` that says where it breaks off, if that is known. */
export async function readJson(c: Context): Promise<unknown> {
  const text = decodeUtf8(await readBytes(c));
  if (text.trim() === "") {
    throw unparsable("it is empty");
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    // V8's message quotes the text. Only the place is taken from it.
    const place = /position \d+ \(line \d+ column \d+\)/.exec(error instanceof Error ? error.message : "")?.[0];
    throw unparsable(place === undefined ? "it is not valid JSON" : `it is not valid JSON at ${place}`);
  }
}

async function readBytes(c: Context): Promise<ArrayBuffer> {
  try {
    return await c.req.arrayBuffer();
  } catch {
    throw unparsable("it could not be read to its end");
  }
}

function decodeUtf8(bytes: ArrayBuffer): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw unparsable("it is not valid UTF-8");
  }
}

function unparsable(reason: string): HttpError {
  return new HttpError(400, `We could not parse the JSON body of your request: ${reason}.`, null);
}
