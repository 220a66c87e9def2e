import type { FinishReason, GenerationEvent, Usage } from "../../generation/event.ts";
import { encodeLogprobs } from "../chat/encode-logprobs.ts";
import type { WireError } from "../errors.ts";
import { createInputReader, type InputReader } from "../tools/input-reader.ts";
import type { ToolLabel } from "../tools/offer.ts";
import type { ResponseEvent, WireLogprob } from "./events.ts";
import { newId } from "./ids.ts";
import type { CustomCall, FunctionCall, ItemStatus, OutputItem, OutputMessage, Reasoning } from "./items.ts";
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
 * Makes a response of a generation's events. Each call returns what a stream says about it, in order; who wants the whole takes
 * `response()` at the end.
 */
export type ResponseWriter = {
  readonly open: () => ResponseEvent[];
  /** What says that it is still in hand. */
  readonly beat: () => ResponseEvent[];
  readonly take: (event: GenerationEvent) => ResponseEvent[];
  /** The last event is `response.completed` or `response.incomplete`. Throws when the generation has not finished. */
  readonly close: () => ResponseEvent[];
  /** Instead of all the rest: it ends here, for this reason. */
  readonly fail: (error: WireError) => ResponseEvent[];
  /** Instead of all the rest: nobody wants it any more. */
  readonly cancel: () => ResponseEvent[];
  /** As it is now. */
  readonly response: () => WireResponse;
};

/** An item that is being written. Only one is, at any time. */
type OpenItem =
  | { readonly type: "reasoning"; readonly id: string; text: string }
  | { readonly type: "refusal"; readonly id: string; text: string }
  | { readonly type: "message"; readonly id: string; text: string; readonly logprobs: WireLogprob[] }
  | {
      readonly type: "function_call";
      readonly id: string;
      /** The call's number in the generation. */
      readonly index: number;
      readonly callId: string;
      readonly label: ToolLabel;
      text: string;
    }
  | {
      readonly type: "custom_tool_call";
      readonly id: string;
      readonly index: number;
      readonly callId: string;
      readonly label: ToolLabel;
      /** Takes the input out of the arguments that the model writes. */
      readonly reader: InputReader;
      text: string;
    };

type OpenCall = Extract<OpenItem, { index: number }>;
type Finished = Extract<GenerationEvent, { type: "finished" }>;

