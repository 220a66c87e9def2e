import type { Message } from "../../generation/request.ts";
import { destination } from "../destination.ts";
import { InvalidRequestError } from "../errors.ts";
import { joinParts, joinSaid, readImage, type Said } from "../images.ts";
import { refuseUnreadable } from "../unreadable.ts";
import type { WireBlock, WireMessage, WireSystem, WireToolResult } from "./blocks.ts";
import { serverCall, serverResult, textOf, wordsOf } from "./other-blocks.ts";

/**
 * A billing line that Claude Code puts before its system prompt. Its hash changes with every request, so prompts with it would share no
 * prefix and would be evaluated again as a whole
 * (https://github.com/sgl-project/sglang/pull/21064).
 */
const BILLING_LINE = /^x-anthropic-billing-header:[^\n]*\n?/;

/** A conversation in the engine's form. */
export type Conversation = {
  readonly messages: readonly Message[];
  /** Whether the last message is an assistant message to continue. */
  readonly continueFinal: boolean;
};

type Role = WireMessage["role"];

/** The position of a message or a block in the request. */
type Place = {
  readonly param: string;
  /** Whether it is in the newest user message. */
  readonly isNewest: boolean;
  /** The names of the earlier calls, by id. */
  readonly toolNames: Map<string, string>;
};

/**
 * Decodes a conversation. The system prompt becomes the first message, each `tool_result` a `tool` message, and thinking the reasoning of
 * its assistant message. As in Anthropic's API, adjacent messages with the same role are merged; a line break joins their texts. A note
 * replaces each block that a text model can't read, and results of server tools become results of calls. Throws `InvalidRequestError`
 * for an unreadable block in the newest user message, and for blocks in a message with the wrong role.
 */
export function decodeConversation(
  system: WireSystem | null | undefined,
  messages: readonly WireMessage[],
): Conversation {
  const toolNames = new Map<string, string>();
  const newest = messages.findLastIndex(({ role }) => role === "user");
  const parts = messages.flatMap((message, index) =>
    decodeMessage(message, { param: `messages[${index}]`, isNewest: index === newest, toolNames }),
  );
  const joined = joinNeighbours([...decodeSystem(system ?? ""), ...parts]);
  const last = joined.at(-1);
  if (last?.role !== "assistant") {
    return { messages: joined, continueFinal: false };
  }
  if (last.toolCalls !== undefined) {
    throw new InvalidRequestError(
      "Invalid 'messages': the last message is an assistant message with 'tool_use' blocks, which can't be continued. " +
        "Send the 'tool_result' blocks in a user message after it.",
      "messages",
      "invalid_value",
    );
  }
  // An empty message needs no continuation.
  const isEmpty = last.content === "" && last.reasoning === undefined && joined.length > 1;
  return isEmpty ? { messages: joined.slice(0, -1), continueFinal: false } : { messages: joined, continueFinal: true };
}

function decodeSystem(system: WireSystem): Message[] {
  const texts = typeof system === "string" ? [system] : system.map(({ text }) => text);
  const content = joinTexts(texts.map((text) => text.replace(BILLING_LINE, "")));
  return content === "" ? [] : [{ role: "system", content: content.toWellFormed() }];
}

/** Returns one message per block, in order. */
function decodeMessage({ role, content }: WireMessage, place: Place): Message[] {
  if (typeof content === "string" || content.length === 0) {
    return [{ role, content: (typeof content === "string" ? content : "").toWellFormed() }];
  }
  const results = new Set(content.map((block) => (block.type === "other" ? serverResult(block)?.id : undefined)));
  return content.map((block, index) =>
    decodeBlock(block, role, results, { ...place, param: `${place.param}.content[${index}]` }),
  );
}

