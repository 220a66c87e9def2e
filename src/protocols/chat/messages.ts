import { z } from "zod";
import { string } from "../fields.ts";
import { functionName } from "./tools.ts";

/** Bounds on counts. The text itself is bounded by the size of the request's body. */
const MAX_MESSAGES = 2_048;
const MAX_PARTS = 1_024;
const MAX_NAME_LENGTH = 64;
const MAX_ID_LENGTH = 256;
const MAX_CALLS = 128;

const text = z.string({ error: "a string" });

/** What a message can be made of. All kinds are known here, so that a part that can't be honoured is refused by its own name. */
const part = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text"), text }),
  z.object({ type: z.literal("refusal"), refusal: text }),
  z.object({ type: z.literal("image_url") }),
  z.object({ type: z.literal("input_audio") }),
  z.object({ type: z.literal("file") }),
]);

const content = z.union([text, z.array(part).min(1).max(MAX_PARTS)], { error: "a string or array of objects" });

const name = string(MAX_NAME_LENGTH);
const call = z.object({ name: functionName, arguments: text }, { error: "an object" });
const toolCall = z.object(
  { id: string(MAX_ID_LENGTH).min(1), type: z.literal("function"), function: call },
  { error: "an object" },
);

const message = z.discriminatedUnion("role", [
  z.object({ role: z.literal("system"), content, name: name.nullish() }),
  z.object({ role: z.literal("developer"), content, name: name.nullish() }),
  z.object({ role: z.literal("user"), content, name: name.nullish() }),
  z.object({
    role: z.literal("assistant"),
    content: content.nullish(),
    refusal: text.nullish(),
    name: name.nullish(),
    tool_calls: z.array(toolCall, { error: "an array of objects" }).max(MAX_CALLS).nullish(),
    function_call: call.nullish(),
    audio: z.unknown().optional(),
    // As this server and others answer, and as clients send it back.
    reasoning_content: text.nullish(),
  }),
  z.object({ role: z.literal("tool"), content, tool_call_id: string(MAX_ID_LENGTH) }),
  z.object({ role: z.literal("function"), content: content.nullable(), name }),
]);

/** `messages` of a chat completion request. */
export const messages = z.array(message, { error: "an array of objects" }).min(1).max(MAX_MESSAGES);

export type WirePart = z.infer<typeof part>;
export type WireMessage = z.infer<typeof message>;