/** @param isAsked whether an answer is wanted, so that one in which nothing is said is a message all the same */
export function createResponseWriter(head: ResponseHead, now: () => number, isAsked = true): ResponseWriter {
  const output: OutputItem[] = [];
  let open: OpenItem | undefined;
  let status: ResponseStatus = head.settings.background ? "queued" : "in_progress";
  let error: ResponseError | null = null;
  let usage: ResponseUsage | null = null;
  let completedMs: number | null = null;
  let taken: Usage = { promptTokens: 0, cachedTokens: 0, completionTokens: 0 };
  /** Events of the answer, which stand for its tokens where nobody tells them. */
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
    const place = { item_id: item.id, output_index: output.length };
    const added: ResponseEvent = {
      type: "response.output_item.added",
      output_index: output.length,
      item: emptyItem(item),
    };
    return isCall(item)
      ? [...events, added]
      : [
          ...events,
          added,
          { type: "response.content_part.added", ...place, content_index: 0, part: showPart(item, true) },
        ];
  }

  /** Closes the item that is being written, if there is one. */
  function end(itemStatus: ItemStatus): ResponseEvent[] {
    if (open === undefined) {
      return [];
    }
    const item = showItem(open, itemStatus);
    const place = { item_id: open.id, output_index: output.length };
    const events = endText(open, place);
    events.push({ type: "response.output_item.done", output_index: output.length, item });
    output.push(item);
    open = undefined;
    return events;
  }

  function add(item: OpenItem, text: string, logprobs: readonly WireLogprob[]): ResponseEvent {
    item.text += text;
    const place = { item_id: item.id, output_index: output.length };
    switch (item.type) {
      case "refusal":
        return { type: "response.refusal.delta", ...place, content_index: 0, delta: text };
      case "reasoning":
        return { type: "response.reasoning_text.delta", ...place, content_index: 0, delta: text };
      case "message":
        item.logprobs.push(...logprobs);
        return { type: "response.output_text.delta", ...place, content_index: 0, delta: text, logprobs };
      case "function_call":
        return { type: "response.function_call_arguments.delta", ...place, delta: text };
      case "custom_tool_call":
        return { type: "response.custom_tool_call_input.delta", ...place, delta: text };
    }
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
      return [add(open, text, logprobs)];
    }
    const item = newItem(type);
    return [...begin(item), add(item, text, logprobs)];
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
            throw new Error("arguments came for a call that is not being made");
          }
          heard += 1;
          const text = open.type === "custom_tool_call" ? open.reader.push(event.text) : event.text;
          return text === "" ? [] : [add(open, text, [])];
        }
        case "finished":
          finish = event.reason;
          taken = withEnd(taken, event, heard);
          usage = encodeTaken(taken);
          return [];
      }
    },

    close() {
      if (finish === undefined) {
        throw new Error("The generation ended while the response was unfinished.");
      }
      const isWhole = finish === "stop" || finish === "tool_calls";
      // A turn in which nothing was said is still a message: clients look for one.
      const events =
        isAsked && open === undefined && output.length === 0
          ? begin({ type: "message", id: newId("msg"), text: "", logprobs: [] })
          : [];
      events.push(...end(isWhole ? "completed" : "incomplete"));
      status = isWhole ? "completed" : "incomplete";
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

function newItem(type: "reasoning" | "refusal" | "message"): OpenItem {
  switch (type) {
    case "message":
      return { type, id: newId("msg"), text: "", logprobs: [] };
    case "refusal":
      return { type, id: newId("msg"), text: "" };
    case "reasoning":
      return { type, id: newId("rs"), text: "" };
  }
}

/** What was taken when the answer has ended: as its end tells, or as was told before it, or as was heard. */
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

function newCall(
  { id: callId, name, index }: Extract<GenerationEvent, { type: "toolCall" }>,
  { toolLabels }: ResponseHead,
): OpenCall {
  const label = toolLabels.get(name) ?? { type: "function", name };
  const call = { index, callId, label, text: "" };
  return label.type === "custom"
    ? { ...call, type: "custom_tool_call", id: newId("ctc"), reader: createInputReader() }
    : { ...call, type: "function_call", id: newId("fc") };
}

function isCall(item: OpenItem): item is OpenCall {
  return item.type === "function_call" || item.type === "custom_tool_call";
}

function toResponseCode(type: string, code: string | null): ResponseError["code"] {
  switch (code) {
    case "server_overloaded":
    case "rate_limit_exceeded":
      return "rate_limit_exceeded";
    case "superseded":
      // The prompt is not to blame.
      return "server_error";
    default:
      return type === "invalid_request_error" ? "invalid_prompt" : "server_error";
  }
}

function endText(item: OpenItem, place: { item_id: string; output_index: number }): ResponseEvent[] {
  const { text } = item;
  if (item.type === "function_call") {
    return [{ type: "response.function_call_arguments.done", ...place, name: item.label.name, arguments: text }];
  }
  if (item.type === "custom_tool_call") {
    return [{ type: "response.custom_tool_call_input.done", ...place, input: text }];
  }
  const part = { ...place, content_index: 0 };
  const done: ResponseEvent =
    item.type === "message"
      ? { type: "response.output_text.done", ...part, text, logprobs: item.logprobs }
      : item.type === "refusal"
        ? { type: "response.refusal.done", ...part, refusal: text }
        : { type: "response.reasoning_text.done", ...part, text };
  return [done, { type: "response.content_part.done", ...place, content_index: 0, part: showPart(item, false) }];
}

function showPart(item: Exclude<OpenItem, OpenCall>, empty: boolean) {
  const text = empty ? "" : item.text;
  switch (item.type) {
    case "message":
      return { type: "output_text", text, annotations: [], logprobs: empty ? [] : item.logprobs } as const;
    case "refusal":
      return { type: item.type, refusal: text } as const;
    case "reasoning":
      return { type: "reasoning_text", text } as const;
  }
}

/** The item before its first character. */
function emptyItem(item: OpenItem): OutputItem {
  const shown = showItem({ ...item, text: "" }, "in_progress");
  return "content" in shown ? { ...shown, content: [] } : shown;
}

function showItem(item: OpenItem, status: ItemStatus): OutputItem {
  switch (item.type) {
    case "reasoning":
      return {
        id: item.id,
        type: item.type,
        status,
        summary: [],
        content: [{ type: "reasoning_text", text: item.text }],
      } satisfies Reasoning;
    case "message":
      return {
        id: item.id,
        type: item.type,
        status,
        role: "assistant",
        content: [{ type: "output_text", text: item.text, annotations: [], logprobs: item.logprobs }],
      } satisfies OutputMessage;
    case "refusal":
      return {
        id: item.id,
        type: "message",
        status,
        role: "assistant",
        content: [{ type: item.type, refusal: item.text }],
      } satisfies OutputMessage;
    case "function_call":
      return {
        id: item.id,
        type: item.type,
        status,
        call_id: item.callId,
        ...nameOf(item.label),
        arguments: item.text,
      } satisfies FunctionCall;
    case "custom_tool_call":
      return {
        id: item.id,
        type: item.type,
        status,
        call_id: item.callId,
        ...nameOf(item.label),
        input: item.text,
      } satisfies CustomCall;
  }
}

function nameOf({ name, namespace }: ToolLabel) {
  return { name, ...(namespace !== undefined && { namespace }) };
}
