import { decodeChatRequest } from "../../../src/protocols/chat/decode.ts";
import { InvalidRequestError } from "../../../src/protocols/errors.ts";
import { completed } from "../support.ts";

export const MESSAGES = [{ role: "user", content: "Hi" }];

/** Decodes a valid request with `fields`. */
export function decode(fields: Readonly<Record<string, unknown>>) {
  return completed(decodeChatRequest({ model: "one", messages: MESSAGES, ...fields }));
}

/** The error for `body`. Throws if there is none or another one. */
export function refusal(body: unknown): InvalidRequestError {
  try {
    completed(decodeChatRequest(body));
  } catch (error) {
    if (error instanceof InvalidRequestError) {
      return error;
    }
    throw error;
  }
  throw new Error("The request was accepted.");
}

/** The parts of the error for a request with `fields`. */
export function toldOf(fields: Readonly<Record<string, unknown>>) {
  const { param, code, message } = refusal({ model: "one", messages: MESSAGES, ...fields });
  return { param, code, message };
}
