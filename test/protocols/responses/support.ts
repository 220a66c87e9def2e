import type { GenerationEvent } from "../../../src/generation/event.ts";
import { InvalidRequestError } from "../../../src/protocols/errors.ts";
import { decodeResponsesRequest, showSettings } from "../../../src/protocols/responses/decode.ts";
import type { ReadableItem } from "../../../src/protocols/responses/items.ts";
import { newResponse } from "../../../src/protocols/responses/response.ts";
import { createResponseWriter } from "../../../src/protocols/responses/writer.ts";
import { completedWithoutPrompt } from "../support.ts";

const NOW_MS = 1_750_000_000_000;

/** Decodes a valid request with `fields`. */
export function decode(fields: Readonly<Record<string, unknown>> = {}) {
  const request = decodeResponsesRequest({ model: "one", input: "Hi", ...fields });
  return { ...completedWithoutPrompt(request), settings: showSettings(request, request.wish) };
}

/** The error for a request with `fields`. Throws if there is none or another one. */
export function refusal(fields: Readonly<Record<string, unknown>>): InvalidRequestError {
  return refusalOf(() => decode(fields));
}

export function refusalOf(work: () => unknown): InvalidRequestError {
  try {
    work();
  } catch (error) {
    if (error instanceof InvalidRequestError) {
      return error;
    }
    throw error;
  }
  throw new Error("It was accepted.");
}

/** A response writer, and its stream events for `events`. */
export function write(events: readonly GenerationEvent[], fields: Readonly<Record<string, unknown>> = {}) {
  const { settings: shown, toolLabels } = decode(fields);
  const head = newResponse("one", shown, NOW_MS, "default", toolLabels);
  const writer = createResponseWriter(head, () => NOW_MS + 5_000);
  const said = [...writer.open(), ...events.flatMap((event) => writer.take(event))];
  return { writer, said };
}

/** Decodes the items of a request's `input`. */
export function itemsOf(input: unknown): ReadableItem[] {
  return decode({ input }).input.filter((item) => item.type !== "item_reference" && item.type !== "compaction");
}
