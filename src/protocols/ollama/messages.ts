import { z } from "zod";
import type { Message } from "../../generation/request.ts";
import { decodeMessages } from "../chat/decode-messages.ts";
import type { WireMessage, WirePart } from "../chat/messages.ts";
import { destination } from "../destination.ts";
import { integer, isSet, jsonObject, listOf, string } from "../fields.ts";
import { readBareImage } from "../images.ts";
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
        // Some clients send JSON as a string, as in OpenAI's API.
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
    thinking: text.nullish().describe("The reasoning of an assistant message."),
    images: images
      .nullish()
      .describe(
        "For models that read images. For others they are refused in the newest user message, and replaced by a note before it.",
      ),
    tool_calls: z.array(toolCall, { error: "an array of objects" }).max(MAX_CALLS).nullish(),
    tool_name: name.nullish().describe("The name of the called function, in a tool message."),
    tool_call_id: string(MAX_ID_LENGTH).nullish().describe("The id of the call, in a tool message."),
  },
  { error: "an object" },
);

/** `messages` of `/api/chat`. */
export const ollamaMessages = listOf(message, 0, MAX_MESSAGES);

type WireOllamaMessage = z.infer<typeof message>;

/** A call without a result so far. */
type OpenCall = { readonly id: string; readonly name: string };

/** Converts messages to the engine's. Throws as `decodeMessages` does, and for images in the newest user message. */
export function decodeOllamaMessages(messages: readonly WireOllamaMessage[]): Message[] {
  const newest = messages.findLastIndex(({ role }) => role === "user");
  let open: OpenCall[] = [];

  function translate(wire: WireOllamaMessage, index: number): WireMessage {
    const content = withImages(wire.content ?? "", wire.images, `messages[${index}].images`, index === newest);
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
        // A result without a matching call is passed on alone.
        return call === undefined
          ? { role: "function", name: wire.tool_name ?? "", content }
          : { role: "tool", tool_call_id: call.id, content };
      }
    }
  }

  /** Finds the call of a result by its id, else by the function's name, else by order. */
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

/** The message of a prompt without a conversation. Throws as `decodeOllamaMessages` does. */
export function decodeOllamaPrompt(text: string, images: WireOllamaMessage["images"]): Message[] {
  return decodeMessages([{ role: "user", content: withImages(text, images, "images", true) }]);
}

/** The content with its images as parts, as OpenAI's API has them. */
function withImages(
  content: string,
  images: WireOllamaMessage["images"],
  param: string,
  isNewest: boolean,
): string | WirePart[] {
  if (!isSet(images) || images.length === 0) return content;
  return [{ type: "text", text: content }, ...images.map((image, at) => toPart(image, `${param}[${at}]`, isNewest))];
}

function toPart(image: string, param: string, isNewest: boolean): WirePart {
  const read = destination().readsImages ? readBareImage(image) : undefined;
  if (read !== undefined) return { type: "other", kind: "image_url", fields: { image_url: read } };
  if (isNewest) throw refuseUnreadable("image", param);
  return { type: "text", text: noteOmitted("image") };
}
