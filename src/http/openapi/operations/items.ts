import { z } from "zod";
import type { NamedSchema } from "../operation.ts";
import { listOf } from "./shared.ts";

const common = { id: z.string(), status: z.enum(["in_progress", "completed", "incomplete"]) };
const text = (type: string) => z.object({ type: z.literal(type), text: z.string() });
const contentPart = z.union([
  text("input_text"),
  text("output_text"),
  z.object({ type: z.literal("refusal"), refusal: z.string() }),
]);

const functionCall = z.object({
  ...common,
  type: z.literal("function_call"),
  call_id: z.string(),
  name: z.string(),
  arguments: z.string(),
});
const reasoning = z.object({
  ...common,
  type: z.literal("reasoning"),
  summary: z.array(text("summary_text")),
  content: z.array(text("reasoning_text")),
});

const compaction = z.object({ id: z.string(), type: z.literal("compaction"), encrypted_content: z.string() });

/** An item that a model generates. */
export const outputItem = z.union([
  z.object({
    ...common,
    type: z.literal("message"),
    role: z.literal("assistant"),
    content: z.array(contentPart),
  }),
  functionCall,
  reasoning,
]);

/** An item of a conversation. */
export const item: NamedSchema = {
  name: "Item",
  schema: z.union([
    z.object({
      ...common,
      type: z.literal("message"),
      role: z.enum(["user", "assistant", "system", "developer"]),
      content: z.array(contentPart),
    }),
    functionCall,
    z.object({
      ...common,
      type: z.literal("function_call_output"),
      call_id: z.string(),
      output: z.union([z.string(), z.array(text("input_text"))]),
    }),
    reasoning,
    compaction,
  ]),
};

export const itemList: NamedSchema = { name: "ItemList", schema: listOf(item.schema) };
