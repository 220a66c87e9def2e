import { z } from "zod";
import { string } from "../fields.ts";

/** Bounds on counts. The text itself is bounded by the size of the request's body. */
export const MAX_ITEMS = 4_096;
const MAX_PARTS = 1_024;
const MAX_ID_LENGTH = 256;
const MAX_NAME_LENGTH = 128;

const text = z.string({ error: "a string" });
const id = string(MAX_ID_LENGTH).min(1);
const status = z.enum(["in_progress", "completed", "incomplete"]).nullish();

/** What a message can be made of. All kinds are known here, so that a part that can't be honoured is refused by its own name. */
const part = z.discriminatedUnion("type", [
  z.object({ type: z.literal("input_text"), text }),
  z.object({ type: z.literal("output_text"), text, logprobs: z.array(z.unknown()).nullish() }),
  z.object({ type: z.literal("refusal"), refusal: text }),
  z.object({ type: z.literal("input_image") }),
  z.object({ type: z.literal("input_file") }),
  z.object({ type: z.literal("input_audio") }),
]);

const item = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("message"),
    id: id.nullish(),
    role: z.enum(["user", "assistant", "system", "developer"]),
    content: z.union([text, z.array(part).max(MAX_PARTS)], { error: "a string or array of objects" }),
    status,
  }),
  z.object({
    type: z.literal("function_call"),
    id: id.nullish(),
    call_id: id,
    name: string(MAX_NAME_LENGTH).min(1),
    arguments: text,
    status,
  }),
  z.object({
    type: z.literal("function_call_output"),
    id: id.nullish(),
    call_id: id,
    output: z.union([text, z.array(part).max(MAX_PARTS)], { error: "a string or array of objects" }),
    status,
  }),
  z.object({
    type: z.literal("reasoning"),
    id: id.nullish(),
    summary: z
      .array(z.object({ type: z.literal("summary_text"), text }))
      .max(MAX_PARTS)
      .nullish(),
    content: z
      .array(z.object({ type: z.literal("reasoning_text"), text }))
      .max(MAX_PARTS)
      .nullish(),
    encrypted_content: text.nullish(),
    status,
  }),
  z.object({ type: z.literal("compaction"), id: id.nullish(), encrypted_content: text.min(1) }),
  z.object({ type: z.literal("item_reference"), id }),
]);

/** One item of `input`. A message may leave its type out, and so may a reference. */
export const wireItem = z.preprocess((value) => {
  if (typeof value !== "object" || value === null || !("type" in value ? value.type === null : true)) {
    return value;
  }
  return "role" in value ? { ...value, type: "message" } : { ...value, type: "item_reference" };
}, item);

/** A list of items, such as `input`. */
export const wireItems = z.array(wireItem, { error: "an array of objects" }).max(MAX_ITEMS);

export type WireItem = z.infer<typeof item>;
export type WirePart = z.infer<typeof part>;

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
  readonly arguments: string;
};
export type FunctionCallOutput = {
  readonly id: string;
  readonly type: "function_call_output";
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
export type OutputItem = OutputMessage | FunctionCall | Reasoning;
/** A piece of a conversation, in the form in which it is kept and shown. */
export type Item = ReadableItem | Compaction;
/** A piece of a conversation that can be put before a model. */
export type ReadableItem = InputMessage | FunctionCallOutput | OutputItem;
/** A piece that is to be looked up. */
export type ItemReference = { readonly type: "item_reference"; readonly id: string };
