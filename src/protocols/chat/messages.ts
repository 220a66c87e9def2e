import { z } from "zod";
import { listOf, orOther, otherType, string } from "../fields.ts";

/** Limits on counts. The limit on the body's size also limits the text. */
const MAX_MESSAGES = 2_048;
const MAX_PARTS = 1_024;
const MAX_NAME_LENGTH = 256;
const MAX_ID_LENGTH = 256;
const MAX_CALLS = 128;

const text = z.string({ error: "a string" });

/** A part of a message. `input_text` and `output_text` are the Responses API's names for text. */
const knownPart = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text"), text }),
  z.object({ type: z.literal("input_text"), text }),
  z.object({ type: z.literal("output_text"), text }),
  z.object({ type: z.literal("refusal"), refusal: text }),
  otherType(z.looseObject({ file: z.looseObject({}).nullish() })),
]);
const KNOWN_PARTS = ["text", "input_text", "output_text", "refusal"] as const;
const part = z.preprocess((value) => orOther(value, KNOWN_PARTS), knownPart);

const content = z.union([text, listOf(part, 0, MAX_PARTS)], { error: "a string or array of objects" });

const name = string(MAX_NAME_LENGTH);
const call = z.object({ name: name.min(1), arguments: text }, { error: "an object" });
const id = string(MAX_ID_LENGTH).min(1);
const knownCall = z.discriminatedUnion(
  "type",
  [
    z.object({ id, type: z.literal("function"), function: call }),
    z.object({ id, type: z.literal("custom"), custom: z.object({ name: name.min(1), input: text }) }),
  ],
  { error: "an object" },
);
/** Some clients omit the type. */
const toolCall = z.preprocess(
  (value) =>
    typeof value === "object" && value !== null && (!("type" in value) || value.type === null)
      ? { ...value, type: "function" }
      : value,
  knownCall,
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
    // Clients send back the reasoning from answers of this and other servers.
    reasoning_content: text.nullish(),
  }),
  z.object({ role: z.literal("tool"), content: content.nullish(), tool_call_id: string(MAX_ID_LENGTH) }),
  z.object({ role: z.literal("function"), content: content.nullish(), name }),
]);

/** `messages` of a chat completion request. */
export const messages = listOf(message, 1, MAX_MESSAGES);

export type WirePart = z.infer<typeof knownPart>;
export type WireMessage = z.infer<typeof message>;
