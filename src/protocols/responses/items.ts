import { z } from "zod";
import { listOf, orOther, otherType, string } from "../fields.ts";

/** Limits on counts. The limit on the body's size also limits the text. */
const MAX_ITEMS = 4_096;
const MAX_PARTS = 1_024;
const MAX_ID_LENGTH = 256;
const MAX_NAME_LENGTH = 128;

const text = z.string({ error: "a string" });
const id = string(MAX_ID_LENGTH).min(1);
const status = z.enum(["in_progress", "completed", "incomplete"]).nullish();

const other = otherType(z.looseObject({ id: id.nullish() }));

/** A part of a message. */
const knownPart = z.discriminatedUnion("type", [
  z.object({ type: z.literal("input_text"), text }),
  z.object({ type: z.literal("output_text"), text, logprobs: z.array(z.unknown()).nullish() }),
  // The names in chat completions and Codex.
  z.object({ type: z.literal("text"), text }),
  z.object({ type: z.literal("summary_text"), text }),
  z.object({ type: z.literal("refusal"), refusal: text }),
  other,
]);
const KNOWN_PARTS = ["input_text", "output_text", "text", "summary_text", "refusal"] as const;
const part = z.preprocess((value) => orOther(value, KNOWN_PARTS), knownPart);

const content = z.union([text, listOf(part, 0, MAX_PARTS)], { error: "a string or array of objects" });

/** A tool's output: a text, parts, or any object that the client sends. */
const output = z.union([content, z.looseObject({})], { error: "a string or array of objects" }).nullish();

const thought = z.object({ text }, { error: "an object" });

const name = string(MAX_NAME_LENGTH).min(1);
const called = { id: id.nullish(), call_id: id, name, namespace: name.nullish(), status };

const item = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("message"),
    id: id.nullish(),
    role: z.enum(["user", "assistant", "system", "developer"]),
    content,
    status,
  }),
  z.object({ ...called, type: z.literal("function_call"), arguments: text }),
  z.object({ ...called, type: z.literal("custom_tool_call"), input: text }),
  z.object({ type: z.literal("function_call_output"), id: id.nullish(), call_id: id, output, status }),
  z.object({ type: z.literal("custom_tool_call_output"), id: id.nullish(), call_id: id, output, status }),
  z.object({
    type: z.literal("reasoning"),
    id: id.nullish(),
    summary: z.array(thought).max(MAX_PARTS).nullish(),
    content: z.array(thought).max(MAX_PARTS).nullish(),
    encrypted_content: text.nullish(),
    status,
  }),
  z.object({ type: z.literal("compaction"), id: id.nullish(), encrypted_content: text.min(1) }),
  z.object({ type: z.literal("item_reference"), id }),
  other,
]);
const KNOWN_ITEMS = item.options.map(({ shape }) => shape.type.value);

/** One item of `input`. The type of messages and references may be omitted. */
export const wireItem = z.preprocess((value) => {
  if (typeof value !== "object" || value === null || !("type" in value ? value.type === null : true)) {
    return orOther(value, KNOWN_ITEMS);
  }
  return "role" in value ? { ...value, type: "message" } : { ...value, type: "item_reference" };
}, item);

/** A list of items, such as `input`. */
export const wireItems = listOf(wireItem, 0, MAX_ITEMS);

/** A list of at least one item. */
export const someWireItems = listOf(wireItem, 1, MAX_ITEMS);

export type WireItem = z.infer<typeof item>;
export type WirePart = z.infer<typeof knownPart>;
export type WireOutput = z.infer<typeof output>;

export type ItemStatus = "in_progress" | "completed" | "incomplete";

type InputText = { readonly type: "input_text"; readonly text: string };
type InputImage = {
  readonly type: "input_image";
  /** A URL; `data:` for the image itself. */
  readonly image_url: string;
  readonly detail: string;
};
export type InputPart = InputText | InputImage;
export type OutputText = {
  readonly type: "output_text";
  readonly text: string;
  readonly annotations: readonly [];
  readonly logprobs: readonly unknown[];
};
export type Refusal = { readonly type: "refusal"; readonly refusal: string };

export type InputMessage = {
  readonly id: string;
  readonly type: "message";
  readonly status: ItemStatus;
  readonly role: "user" | "system" | "developer";
  readonly content: readonly InputPart[];
};
export type OutputMessage = {
  readonly id: string;
  readonly type: "message";
  readonly status: ItemStatus;
  readonly role: "assistant";
  readonly content: readonly (OutputText | Refusal)[];
};
export type FunctionCall = {
  readonly id: string;
  readonly type: "function_call";
  readonly status: ItemStatus;
  readonly call_id: string;
  readonly name: string;
  readonly namespace?: string;
  readonly arguments: string;
};
/** A call of a custom tool, whose input is a text. */
export type CustomCall = {
  readonly id: string;
  readonly type: "custom_tool_call";
  readonly status: ItemStatus;
  readonly call_id: string;
  readonly name: string;
  readonly namespace?: string;
  readonly input: string;
};
export type CallOutput = {
  readonly id: string;
  readonly type: "function_call_output" | "custom_tool_call_output";
  readonly status: ItemStatus;
  readonly call_id: string;
  readonly output: string | readonly InputPart[];
};
export type Reasoning = {
  readonly id: string;
  readonly type: "reasoning";
  readonly status: ItemStatus;
  readonly summary: readonly { readonly type: "summary_text"; readonly text: string }[];
  readonly content: readonly { readonly type: "reasoning_text"; readonly text: string }[];
};

/** Replaces a compacted part of a conversation. Only the server that wrote the summary can read it. */
export type Compaction = { readonly id: string; readonly type: "compaction"; readonly encrypted_content: string };

/** An item that a model generates. */
export type OutputItem = OutputMessage | FunctionCall | CustomCall | Reasoning;
/** An item of another type, such as a `web_search_call` from another server. Kept unchanged. */
export type OtherItem = {
  readonly id: string;
  readonly type: "other";
  readonly kind: string;
  readonly fields: Readonly<Record<string, unknown>>;
};
/** An item of a conversation, as it is stored and shown. */
export type Item = ReadableItem | Compaction;
/** An item that a model can read. */
export type ReadableItem = InputMessage | CallOutput | OutputItem | OtherItem;
/** A reference to a stored item. */
export type ItemReference = { readonly type: "item_reference"; readonly id: string };
