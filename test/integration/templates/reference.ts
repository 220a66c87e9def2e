import type { Body, WireMessage, WireTool } from "./conversations.ts";
import type { CallsInWords, Family } from "./sources.ts";

/** What a user of transformers gives to `apply_chat_template` for the same conversation. */
export type ReferenceVariables = {
  readonly messages: readonly object[];
  readonly tools: readonly object[] | null;
  readonly add_generation_prompt: boolean;
  readonly continue_final_message: boolean;
  readonly [name: string]: unknown;
};

/**
 * The variables as transformers' documentation has them: a call's arguments as an object (`render.py` reads
 * them from their text, with Python's own numbers), results in the order of the calls, and the
 * family's own form where its template has limits. Written without Sluice's code, so that the two can be compared.
 */
export function referenceVariables({ messages, tools, ...rest }: Body, family: Family): ReferenceVariables {
  const { adaptation, wordsOrReasoning } = family;
  const ordered = inCallOrder(messages).map((message) => (wordsOrReasoning ? inThought(message) : message));
  const own =
    adaptation === undefined
      ? ordered
      : adaptation === "oneCallAMessage"
        ? oneByOne(ordered)
        : inWords(ordered, tools, adaptation);
  const isContinued = rest.continue_final_message === true;
  return {
    messages: own.map(withContent),
    tools: tools === undefined || typeof adaptation === "object" ? null : tools,
    add_generation_prompt: !isContinued,
    continue_final_message: isContinued,
    // Nobody thinks with effort who does not think, and the other way round.
    ...(rest.reasoning_effort !== undefined && { enable_thinking: rest.reasoning_effort !== "none" }),
    ...(rest.reasoning_effort !== undefined &&
      rest.reasoning_effort !== "none" && { reasoning_effort: rest.reasoning_effort }),
  };
}

function withContent({ content, ...message }: WireMessage): object {
  // OpenAI's null is vLLM's empty text: many templates search the content of every message.
  return { ...message, content: content ?? "" };
}

function inCallOrder(messages: readonly WireMessage[]): readonly WireMessage[] {
  const ids = messages.flatMap(({ tool_calls = [] }) => tool_calls.map(({ id }) => id));
  const results = messages.filter(({ role }) => role === "tool");
  const ordered = results.toSorted((a, b) => ids.indexOf(a.tool_call_id ?? "") - ids.indexOf(b.tool_call_id ?? ""));
  return messages.map((message) => (message.role === "tool" ? (ordered.shift() ?? message) : message));
}

function inThought(message: WireMessage): WireMessage {
  const { tool_calls, content, reasoning_content: reasoning } = message;
  return tool_calls && content && reasoning
    ? { ...message, content: null, reasoning_content: `${reasoning}\n\n${content}` }
    : message;
}

function oneByOne(messages: readonly WireMessage[]): readonly WireMessage[] {
  return messages.flatMap((message) => {
    if (message.role === "tool") return [];
    const { tool_calls: calls, role } = message;
    if (calls === undefined) return [message];
    return calls.flatMap((call, index): readonly WireMessage[] => [
      index === 0 ? { ...message, tool_calls: [call] } : { role, content: null, tool_calls: [call] },
      ...messages.filter(({ tool_call_id: id }) => id === call.id),
    ]);
  });
}

function inWords(
  messages: readonly WireMessage[],
  tools: readonly WireTool[] | undefined,
  { write, example }: CallsInWords,
): readonly WireMessage[] {
  const told = messages.map(({ tool_calls: calls = [], content, role, tool_call_id: _, ...rest }): WireMessage => {
    if (role === "tool") return { role: "user", content: `<tool_response>\n${content}\n</tool_response>` };
    const written = calls.map(({ function: { name, arguments: json } }) => write(name, json));
    return { role, content: [content ?? "", ...written].filter((line) => line !== "").join("\n"), ...rest };
  });
  // Results that follow each other are one message of the user's.
  const joined = told.filter((message, index) => {
    const before = told[index - 1];
    if (messages[index]?.role !== "tool" || messages[index - 1]?.role !== "tool" || before === undefined) return true;
    Object.assign(before, { content: `${before.content}\n${message.content}` });
    return false;
  });
  if (tools === undefined) return joined;
  const text = [
    "# Tools",
    "You can call functions to help with the user's request. Their signatures are within <tools></tools>:",
    ["<tools>", ...tools.map((tool) => JSON.stringify(tool)), "</tools>"].join("\n"),
    `To call a function, answer with a JSON object that has its name and its arguments, in exactly this form:\n${example}`,
    "The result then comes within <tool_response></tool_response>. When no function helps, answer in plain words. " +
      "Don't make up values for arguments.",
  ].join("\n\n");
  const [first, ...others] = joined;
  if (first === undefined) return [];
  const content = first.role === "system" ? `${first.content}\n\n${text}` : `${text}\n\n${first.content}`;
  return [{ ...first, content }, ...others];
}
