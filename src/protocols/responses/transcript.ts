import type { ReadableItem, Reasoning } from "./items.ts";
import { type Told, tellOther } from "./other-items.ts";
import { joinInput, spokenText } from "./to-messages.ts";

const SPEAKERS = { user: "User", system: "System", developer: "System" } as const;

/**
 * Writes a conversation as text: the messages, the calls and their results. Leaves out the reasoning.
 */
export function toTranscript(items: readonly ReadableItem[]): string {
  const names = new Map(
    items.flatMap((item) =>
      item.type === "function_call" || item.type === "custom_tool_call" ? [[item.call_id, item.name]] : [],
    ),
  );
  const tell = (item: Exclude<ReadableItem, Reasoning>): string => {
    switch (item.type) {
      case "message":
        return item.role === "assistant"
          ? `Assistant: ${spokenText(item)}`
          : `${SPEAKERS[item.role]}: ${joinInput(item.content).content}`;
      case "function_call":
        return `Assistant calls ${item.name} with ${item.arguments}`;
      case "custom_tool_call":
        return `Assistant calls ${item.name} with ${item.input}`;
      case "function_call_output":
      case "custom_tool_call_output":
        return `Result of ${names.get(item.call_id) ?? "the call"}: ${joinInput(item.output).content}`;
      case "other":
        return transcribe(tellOther(item));
    }
  };
  return items
    .filter((item) => item.type !== "reasoning")
    .map(tell)
    .filter((line) => line !== "")
    .join("\n\n")
    .toWellFormed();
}

function transcribe(told: Told): string {
  switch (told.type) {
    case "call":
      return `Assistant calls ${told.name} with ${told.arguments}${told.output === undefined ? "" : `\n\nResult: ${told.output}`}`;
    case "output":
      return `Result: ${told.text}`;
    case "note":
      return told.text;
    case "nothing":
      return "";
  }
}

/** The prompt for a summary of a part of a conversation. `soFar` is the summary of the earlier parts, or empty. */
export function askForSummary(soFar: string, transcript: string): string {
  const before =
    soFar === ""
      ? "This is a conversation:"
      : `This is what happened in a conversation so far:\n\n${soFar}\n\nAnd this is how it went on:`;
  return (
    `${before}\n\n${transcript}\n\n` +
    "Summarize this conversation, so that the assistant can go on with the summary alone. Keep what the user wants, what was found, " +
    "done and decided, the names, numbers and paths that are still needed, and what is left to do. Write the summary and nothing else."
  );
}
