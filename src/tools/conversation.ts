import { createHash } from "node:crypto";
import type { Message, ToolUse } from "../generation/request.ts";
import type { Dialect } from "./dialect.ts";

/**
 * Prepares messages for the model's template: sorts results by their calls, and writes as text what the template can't show, also the
 * tools.
 */
export function prepareMessages(
  messages: readonly Message[],
  tools: ToolUse | undefined,
  dialect: Dialect,
): readonly Message[] {
  const ordered = orderResults(messages);
  if (!dialect.templateHasTools) {
    const told = inWords(ordered, dialect);
    return tools === undefined || tools.choice === "none"
      ? told
      : withInstructions(told, instructions(tools, dialect), dialect);
  }
  const { oneCallAMessage, wordsOrReasoning, idLength } = dialect;
  const spoken = wordsOrReasoning ? ordered.map(joinThoughts) : ordered;
  const single = oneCallAMessage ? spoken.flatMap((message, index) => oneByOne(message, spoken, index)) : spoken;
  return idLength === undefined ? single : single.map((message) => shortenIds(message, idLength));
}

/** Sorts results by their calls: many templates match them by order alone. */
function orderResults(messages: readonly Message[]): readonly Message[] {
  const ordered: Message[] = [];
  for (let index = 0; index < messages.length; ) {
    const message = messages[index++];
    if (message === undefined) break;
    ordered.push(message);
    const places = new Map<string, number>(message.toolCalls?.map(({ id }, place) => [id, place]));
    const results = resultsAfter(messages, index);
    index += results.length;
    ordered.push(...results.toSorted((a, b) => placeOf(a, places) - placeOf(b, places)));
  }
  return ordered;
}

function placeOf({ toolCallId }: Message, places: ReadonlyMap<string, number>): number {
  return places.get(toolCallId ?? "") ?? places.size;
}

function resultsAfter(messages: readonly Message[], from: number): readonly Message[] {
  const end = messages.findIndex(({ role }, index) => index >= from && role !== "tool");
  return messages.slice(from, end < 0 ? messages.length : end);
}

/** Appends the text before a call to the reasoning, for templates that accept only one of them. */
function joinThoughts(message: Message): Message {
  const { toolCalls, reasoning, content } = message;
  if (toolCalls === undefined || reasoning === undefined || content === "") return message;
  return { ...message, reasoning: `${reasoning}\n\n${content}`, content: "" };
}

/** Splits a message with several calls into one message per call, each followed by its result. */
function oneByOne(message: Message, messages: readonly Message[], index: number): readonly Message[] {
  if (message.role === "tool") {
    // The result already follows its call.
    return callerOf(messages, index)?.toolCalls?.some(({ id }) => id === message.toolCallId) ? [] : [message];
  }
  const { toolCalls = [], reasoning: _, ...silent } = message;
  if (toolCalls.length === 0) return [message];
  const results = resultsAfter(messages, index + 1);
  return toolCalls.flatMap((call, place) => [
    place === 0 ? { ...message, toolCalls: [call] } : { ...silent, content: "", toolCalls: [call] },
    ...results.filter(({ toolCallId }) => toolCallId === call.id),
  ]);
}

function callerOf(messages: readonly Message[], index: number): Message | undefined {
  return messages.slice(0, index).findLast(({ role }) => role !== "tool");
}

/** Maps each id to one short id, so that calls and results still match. */
function shortenIds(message: Message, length: number): Message {
  const shorten = (id: string) =>
    id.length === length && /^[a-zA-Z0-9]+$/.test(id)
      ? id
      : createHash("sha256").update(id).digest("hex").slice(0, length);
  return {
    ...message,
    ...(message.toolCalls === undefined
      ? {}
      : { toolCalls: message.toolCalls.map((call) => ({ ...call, id: shorten(call.id) })) }),
    ...(message.toolCallId === undefined ? {} : { toolCallId: shorten(message.toolCallId) }),
  };
}

/** Writes calls as text of the assistant, and results as a message of the user. */
function inWords(messages: readonly Message[], { form }: Dialect): readonly Message[] {
  const told: Message[] = [];
  let results: string[] = [];
  const flush = () => {
    if (results.length > 0) told.push({ role: "user", content: results.join("\n") });
    results = [];
  };
  for (const message of messages) {
    if (message.role === "tool") {
      results.push(`<tool_response>\n${message.content}\n</tool_response>`);
      continue;
    }
    flush();
    const { toolCalls, ...rest } = message;
    const lines = [message.content, ...(toolCalls ?? []).map((call) => form.write(call))].filter((line) => line !== "");
    told.push(toolCalls === undefined ? rest : { ...rest, content: lines.join("\n") });
  }
  flush();
  return told;
}

/** The wording follows that of Hermes' published prompt, which most models have seen some form of. */
function instructions({ tools, choice, allowed, parallel }: ToolUse, { form }: Dialect): string {
  const signatures = tools.map(({ name, description, parameters }) =>
    JSON.stringify({
      type: "function",
      function: { name, ...(description === undefined ? {} : { description }), parameters: parameters ?? {} },
    }),
  );
  return [
    "# Tools",
    "You can call functions to help with the user's request. Their signatures are within <tools></tools>:",
    ["<tools>", ...signatures, "</tools>"].join("\n"),
    `To call a function, answer with a JSON object that has its name and its arguments, in exactly this form:\n${form.example}`,
    `The result then comes within <tool_response></tool_response>. ${demand(choice, allowed, parallel)}`,
  ].join("\n\n");
}

function demand(choice: ToolUse["choice"], allowed: ToolUse["allowed"], parallel: boolean): string {
  const count = parallel ? "" : " Call one function at most.";
  const which = allowed === undefined ? "" : ` Of the functions, call only: ${allowed.join(", ")}.`;
  const must =
    choice === "required"
      ? "Now you must call a function."
      : "When no function helps, answer in plain words. Don't make up values for arguments.";
  return must + which + count;
}

/** Adds `text` to the system message, or to the first user message if the template has no system messages. */
function withInstructions(messages: readonly Message[], text: string, { refusesSystem }: Dialect): readonly Message[] {
  const role = refusesSystem ? "user" : "system";
  const at = messages.findIndex((message) => message.role === role);
  const host = messages[at];
  if (host === undefined || (role === "system" && at > 0)) return [{ role, content: text }, ...messages];
  const content = role === "system" ? `${host.content}\n\n${text}` : `${text}\n\n${host.content}`;
  return messages.with(at, { ...host, content });
}
