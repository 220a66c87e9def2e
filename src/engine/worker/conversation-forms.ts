import type { Message } from "../../generation/request.ts";

/** Separates the texts of merged messages. */
const SEPARATOR = "\n\n";

/**
 * Yields simpler and simpler forms of a conversation that the template refused. Many templates demand that user and assistant alternate, that
 * a system message comes first, or that there is none. The texts and their order stay; only the borders and roles of messages change.
 */
export function* easierForms(messages: readonly Message[]): Generator<readonly Message[]> {
  const merged = mergeNeighbours(messages);
  const early = mergeNeighbours(beginWithUser(messages.map(lateSystemAsUser)));
  yield merged;
  yield early;
  yield joinResults(early);
  const plain = mergeNeighbours(withoutSystem(early));
  yield plain;
  yield joinResults(plain);
}

/** Turns a later system message into a user's, at the same position, because it refers to its context. */
function lateSystemAsUser(message: Message, index: number): Message {
  return message.role === "system" && index > 0 ? { ...message, role: "user" } : message;
}

function beginWithUser(messages: readonly Message[]): readonly Message[] {
  const first = messages.findIndex(({ role }) => role !== "system");
  return messages[first]?.role === "assistant" ? messages.toSpliced(first, 0, { role: "user", content: "" }) : messages;
}

/** Moves the system text to the beginning of the first user message. */
function withoutSystem(messages: readonly Message[]): readonly Message[] {
  const [first, ...rest] = messages;
  return first?.role === "system" ? [{ ...first, role: "user" }, ...rest] : messages;
}

function mergeNeighbours(messages: readonly Message[]): readonly Message[] {
  const merged: Message[] = [];
  for (const message of messages) {
    const last = merged.at(-1);
    const isOne = last?.role === message.role && message.role !== "tool" && last.toolCalls === undefined;
    if (last !== undefined && isOne) merged[merged.length - 1] = { ...last, ...joinMessages(last, message) };
    else merged.push(message);
  }
  return merged;
}

/** Appends a user message to the tool result before it, because many templates treat results as user messages. */
function joinResults(messages: readonly Message[]): readonly Message[] {
  const joined: Message[] = [];
  for (const message of messages) {
    const last = joined.at(-1);
    if (last?.role === "tool" && message.role === "user") {
      joined[joined.length - 1] = { ...last, content: joinTexts(last.content, message.content) };
    } else {
      joined.push(message);
    }
  }
  return joined;
}

function joinMessages(first: Message, second: Message): Partial<Message> {
  const reasoning = joinTexts(first.reasoning, second.reasoning);
  return {
    content: joinTexts(first.content, second.content),
    ...(reasoning !== "" && { reasoning }),
    ...(second.toolCalls !== undefined && { toolCalls: second.toolCalls }),
  };
}

function joinTexts(...texts: readonly (string | undefined)[]): string {
  return texts.filter((text) => text !== undefined && text !== "").join(SEPARATOR);
}
