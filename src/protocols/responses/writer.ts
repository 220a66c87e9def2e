import { type Cost, encodeCost } from "../../generation/cost.ts";
import type { FinishReason, GenerationEvent, Usage } from "../../generation/event.ts";
import { encodeLogprobs } from "../chat/encode-logprobs.ts";
import type { WireError } from "../errors.ts";
import type { ResponseEvent, WireLogprob } from "./events.ts";
import type { ItemStatus, OutputItem } from "./items.ts";
import { appendText, closeItem, isCall, newCall, newItem, type OpenItem, openItem, showItem } from "./open-item.ts";
import {
  encodeResponse,
  encodeResponseUsage,
  type ResponseError,
  type ResponseHead,
  type ResponseStatus,
  type ResponseUsage,
  type WireResponse,
} from "./response.ts";

/**
 * Turns a generation's events into a response. Each call returns the stream events to send, in order. `response()` returns the whole
 * response at any time.
 */
export type ResponseWriter = {
  readonly open: () => ResponseEvent[];
  /** Says that the response is still in progress. */
  readonly beat: () => ResponseEvent[];
  readonly take: (event: GenerationEvent) => ResponseEvent[];
  /** The last event is `response.completed` or `response.incomplete`. Throws when the generation has not finished. */
  readonly close: (cost?: Cost) => ResponseEvent[];
  /** Ends the response with this error. */
  readonly fail: (error: WireError) => ResponseEvent[];
  /** Ends the response because it was cancelled. */
  readonly cancel: () => ResponseEvent[];
  readonly response: () => WireResponse;
};

type Finished = Extract<GenerationEvent, { type: "finished" }>;

/** @param isAsked whether an answer is expected; if so, an empty answer is still sent as a message */
export function createResponseWriter(head: ResponseHead, now: () => number, isAsked = true): ResponseWriter {
  const output: OutputItem[] = [];
  let open: OpenItem | undefined;
  let status: ResponseStatus = head.settings.background ? "queued" : "in_progress";
  let error: ResponseError | null = null;
  let usage: ResponseUsage | null = null;
  let completedMs: number | null = null;
  let taken: Usage = { promptTokens: 0, cachedTokens: 0, completionTokens: 0 };
  /** The number of answer events. Used as the token count where the backend reports none. */
  let heard = 0;
  let finish: FinishReason | undefined;

  const response = () =>
    encodeResponse(head, {
      status,
      completedMs,
      output: open === undefined ? [...output] : [...output, showItem(open, "in_progress")],
      error,
      incomplete: status === "incomplete" ? (finish === "content_filter" ? finish : "max_output_tokens") : null,
      usage,
    });

  function begin(item: OpenItem): ResponseEvent[] {
    const events = end("completed");
    open = item;
    return [...events, ...openItem(item, output.length)];
  }

  /** Closes the item that is being written, if there is one. */
  function end(itemStatus: ItemStatus): ResponseEvent[] {
    if (open === undefined) {
      return [];
    }
    const item = showItem(open, itemStatus);
    const events = closeItem(open, item, output.length);
    output.push(item);
    open = undefined;
    return events;
  }

  function write(
    type: "reasoning" | "refusal" | "message",
    text: string,
    logprobs: readonly WireLogprob[] = [],
  ): ResponseEvent[] {
    heard += 1;
    if (text === "" && logprobs.length === 0) {
      return [];
    }
    if (open?.type === type) {
      return [appendText(open, output.length, text, logprobs)];
    }
    const item = newItem(type, head);
    return [...begin(item), appendText(item, output.length, text, logprobs)];
  }

  return {
    open() {
      return [
        { type: "response.created", response: response() },
        { type: status === "queued" ? "response.queued" : "response.in_progress", response: response() },
      ];
    },

    beat: () => [{ type: status === "queued" ? "response.queued" : "response.in_progress", response: response() }],

    take(event) {
      switch (event.type) {
        case "started":
          taken = { ...taken, promptTokens: event.promptTokens ?? 0, cachedTokens: event.cachedTokens ?? 0 };
          if (status !== "queued") {
            return [];
          }
          status = "in_progress";
          return [{ type: "response.in_progress", response: response() }];
        case "frames":
        case "prompt":
          return [];
        case "usage":
          taken = event;
          if (finish !== undefined) usage = encodeTaken(taken);
          return [];
        case "refusal":
          return write("refusal", event.text);
        case "text":
          return write("message", event.text, encodeLogprobs(event.logprobs ?? []).content);
        case "reasoning":
          return write("reasoning", event.text);
        case "toolCall":
          return begin(newCall(event, head));
        case "toolArguments": {
          if (open === undefined || !isCall(open) || open.index !== event.index) {
            throw new Error("arguments arrived for a call that is not open");
          }
          heard += 1;
          const text = open.type === "custom_tool_call" ? open.reader.push(event.text) : event.text;
          return text === "" ? [] : [appendText(open, output.length, text, [])];
        }
        case "finished":
          finish = event.reason;
          taken = withEnd(taken, event, heard);
          usage = encodeTaken(taken);
          return [];
      }
    },

    close(cost) {
      if (finish === undefined) {
        throw new Error("The generation ended while the response was unfinished.");
      }
      const isWhole = finish === "stop" || finish === "tool_calls";
      // Clients expect a message even in an empty answer.
      const events = isAsked && open === undefined && output.length === 0 ? begin(newItem("message", head)) : [];
      events.push(...end(isWhole ? "completed" : "incomplete"));
      status = isWhole ? "completed" : "incomplete";
      usage = usage && { ...usage, ...encodeCost(cost) };
      completedMs = isWhole ? now() : null;
      events.push({ type: isWhole ? "response.completed" : "response.incomplete", response: response() });
      return events;
    },

    fail({ message, code, type, param }) {
      end("incomplete");
      status = "failed";
      completedMs = null;
      error = { code: toResponseCode(type, code), message };
      return [
        { type: "error", code, message, param },
        { type: "response.failed", response: response() },
      ];
    },

    cancel() {
      end("incomplete");
      status = "cancelled";
      return [{ type: "error", code: "response_cancelled", message: "The response was cancelled.", param: null }];
    },

    response,
  };
}

/** The final usage. The completion count comes from the last event, else from an earlier usage event, else from counting events. */
function withEnd(taken: Usage, { completionTokens, reasoningTokens }: Finished, heard: number): Usage {
  const completion = completionTokens ?? (taken.completionTokens || heard);
  return { ...taken, completionTokens: completion, ...(reasoningTokens !== undefined && { reasoningTokens }) };
}

function encodeTaken({ promptTokens, cachedTokens, completionTokens, reasoningTokens = 0 }: Usage): ResponseUsage {
  return encodeResponseUsage({
    ...{ prompt: promptTokens, cached: cachedTokens },
    ...{ completion: completionTokens, reasoning: reasoningTokens },
  });
}

function toResponseCode(type: string, code: string | null): ResponseError["code"] {
  switch (code) {
    case "server_overloaded":
    case "rate_limit_exceeded":
      return "rate_limit_exceeded";
    case "superseded":
      // The prompt did not cause this.
      return "server_error";
    default:
      return type === "invalid_request_error" ? "invalid_prompt" : "server_error";
  }
}
