import { z } from "zod";
import { listOf, string } from "../fields.ts";
import { orOther, otherType } from "../other-type.ts";

/** Bounds on counts. The text itself is bounded by the size of the request's body. */
const MAX_ITEMS = 4_096;
const MAX_PARTS = 1_024;
const MAX_ID_LENGTH = 256;
const MAX_NAME_LENGTH = 128;

const text = z.string({ error: "a string" });
const id = string(MAX_ID_LENGTH).min(1);
const status = z.enum(["in_progress", "completed", "incomplete"]).nullish();

const other = otherType(z.looseObject({ id: id.nullish() }));

/** What a message can be made of. */
const knownPart = z.discriminatedUnion("type", [
  z.object({ type: z.literal("input_text"), text }),
  z.object({ type: z.literal("output_text"), text, logprobs: z.array(z.unknown()).nullish() }),
  // Chat completions' and Codex's names for the same.
  z.object({ type: z.literal("text"), text }),
  z.object({ type: z.literal("summary_text"), text }),
  z.object({ type: z.literal("refusal"), refusal: text }),
  other,
]);
const KNOWN_PARTS = ["input_text", "output_text", "text", "summary_text", "refusal"] as const;
const part = z.preprocess((value) => orOther(value, KNOWN_PARTS), knownPart);

const content = z.union([text, listOf(part, 0, MAX_PARTS)], { error: "a string or array of objects" });

/** What a tool gave: a text, parts, or whatever a client makes of its result. */
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

/** One item of `input`. A message may leave its type out, and so may a reference. */
export const wireItem = z.preprocess((value) => {
  if (typeof value !== "object" || value === null || !("type" in value ? value.type === null : true)) {
    return orOther(value, KNOWN_ITEMS);
  }
  return "role" in value ? { ...value, type: "message" } : { ...value, type: "item_reference" };
}, item);

/** A list of items, such as `input`. */
export const wireItems = listOf(wireItem, 0, MAX_ITEMS);

/** The same, with something in it. */
export const someWireItems = listOf(wireItem, 1, MAX_ITEMS);

export type WireItem = z.infer<typeof item>;
export type WirePart = z.infer<typeof knownPart>;
export type WireOutput = z.infer<typeof output>;

export type ItemStatus = "in_progress" | "completed" | "incomplete";

export type InputText = { readonly type: "input_text"; readonly text: string };
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
  readonly content: readonly InputText[];
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
/** A call whose input is a text. */
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
  readonly output: string | readonly InputText[];
};
export type Reasoning = {
  readonly id: string;
  readonly type: "reasoning";
  readonly status: ItemStatus;
  readonly summary: readonly { readonly type: "summary_text"; readonly text: string }[];
  readonly content: readonly { readonly type: "reasoning_text"; readonly text: string }[];
};

/** What stands for a part of a conversation that was compacted: a summary, which only the server that wrote it can read. */
export type Compaction = { readonly id: string; readonly type: "compaction"; readonly encrypted_content: string };

/** What a model makes. */
export type OutputItem = OutputMessage | FunctionCall | CustomCall | Reasoning;
/** What another server or another client made, such as a `web_search_call`. It is kept as it came. */
export type OtherItem = {
  readonly id: string;
  readonly type: "other";
  readonly kind: string;
  readonly fields: Readonly<Record<string, unknown>>;
};
/** A piece of a conversation, in the form in which it is kept and shown. */
export type Item = ReadableItem | Compaction;
/** A piece of a conversation that can be put before a model. */
export type ReadableItem = InputMessage | CallOutput | OutputItem | OtherItem;
/** A piece that is to be looked up. */
export type ItemReference = { readonly type: "item_reference"; readonly id: string };