/** @param results the ids of server tool calls with results in the same message */
function decodeBlock(
  block: WireBlock,
  role: Role,
  results: ReadonlySet<string | undefined>,
  { param, isNewest, toolNames }: Place,
): Message {
  switch (block.type) {
    case "text":
      // A lone surrogate has no UTF-8 form: the tokenizer would see a different text.
      return { role, content: block.text.toWellFormed() };
    case "thinking":
      assertRole("assistant", block.type, param, role);
      return { role, content: "", ...(block.thinking !== "" && { reasoning: block.thinking.toWellFormed() }) };
    case "redacted_thinking":
      // Only the server that encrypted it can read it.
      assertRole("assistant", block.type, param, role);
      return { role, content: "" };
    case "tool_use": {
      assertRole("assistant", block.type, param, role);
      const { id, name, input } = block;
      toolNames.set(id, name);
      return { role, content: "", toolCalls: [{ id, name, arguments: JSON.stringify(input) }] };
    }
    case "tool_result":
      assertRole("user", block.type, param, role);
      return toolMessage(block.tool_use_id, decodeToolResult(block), toolNames);
    case "other":
      return decodeOther(block, role, results, { param, isNewest, toolNames });
  }
}

function decodeOther(
  block: Extract<WireBlock, { type: "other" }>,
  role: Role,
  results: ReadonlySet<string | undefined>,
  { param, isNewest, toolNames }: Place,
): Message {
  const call = role === "assistant" ? serverCall(block) : undefined;
  if (call !== undefined && results.has(call.id)) {
    toolNames.set(call.id, call.name);
    return { role, content: "", toolCalls: [call] };
  }
  const result = serverResult(block);
  if (result !== undefined && toolNames.has(result.id)) {
    return toolMessage(result.id, { content: result.text.toWellFormed() }, toolNames);
  }
  const text = result?.text ?? textOf(block);
  const said = text === undefined ? sayOther(block) : { text };
  if (text === undefined && said.image === undefined && isNewest) throw refuseUnreadable(block.kind, param);
  return { role, ...joinSaid([{ ...said, text: said.text.toWellFormed() }]) };
}

/** The words for a block that is no text, and its image if the model reads images. */
function sayOther(block: Extract<WireBlock, { type: "other" }>): Said {
  const image = destination().readsImages ? readImage(block.kind, block.fields) : undefined;
  return { text: wordsOf(block), image };
}

function toolMessage(
  id: string,
  content: Pick<Message, "content" | "parts">,
  toolNames: ReadonlyMap<string, string>,
): Message {
  const name = toolNames.get(id);
  return { role: "tool", ...content, toolCallId: id, ...(name !== undefined && { name }) };
}

/** Templates have no field for a failed call, so the text says it. */
function decodeToolResult({ content, is_error }: WireToolResult): Pick<Message, "content" | "parts"> {
  const said: readonly Said[] =
    typeof content === "string"
      ? [{ text: content }]
      : (content ?? []).map((block) => (block.type === "text" ? { text: block.text } : sayOther(block)));
  const { content: text, ...parts } = joinSaid(said.filter((one) => one.text !== ""));
  return { content: `${is_error === true ? "Error: " : ""}${text}`.toWellFormed(), ...parts };
}

function assertRole(expected: Role, type: string, param: string, role: Role): void {
  if (role !== expected) {
    throw new InvalidRequestError(
      `Invalid value: '${param}' is a '${type}' block in a message with the role '${role}'. ` +
        `Such blocks can only be in messages with the role '${expected}'.`,
      `${param}.type`,
      "invalid_value",
    );
  }
}

function joinNeighbours(parts: readonly Message[]): Message[] {
  const turns: [Message, ...Message[]][] = [];
  for (const part of parts) {
    const turn = turns.at(-1);
    if (turn?.[0].role === part.role && part.role !== "tool") {
      turn.push(part);
    } else {
      turns.push([part]);
    }
  }
  return turns.map((turn) => (turn.length === 1 ? turn[0] : joinTurn(turn)));
}

function joinTurn(parts: readonly [Message, ...Message[]]): Message {
  const reasoning = joinTexts(parts.map((part) => part.reasoning ?? ""));
  const toolCalls = parts.flatMap((part) => part.toolCalls ?? []);
  const joined = joinParts(parts);
  return {
    role: parts[0].role,
    content: joinTexts(parts.map(({ content }) => content)),
    ...(joined !== undefined && { parts: joined }),
    ...(reasoning !== "" && { reasoning }),
    ...(toolCalls.length > 0 && { toolCalls }),
  };
}

function joinTexts(texts: readonly string[]): string {
  return texts.filter((text) => text !== "").join("\n");
}
