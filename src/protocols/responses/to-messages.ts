import type { Message, ToolCall } from "../../generation/request.ts";
import { InvalidRequestError } from "../errors.ts";
import type { InputText, ReadableItem } from "./items.ts";

type Turn = { content: string; toolCalls: ToolCall[]; reasoning: string };

/**
 * The conversation as the engine takes it: the instructions first, as the system's, and what the model thought, said and called in one
 * turn as one message. Throws `InvalidRequestError` where a call has no result, or a result no call.
 */
export function toMessages(instructions: string | undefined, items: readonly ReadableItem[]): Message[] {
  checkCalls(items);
  const messages: Message[] =
    instructions === undefined ? [] : [{ role: "system", content: instructions.toWellFormed() }];
  let turn: Turn | undefined;

  function endTurn(): void {
    if (turn !== undefined) {
      const { content, toolCalls, reasoning } = turn;
      messages.push({
        role: "assistant",
        content,
        ...(toolCalls.length > 0 ? { toolCalls } : {}),
        ...(reasoning === "" ? {} : { reasoning }),
      });
      turn = undefined;
    }
  }
  /** The turn that is being put together, or a new one where `isOver` says so of the last. */
  function currentTurn(isOver: (turn: Turn) => boolean): Turn {
    if (turn !== undefined && isOver(turn)) {
      endTurn();
    }
    turn ??= { content: "", toolCalls: [], reasoning: "" };
    return turn;
  }

  for (const item of items) {
    switch (item.type) {
      case "reasoning":
        currentTurn(({ content, toolCalls }) => content !== "" || toolCalls.length > 0).reasoning += item.content
          .map(({ text }) => text)
          .join("\n");
        break;
      case "function_call":
        currentTurn(() => false).toolCalls.push({ id: item.call_id, name: item.name, arguments: item.arguments });
        break;
      case "function_call_output":
        endTurn();
        messages.push({ role: "tool", content: joinTexts(item.output), toolCallId: item.call_id });
        break;
      case "message":
        if (item.role === "assistant") {
          currentTurn(({ content, toolCalls }) => content !== "" || toolCalls.length > 0).content = item.content
            .map((part) => (part.type === "refusal" ? part.refusal : part.text))
            .join("\n");
        } else {
          endTurn();
          messages.push({ role: item.role === "user" ? "user" : "system", content: joinTexts(item.content) });
        }
    }
  }
  endTurn();
  return messages;
}

function joinTexts(content: string | readonly InputText[]): string {
  return (typeof content === "string" ? content : content.map(({ text }) => text).join("\n")).toWellFormed();
}

/** Templates pair calls and results by their order, so a stray one would shift all that follow. */
function checkCalls(items: readonly ReadableItem[]): void {
  const calls = new Set(items.flatMap((item) => (item.type === "function_call" ? [item.call_id] : [])));
  const results = new Set(items.flatMap((item) => (item.type === "function_call_output" ? [item.call_id] : [])));
  for (const id of calls) {
    if (!results.has(id)) {
      throw new InvalidRequestError(`No tool output found for function call ${id}.`, "input", null);
    }
  }
  for (const id of results) {
    if (!calls.has(id)) {
      throw new InvalidRequestError(`No tool call found for function call output with call_id ${id}.`, "input", null);
    }
  }
}

/**
 * `items` without the oldest ones, which hold at least `share` of the text, and without the results whose calls are gone. The newest item
 * stays. Undefined where nothing more can go.
 */
export function dropOldest(items: readonly ReadableItem[], share: number): readonly ReadableItem[] | undefined {
  if (items.length < 2) {
    return undefined;
  }
  const sizes = items.map((item) => JSON.stringify(item).length);
  const goal = share * sizes.reduce((sum, size) => sum + size, 0);
  let [first, dropped] = [0, 0];
  do {
    dropped += sizes[first] ?? 0;
    first += 1;
  } while (first < items.length - 1 && dropped < goal);

  const rest = items.slice(first);
  const calls = new Set(rest.flatMap((item) => (item.type === "function_call" ? [item.call_id] : [])));
  const kept = rest.filter((item) => item.type !== "function_call_output" || calls.has(item.call_id));
  return kept.length === 0 ? undefined : kept;
}
