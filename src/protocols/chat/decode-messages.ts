import type { Message, ToolCall } from "../../generation/request.ts";
import type { JsonPath } from "../../json/scan.ts";
import { InvalidRequestError } from "../errors.ts";
import { isSet } from "../fields.ts";
import { refuseExcess } from "../json-excess.ts";
import type { WireMessage, WirePart } from "./messages.ts";
import { refuseLostCalls } from "./tool-turns.ts";

type WireAssistant = Extract<WireMessage, { role: "assistant" }>;

/** The kinds of part that a text model can't read, in words. */
const UNREADABLE = { image_url: "image", input_audio: "audio", file: "file" } as const;

/**
 * The messages as the engine takes them: `developer` becomes `system`, `function` becomes `tool`, and the text parts of a message are
 * joined by a line break, as llama.cpp and vLLM do. Throws `InvalidRequestError` for parts that a text model can't take, and for calls
 * and results that don't belong together.
 */
export function decodeMessages(messages: readonly WireMessage[]): Message[] {
  refuseLostCalls(messages);
  return messages.map((message, index) => decodeMessage(message, index, messages));
}

function decodeMessage(message: WireMessage, index: number, messages: readonly WireMessage[]): Message {
  const param = `messages[${index}]`;
  switch (message.role) {
    case "system":
    case "developer":
      return toMessage("system", decodeContent(message.content, message.role, param), message.name);
    case "user":
      return toMessage("user", decodeContent(message.content, message.role, param), message.name);
    case "assistant":
      return decodeAssistant(message, index);
    case "tool":
      return {
        ...toMessage(
          "tool",
          decodeContent(message.content, message.role, param),
          calledName(message.tool_call_id, messages, index),
        ),
        toolCallId: message.tool_call_id,
      };
    case "function": {
      const result = toMessage("tool", decodeContent(message.content ?? "", message.role, param), message.name);
      const before = messages[index - 1];
      const answersCall = before?.role === "assistant" && before.function_call?.name === message.name;
      return answersCall ? { ...result, toolCallId: functionCallId(index - 1) } : result;
    }
  }
}

/** Some templates show the name of the function whose result this is. */
function calledName(id: string, messages: readonly WireMessage[], before: number): string | undefined {
  const caller = messages.slice(0, before).findLast(({ role }) => role === "assistant");
  const calls = caller?.role === "assistant" ? (caller.tool_calls ?? []) : [];
  return calls.find((call) => call.id === id)?.function.name;
}

/** The calls of 2023 have no ids, and their results follow at once. */
function functionCallId(index: number): string {
  return `call_function_${index}`;
}

function toMessage(role: Message["role"], content: string, name: string | null | undefined): Message {
  // A lone surrogate has no UTF-8 form; the tokenizer would see something else than what is counted here.
  const message: Message = { role, content: content.toWellFormed() };
  return isSet(name) ? { ...message, name: name.toWellFormed() } : message;
}

function decodeAssistant(message: WireAssistant, index: number): Message {
  const param = `messages[${index}]`;
  if (isSet(message.audio)) {
    throw new InvalidRequestError(
      `Unsupported parameter: '${param}.audio' is not supported here: a conversation can hold text only. Leave it out.`,
      `${param}.audio`,
      "unsupported_parameter",
    );
  }
  const toolCalls = decodeCalls(message, index);
  const content = decodeAssistantContent(message, toolCalls.length > 0, param);
  return {
    ...toMessage("assistant", content, message.name),
    ...(toolCalls.length > 0 ? { toolCalls } : {}),
    ...(isSet(message.reasoning_content) && message.reasoning_content !== ""
      ? { reasoning: message.reasoning_content.toWellFormed() }
      : {}),
  };
}

function decodeCalls({ tool_calls, function_call }: WireAssistant, index: number): ToolCall[] {
  const at = ["messages", index];
  const calls = (tool_calls ?? []).map(({ id, function: { name, arguments: json } }, place) =>
    decodeCall(id, name, json, [...at, "tool_calls", place, "function", "arguments"]),
  );
  if (!isSet(function_call)) return calls;
  const { name, arguments: json } = function_call;
  return [...calls, decodeCall(functionCallId(index), name, json, [...at, "function_call", "arguments"])];
}

function decodeCall(id: string, name: string, json: string, path: JsonPath): ToolCall {
  refuseExcess(json, path);
  // Clients send "" for a function without parameters.
  return { id: id.toWellFormed(), name, arguments: json.trim() === "" ? "{}" : json.toWellFormed() };
}

/** An assistant's earlier turn: its text, or else its refusal; neither where it made calls only. */
function decodeAssistantContent(message: WireAssistant, hasCalls: boolean, param: string): string {
  if (isSet(message.content)) {
    return decodeContent(message.content, message.role, param);
  }
  if (typeof message.refusal === "string") {
    return message.refusal;
  }
  if (hasCalls) {
    return "";
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
