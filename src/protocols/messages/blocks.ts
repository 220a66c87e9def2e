import { z } from "zod";
import { boolean, jsonObject, listOf, orOther, otherType, string } from "../fields.ts";

/** Limits on counts. The limit on the body's size also limits the text. */
const MAX_MESSAGES = 100_000;
const MAX_BLOCKS = 4_096;
const MAX_ID_LENGTH = 256;
const MAX_NAME_LENGTH = 128;

const AN_OBJECT = { error: "an object" };
const A_CONTENT = { error: "a string or array of objects" };

const text = z.string({ error: "a string" });
const textBlock = z.object({ type: z.literal("text"), text });

/** Blocks of Anthropic's server tools, images and the like. `decode-messages.ts` turns them into text where possible. */
const otherBlock = otherType(z.looseObject({}));

const knownResult = z.discriminatedUnion("type", [textBlock, otherBlock]);
const resultBlock = z.preprocess((value) => orOther(value, ["text"]), knownResult);

const toolResult = z.object({
  type: z.literal("tool_result"),
  tool_use_id: string(MAX_ID_LENGTH),
  content: z.union([text, listOf(resultBlock, 0, MAX_BLOCKS)], A_CONTENT).nullish(),
  is_error: boolean().nullish(),
});

const toolUse = z.object({
  type: z.literal("tool_use"),
  id: string(MAX_ID_LENGTH),
  name: string(MAX_NAME_LENGTH),
  input: jsonObject(),
});

const knownBlock = z.discriminatedUnion("type", [
  textBlock,
  z.object({ type: z.literal("thinking"), thinking: text }),
  z.object({ type: z.literal("redacted_thinking") }),
  toolUse,
  toolResult,
  otherBlock,
]);
const KNOWN_BLOCKS = ["text", "thinking", "redacted_thinking", "tool_use", "tool_result"] as const;
const block = z.preprocess((value) => orOther(value, KNOWN_BLOCKS), knownBlock);

const message = z.object(
  {
    role: z.enum(["user", "assistant", "system"]),
    content: z.union([text, listOf(block, 0, MAX_BLOCKS)], A_CONTENT),
  },
  AN_OBJECT,
);

/** Clients of several APIs send null for an empty assistant message. */
const lenientMessage = z.preprocess((value) => {
  const isSilent =
    typeof value === "object" && value !== null && "content" in value && value.content === null && "role" in value;
  return isSilent && value.role === "assistant" ? { ...value, content: "" } : value;
}, message);

/** `messages` of a request. */
export const messages = listOf(lenientMessage, 1, MAX_MESSAGES);

/** `system` of a request. */
export const system = z.union([text, listOf(z.discriminatedUnion("type", [textBlock]), 0, MAX_BLOCKS)], A_CONTENT);

export type WireBlock = z.infer<typeof knownBlock>;
export type WireToolResult = z.infer<typeof toolResult>;
export type WireMessage = z.infer<typeof message>;
export type WireSystem = z.infer<typeof system>;
