import { z } from "zod";
import type { Message } from "../../generation/request.ts";
import { decodeMessages } from "../chat/decode-messages.ts";
import type { WireMessage } from "../chat/messages.ts";
import { integer, isSet, jsonObject, listOf, string } from "../fields.ts";
import { noteOmitted, refuseUnreadable } from "../unreadable.ts";

const MAX_MESSAGES = 2_048;
const MAX_CALLS = 128;
const MAX_IMAGES = 1_024;
const MAX_NAME_LENGTH = 256;
const MAX_ID_LENGTH = 256;

const text = z.string({ error: "a string" });
const name = string(MAX_NAME_LENGTH);

export const images = z.array(text, { error: "an array of strings" }).max(MAX_IMAGES);

const toolCall = z.object(
  {
    id: string(MAX_ID_LENGTH).nullish(),
    function: z.object(
      {
        index: integer(0, Number.MAX_SAFE_INTEGER).nullish(),
        name: name.min(1),
        // Some send JSON's text, as OpenAI has it.
        arguments: z.union([jsonObject(), text], { error: "an object or string" }).nullish(),
      },
      { error: "an object" },
    ),
  },
  { error: "an object" },
);

const message = z.object(
  {
    role: z.preprocess(
      (value) => (typeof value === "string" ? value.toLowerCase() : value),
      z.enum(["system", "user", "assistant", "tool"]),
    ),
    content: text.nullish(),
    thinking: text.nullish().describe("An assistant's: what it thought before it spoke."),
    images: images.nullish().describe("Refused in the newest message of the user's, and noted in others."),
    tool_calls: z.array(toolCall, { error: "an array of objects" }).max(MAX_CALLS).nullish(),
    tool_name: name.nullish().describe("A tool's: which function's result it is."),
    tool_call_id: string(MAX_ID_LENGTH).nullish().describe("A tool's: which call it answers."),
  },
  { error: "an object" },
);

/** `messages` of `/api/chat`. */
export const ollamaMessages = listOf(message, 0, MAX_MESSAGES);

type WireOllamaMessage = z.infer<typeof message>;

/** A call that has no result yet. */
type OpenCall = { readonly id: string; readonly name: string };

/** The messages as the engine takes them. Throws as `decodeMessages` does, and for images in the newest message of the user's. */
export function decodeOllamaMessages(messages: readonly WireOllamaMessage[]): Message[] {
  const newest = messages.findLastIndex(({ role }) => role === "user");
  let open: OpenCall[] = [];

  function translate(wire: WireOllamaMessage, index: number): WireMessage {
    const content = withImages(wire, `messages[${index}]`, index === newest);
    switch (wire.role) {
      case "system":
      case "user":
        return { role: wire.role, content };
      case "assistant": {
        const calls = translateCalls(wire, index);
        open = calls.map(({ id, function: { name } }) => ({ id, name }));
        return { role: "assistant", content, tool_calls: calls, reasoning_content: wire.thinking };
      }
      case "tool": {
        const call = takeCall(wire);
        // A result of which nobody knows the call is read as it is.
        return call === undefined
          ? { role: "function", name: wire.tool_name ?? "", content }
          : { role: "tool", tool_call_id: call.id, content };
      }
    }
  }

  /** Results have the id of their call, its function's name, or nothing but their order. */
  function takeCall({ tool_call_id: id, tool_name: name }: WireOllamaMessage): OpenCall | undefined {
    const call =
      open.find((one) => one.id === id) ?? (isSet(name) ? open.find((one) => one.name === name) : undefined) ?? open[0];
    open = open.filter((one) => one !== call);
    return call;
  }

  return decodeMessages(messages.map(translate));
}

function translateCalls({ tool_calls: calls }: WireOllamaMessage, index: number) {
  return (calls ?? []).map(({ id, function: called }, place) => ({
    id: id ?? `call_${index}_${place}`,
    type: "function" as const,
    function: {
      name: called.name,
      arguments: typeof called.arguments === "string" ? called.arguments : JSON.stringify(called.arguments ?? {}),
    },
  }));
}

function withImages({ content, images }: WireOllamaMessage, param: string, isNewest: boolean): string {
  const count = images?.length ?? 0;
  if (count > 0 && isNewest) throw refuseUnreadable("image", `${param}.images`);
  return [content ?? "", ...Array.from({ length: count }, () => noteOmitted("image"))].join("\n");
}
