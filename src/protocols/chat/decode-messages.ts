import type { Message, ToolCall } from "../../generation/request.ts";
import type { JsonPath } from "../../json/scan.ts";
import { destination } from "../destination.ts";
import { InvalidRequestError } from "../errors.ts";
import { isSet } from "../fields.ts";
import { joinSaid, readImage, type Said } from "../images.ts";
import { refuseExcess } from "../json-excess.ts";
import { inputToArguments } from "../tools/custom.ts";
import { noteOmitted, refuseUnreadable } from "../unreadable.ts";
import type { WireMessage, WirePart } from "./messages.ts";
import { refuseLostCalls } from "./tool-turns.ts";

/** Part types that hold reasoning on other servers. */
const THOUGHTS: readonly string[] = ["thinking", "redacted_thinking", "reasoning"];

type Content = Pick<Message, "content" | "parts">;
type WireAssistant = Extract<WireMessage, { role: "assistant" }>;

/**
 * Converts messages to the engine's: `developer` becomes `system`, `function` becomes `tool`, and a line break joins the text parts of a
 * message, as in llama.cpp and vLLM. A note replaces each part that a text model can't read. Throws `InvalidRequestError` for such a
 * part in the newest user message, and for calls and results that don't match.
 */
export function decodeMessages(messages: readonly WireMessage[]): Message[] {
  refuseLostCalls(messages);
  const newest = messages.findLastIndex(({ role }) => role === "user");
  return messages.map((message, index) => decodeMessage(message, index, messages, index === newest));
}

function decodeMessage(
  message: WireMessage,
  index: number,
  messages: readonly WireMessage[],
  isNewest: boolean,
): Message {
  const param = `messages[${index}]`;
  switch (message.role) {
    case "system":
    case "developer":
      return toMessage("system", decodeContent(message.content, message.role, param), message.name);
    case "user":
      return toMessage("user", decodeContent(message.content, message.role, param, isNewest), message.name);
    case "assistant":
      return decodeAssistant(message, index);
    case "tool":
      return {
        ...toMessage(
          "tool",
          decodeContent(message.content ?? "", message.role, param),
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

/** The name of the called function, which some templates show with its result. */
function calledName(id: string, messages: readonly WireMessage[], before: number): string | undefined {
  const caller = messages.slice(0, before).findLast(({ role }) => role === "assistant");
  const calls = caller?.role === "assistant" ? (caller.tool_calls ?? []) : [];
  const call = calls.find((one) => one.id === id);
  return call?.type === "custom" ? call.custom.name : call?.function.name;
}

/** The id for a call in the form of 2023, which has none. Its result must directly follow. */
function functionCallId(index: number): string {
  return `call_function_${index}`;
}

function toMessage(role: Message["role"], content: Content, name: string | null | undefined): Message {
  // A lone surrogate has no UTF-8 form: the tokenizer would see a different text.
  const message: Message = { role, ...content, content: content.content.toWellFormed() };
  return isSet(name) ? { ...message, name: name.toWellFormed() } : message;
}

function decodeAssistant(message: WireAssistant, index: number): Message {
  const param = `messages[${index}]`;
  const toolCalls = decodeCalls(message, index);
  const content = decodeAssistantContent(message, param);
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
  const calls = (tool_calls ?? []).map((call, place) =>
    call.type === "custom"
      ? {
          id: call.id.toWellFormed(),
          name: call.custom.name,
          arguments: inputToArguments(call.custom.input.toWellFormed()),
        }
      : decodeCall(call.id, call.function, [...at, "tool_calls", place, "function", "arguments"]),
  );
  if (!isSet(function_call)) return calls;
  return [...calls, decodeCall(functionCallId(index), function_call, [...at, "function_call", "arguments"])];
}

function decodeCall(
  id: string,
  { name, arguments: json }: { readonly name: string; readonly arguments: string },
  path: JsonPath,
): ToolCall {
  refuseExcess(json, path);
  // Clients send "" for a function without parameters.
  return { id: id.toWellFormed(), name, arguments: json.trim() === "" ? "{}" : json.toWellFormed() };
}

/** The text of an assistant message, or else its refusal. Empty if it has only calls. */
function decodeAssistantContent({ role, content, refusal, audio }: WireAssistant, param: string): Content {
  if (isSet(content)) return decodeContent(content, role, param);
  return { content: refusal ?? (isSet(audio) ? noteOmitted("audio") : "") };
}

function decodeContent(
  content: string | readonly WirePart[],
  role: WireMessage["role"],
  param: string,
  isNewest = false,
): Content {
  if (typeof content === "string") {
    return { content };
  }
  return joinSaid(
    content
      .map((part, index) => decodePart(part, role, `${param}.content[${index}]`, isNewest))
      .filter((said) => said !== undefined),
  );
}

/** Undefined for reasoning, which is left out. */
function decodePart(part: WirePart, role: WireMessage["role"], param: string, isNewest: boolean): Said | undefined {
  switch (part.type) {
    case "refusal":
      if (role === "assistant") {
        return { text: part.refusal };
      }
      throw new InvalidRequestError(
        `Invalid value: 'refusal'. Only an assistant message can hold a refusal, and '${param}' is in a message with the role '${role}'.`,
        `${param}.type`,
        "invalid_value",
      );
    case "other": {
      if (role === "assistant" && THOUGHTS.includes(part.kind)) return undefined;
      const image = destination().readsImages ? readImage(part.kind, part.fields) : undefined;
      if (isNewest && image === undefined) throw refuseUnreadable(part.kind, param);
      return { text: noteOmitted(part.kind, part.fields.file?.filename), image };
    }
    default:
      return { text: part.text };
  }
}
