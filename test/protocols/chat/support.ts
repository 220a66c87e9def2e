import { decodeChatRequest } from "../../../src/protocols/chat/decode.ts";
import { InvalidRequestError } from "../../../src/protocols/errors.ts";
import { completed } from "../support.ts";

export const MESSAGES = [{ role: "user", content: "Hi" }];

/** What becomes of a valid request with `fields` set. */
export function decode(fields: Readonly<Record<string, unknown>>) {
  return completed(decodeChatRequest({ model: "one", messages: MESSAGES, ...fields }));
}

/** Why `body` is refused. Throws when it is not, or with another error. */
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

/** What the client is told of a request with `fields` set, which is refused. */
export function toldOf(fields: Readonly<Record<string, unknown>>) {
  const { param, code, message } = refusal({ model: "one", messages: MESSAGES, ...fields });
  return { param, code, message };
}
