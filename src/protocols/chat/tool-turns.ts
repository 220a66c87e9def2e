import { InvalidRequestError } from "../errors.ts";
import type { WireMessage } from "./messages.ts";

/**
 * Refuses a result without its call and a call without its result, with OpenAI's messages. A model that sees only one of them invents
 * the other. Results at the beginning are taken: clients that keep the newest messages only, as llama.vscode's agent does, cut off their calls.
 */
export function refuseLostCalls(messages: readonly WireMessage[]): void {
  let open: { readonly ids: readonly string[]; readonly missing: Set<string> } | undefined;
  const begin = messages.findIndex(({ role }) => role !== "system" && role !== "developer" && role !== "tool");
  for (const [index, message] of messages.entries()) {
    if (message.role === "tool") {
      if (begin === -1 || index < begin) continue;
      if (open === undefined) {
        throw new InvalidRequestError(
          "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
          `messages[${index}].role`,
          null,
        );
      }
      if (!open.ids.includes(message.tool_call_id)) {
        throw new InvalidRequestError(
          `Invalid parameter: 'tool_call_id' of '${message.tool_call_id}' not found in 'tool_calls' of previous message.`,
          `messages[${index}].tool_call_id`,
          null,
        );
      }
      open.missing.delete(message.tool_call_id);
      continue;
    }
    refuseMissing(open?.missing, index);
    const calls = message.role === "assistant" ? (message.tool_calls ?? []) : [];
    const ids = calls.map(({ id }) => id);
    open = ids.length === 0 ? undefined : { ids, missing: new Set(ids) };
  }
  refuseMissing(open?.missing, messages.length);
}

/** @param index the index of the message where a result was expected */
function refuseMissing(missing: ReadonlySet<string> | undefined, index: number): void {
  if (missing === undefined || missing.size === 0) return;
  throw new InvalidRequestError(
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. " +
      `The following tool_call_ids did not have response messages: ${[...missing].join(", ")}`,
    `messages[${index}].role`,
    null,
  );
}
