import type { Message } from "../../generation/request.ts";
import { InvalidRequestError } from "../errors.ts";
import type { WireMessage, WirePart } from "./messages.ts";

/** The kinds of part that a text model can't read, in words. */
const UNREADABLE = { image_url: "image", input_audio: "audio", file: "file" } as const;

/**
 * The messages as the engine takes them: `developer` becomes `system`, `function` becomes `tool`, and the text parts of a message are
 * joined by a line break, as llama.cpp and vLLM do. Throws `InvalidRequestError` for parts and calls that a text model can't take.
 */
export function decodeMessages(messages: readonly WireMessage[]): Message[] {
  return messages.map((message, index) => decodeMessage(message, `messages[${index}]`));
}

function decodeMessage(message: WireMessage, param: string): Message {
  switch (message.role) {
    case "system":
    case "developer":
      return toMessage("system", decodeContent(message.content, message.role, param), message.name);
    case "user":
      return toMessage("user", decodeContent(message.content, message.role, param), message.name);
    case "assistant":
      return toMessage("assistant", decodeAssistantContent(message, param), message.name);
    case "tool":
      return toMessage("tool", decodeContent(message.content, message.role, param), undefined);
    case "function":
      return toMessage("tool", decodeContent(message.content, message.role, param), message.name);
  }
}

function toMessage(role: Message["role"], content: string, name: string | null | undefined): Message {
  // A lone surrogate has no UTF-8 form; the tokenizer would see something else than what is counted here.
  const message: Message = { role, content: content.toWellFormed() };
  return name === undefined || name === null ? message : { ...message, name: name.toWellFormed() };
}

/** An assistant's earlier turn: its text, or else its refusal. */
function decodeAssistantContent(message: Extract<WireMessage, { role: "assistant" }>, param: string): string {
  for (const call of ["tool_calls", "function_call", "audio"] as const) {
    const value = message[call];
    if (value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0)) {
      throw new InvalidRequestError(
        `Unsupported parameter: '${param}.${call}' is not supported here: a conversation can hold text only. Leave it out.`,
        `${param}.${call}`,
        "unsupported_parameter",
      );
    }
  }
  if (message.content !== undefined && message.content !== null) {
    return decodeContent(message.content, message.role, param);
  }
  if (typeof message.refusal === "string") {
    return message.refusal;
  }
  throw new InvalidRequestError(
    message.content === null
      ? `Invalid type for '${param}.content': expected one of a string or array of objects, but got null instead.`
      : `Missing required parameter: '${param}.content'.`,
    `${param}.content`,
    message.content === null ? "invalid_type" : "missing_required_parameter",
  );
}

function decodeContent(content: string | readonly WirePart[], role: WireMessage["role"], param: string): string {
  if (typeof content === "string") {
    return content;
  }
  return content.map((part, index) => decodePart(part, role, `${param}.content[${index}]`)).join("\n");
}

function decodePart(part: WirePart, role: WireMessage["role"], param: string): string {
  switch (part.type) {
    case "text":
      return part.text;
    case "refusal":
      if (role === "assistant") {
        return part.refusal;
      }
      throw new InvalidRequestError(
        `Invalid value: 'refusal'. Only an assistant's message can hold a refusal, and '${param}' is in a message of the role '${role}'.`,
        `${param}.type`,
        "invalid_value",
      );
    case "image_url":
    case "input_audio":
    case "file":
      throw new InvalidRequestError(
        `There is no ${UNREADABLE[part.type]} input here: the model reads text only. Remove '${param}', or send what it says as text.`,
        param,
        "unsupported_value",
      );
  }
}
