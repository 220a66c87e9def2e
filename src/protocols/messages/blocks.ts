import { z } from "zod";
import { boolean, string } from "../fields.ts";

/** Bounds on counts. The text itself is bounded by the size of the request's body. */
const MAX_MESSAGES = 100_000;
const MAX_BLOCKS = 4_096;
const MAX_ID_LENGTH = 256;
const MAX_NAME_LENGTH = 128;

const text = z.string({ error: "a string" });
const textBlock = z.object({ type: z.literal("text"), text });

/** Kinds of block that a text model without Anthropic's servers can't take. They are known so that each is refused by its own name. */
const UNAVAILABLE = [
  "image",
  "document",
  "search_result",
  "container_upload",
  "server_tool_use",
  "web_search_tool_result",
  "web_fetch_tool_result",
  "code_execution_tool_result",
  "bash_code_execution_tool_result",
  "text_editor_code_execution_tool_result",
  "tool_search_tool_result",
  "tool_reference",
  "mcp_tool_use",
  "mcp_tool_result",
  "compaction",
] as const;

const unavailableBlock = z.object({ type: z.enum(UNAVAILABLE) });

const AN_OBJECT = { error: "an object" };
const A_CONTENT = { error: "a string or array of objects" };

const resultBlock = z.discriminatedUnion("type", [textBlock, unavailableBlock]);

const toolResult = z.object({
  type: z.literal("tool_result"),
  tool_use_id: string(MAX_ID_LENGTH),
  content: z.union([text, z.array(resultBlock).max(MAX_BLOCKS)], A_CONTENT).nullish(),
  is_error: boolean().nullish(),
});

const toolUse = z.object({
  type: z.literal("tool_use"),
  id: string(MAX_ID_LENGTH),
  name: string(MAX_NAME_LENGTH),
  input: z.record(z.string(), z.unknown(), AN_OBJECT),
});

const block = z.discriminatedUnion("type", [
  textBlock,
  z.object({ type: z.literal("thinking"), thinking: text }),
  z.object({ type: z.literal("redacted_thinking") }),
  toolUse,
  toolResult,
  unavailableBlock,
]);

const message = z.object(
  {
    role: z.enum(["user", "assistant", "system"]),
    content: z.union([text, z.array(block).max(MAX_BLOCKS)], A_CONTENT),
  },
  AN_OBJECT,
);

/** `messages` of a request. */
export const messages = z.array(message, { error: "an array of objects" }).min(1).max(MAX_MESSAGES);

/** `system` of a request. */
export const system = z.union([text, z.array(z.discriminatedUnion("type", [textBlock])).max(MAX_BLOCKS)], A_CONTENT);

export type WireBlock = z.infer<typeof block>;
export type WireToolResult = z.infer<typeof toolResult>;
export type WireMessage = z.infer<typeof message>;
export type WireSystem = z.infer<typeof system>;
