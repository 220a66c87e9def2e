import type { Message } from "../../generation/request.ts";

/** Between texts that were messages of their own. */
const SEPARATOR = "\n\n";

/**
 * A conversation in forms that fewer and fewer templates refuse, for one that has raised. Many demand that user and assistant alternate,
 * that a system message comes first, or that there is none. What was said stays, in its order; only where one message ends and whose it
 * is changes.
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

/** A system message after the first is the user's: at its place it says what it says about what stands around it. */
function lateSystemAsUser(message: Message, index: number): Message {
  return message.role === "system" && index > 0 ? { ...message, role: "user" } : message;
}

function beginWithUser(messages: readonly Message[]): readonly Message[] {
  const first = messages.findIndex(({ role }) => role !== "system");
  return messages[first]?.role === "assistant" ? messages.toSpliced(first, 0, { role: "user", content: "" }) : messages;
}

/** The system's text at the beginning of what the user says first. */
function withoutSystem(messages: readonly Message[]): readonly Message[] {
  const [first, ...rest] = messages;
  return first?.role === "system" ? [{ ...first, role: "user" }, ...rest] : messages;
}

function mergeNeighbours(messages: readonly Message[]): readonly Message[] {
  const merged: Message[] = [];
  for (const message of messages) {
    const last = merged.at(-1);
    const isOne = last?.role === message.role && message.role !== "tool" && last.toolCalls === undefined;
    if (last !== undefined && isOne) merged[merged.length - 1] = { ...last, ...joinTurn(last, message) };
    else merged.push(message);
  }
  return merged;
}

/** What the user says right after results is part of the last one: to many templates a result is not a turn of the user's. */
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

function joinTurn(first: Message, second: Message): Partial<Message> {
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
