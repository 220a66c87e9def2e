import { InvalidRequestError } from "../../../src/protocols/errors.ts";
import { decodeMessagesRequest } from "../../../src/protocols/messages/decode.ts";
import { completed } from "../support.ts";

export const MESSAGES = [{ role: "user", content: "Hi" }];

type Fields = Readonly<Record<string, unknown>>;

/** Decodes a valid request with `fields`. */
export function decode(fields: Fields) {
  const { toolLabels, droppedFields, ...request } = completed(
    decodeMessagesRequest({ model: "one", max_tokens: 100, messages: MESSAGES, ...fields }),
  );
  return { ...request, droppedTools: [...request.droppedTools, ...droppedFields] };
}

/** The prompt of a valid request with `fields`. */
export function promptOf(fields: Fields) {
  const { prompt } = decode(fields).generation;
  if (prompt.type !== "chat") {
    throw new Error("The prompt is not a conversation.");
  }
  return prompt;
}

/** The error for a request with `fields`. Throws if there is none or another one. */
export function refusal(fields: Fields): { message: string; param: string | null; code: string | null } {
  try {
    decode(fields);
  } catch (error) {
    if (error instanceof InvalidRequestError) {
      return { message: error.message, param: error.param, code: error.code };
    }
    throw error;
  }
  throw new Error("The request was accepted.");
}
