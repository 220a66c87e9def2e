import type { GenerationEvent } from "../../generation/event.ts";
import { createInputReader, type InputReader } from "../tools/input-reader.ts";
import type { ToolLabel } from "../tools/offer.ts";
import type { ResponseEvent, WireLogprob } from "./events.ts";
import { newId } from "./ids.ts";
import type { CustomCall, FunctionCall, ItemStatus, OutputItem, OutputMessage, Reasoning } from "./items.ts";
import type { ResponseHead } from "./response.ts";

/** An output item that is being written. At most one is open at any time. */
export type OpenItem =
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
      /** Extracts the input from the arguments that the model writes. */
      readonly reader: InputReader;
      text: string;
    };

/** An open item that is a tool call. */
type OpenCall = Extract<OpenItem, { index: number }>;

export function newItem(type: "reasoning" | "refusal" | "message", { digits }: ResponseHead): OpenItem {
  switch (type) {
    case "message":
      return { type, id: newId("msg", digits?.()), text: "", logprobs: [] };
    case "refusal":
      return { type, id: newId("msg", digits?.()), text: "" };
    case "reasoning":
      return { type, id: newId("rs", digits?.()), text: "" };
  }
}

export function newCall(
  { id: callId, name, index }: Extract<GenerationEvent, { type: "toolCall" }>,
  { toolLabels, digits }: ResponseHead,
): OpenCall {
  const label = toolLabels.get(name) ?? { type: "function", name };
  const call = { index, callId, label, text: "" };
  return label.type === "custom"
    ? { ...call, type: "custom_tool_call", id: newId("ctc", digits?.()), reader: createInputReader() }
    : { ...call, type: "function_call", id: newId("fc", digits?.()) };
}

export function isCall(item: OpenItem): item is OpenCall {
  return item.type === "function_call" || item.type === "custom_tool_call";
}

/** The events that announce a new item at `index` of the output. */
export function openItem(item: OpenItem, index: number): ResponseEvent[] {
  const added: ResponseEvent = { type: "response.output_item.added", output_index: index, item: emptyItem(item) };
  return isCall(item)
    ? [added]
    : [
        added,
        { type: "response.content_part.added", ...placeOf(item, index), content_index: 0, part: showPart(item, true) },
      ];
}

/** Appends to an item's text. Returns the event that says so. */
export function appendText(
  item: OpenItem,
  index: number,
  text: string,
  logprobs: readonly WireLogprob[],
): ResponseEvent {
  item.text += text;
  const place = placeOf(item, index);
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

/** The events that close an item. `shown` is its final form. */
export function closeItem(item: OpenItem, shown: OutputItem, index: number): ResponseEvent[] {
  return [
    ...endText(item, placeOf(item, index)),
    { type: "response.output_item.done", output_index: index, item: shown },
  ];
}

function placeOf({ id }: OpenItem, index: number) {
  return { item_id: id, output_index: index };
}

function endText(item: OpenItem, place: ReturnType<typeof placeOf>): ResponseEvent[] {
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

/** An item without its text, as it is announced. */
function emptyItem(item: OpenItem): OutputItem {
  const shown = showItem({ ...item, text: "" }, "in_progress");
  return "content" in shown ? { ...shown, content: [] } : shown;
}

/** An item with the text written so far. */
export function showItem(item: OpenItem, status: ItemStatus): OutputItem {
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
