import type { Message, ToolCall } from "../../generation/request.ts";
import { InvalidRequestError } from "../errors.ts";
import { joinSaid, type Said } from "../images.ts";
import { inputToArguments } from "../tools/custom.ts";
import { joinNamespace } from "../tools/names.ts";
import { noteOmitted } from "../unreadable.ts";
import type { CallOutput, InputPart, OutputMessage, ReadableItem } from "./items.ts";
import { noteOf, type Told, tellOther } from "./other-items.ts";

type Content = Pick<Message, "content" | "parts">;
type Turn = { content: string; toolCalls: ToolCall[]; reasoning: string };

/**
 * Converts a conversation to the engine's messages: the instructions come first as the system message, and the reasoning, text and
 * calls of one turn become one message. Throws `InvalidRequestError` for a call without a result or a result without a call.
 */
export function toMessages(instructions: string | undefined, items: readonly ReadableItem[]): Message[] {
  checkCalls(items);
  const told = new Map(items.filter((item) => item.type === "other").map((item) => [item, tellOther(item)]));
  const calls = new Set([...told.values()].flatMap((one) => (one.type === "call" ? [one.id] : [])));
  const results = new Set([...told.values()].flatMap((one) => (one.type === "output" ? [one.id] : [])));
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
  /** Returns the current turn, or a new one if there is none or `isOver` holds for it. */
  function currentTurn(isOver: (turn: Turn) => boolean): Turn {
    if (turn !== undefined && isOver(turn)) {
      endTurn();
    }
    turn ??= { content: "", toolCalls: [], reasoning: "" };
    return turn;
  }

  function call(id: string, name: string, json: string): void {
    currentTurn(() => false).toolCalls.push({ id, name, arguments: json });
  }

  function result(id: string, content: Content): void {
    endTurn();
    messages.push({ role: "tool", ...content, toolCallId: id });
  }

  function note(text: string): void {
    const current = currentTurn(({ toolCalls }) => toolCalls.length > 0);
    current.content = current.content === "" ? text : `${current.content}\n${text}`;
  }

  /** Never refuses items of other types: calls with a result become calls, anything else becomes a note. */
  function tell(one: Told): void {
    switch (one.type) {
      case "call":
        if (one.output === undefined && !results.has(one.id)) {
          note(noteOf(one.name, one.arguments));
          return;
        }
        call(one.id, one.name, one.arguments);
        if (one.output !== undefined) result(one.id, { content: one.output });
        return;
      case "output":
        if (calls.has(one.id)) result(one.id, { content: one.text });
        else note(noteOf("result", one.text));
        return;
      case "note":
        note(one.text);
        return;
      case "nothing":
        return;
    }
  }

  for (const item of items) {
    switch (item.type) {
      case "reasoning": {
        const text = item.content.map((part) => part.text).join("\n");
        if (text === "") break;
        currentTurn(({ content, toolCalls }) => content !== "" || toolCalls.length > 0).reasoning += text;
        break;
      }
      case "function_call":
        call(item.call_id, joinNamespace(item.namespace, item.name), item.arguments);
        break;
      case "custom_tool_call":
        call(item.call_id, joinNamespace(item.namespace, item.name), inputToArguments(item.input.toWellFormed()));
        break;
      case "function_call_output":
      case "custom_tool_call_output":
        result(item.call_id, joinInput(item.output));
        break;
      case "message":
        if (item.role === "assistant") {
          currentTurn(({ content, toolCalls }) => content !== "" || toolCalls.length > 0).content = spokenText(item);
        } else {
          endTurn();
          messages.push({ role: item.role === "user" ? "user" : "system", ...joinInput(item.content) });
        }
        break;
      case "other":
        tell(told.get(item) ?? { type: "nothing" });
    }
  }
  endTurn();
  return messages;
}

/** The text of an assistant message, or its refusal. */
export function spokenText({ content }: OutputMessage): string {
  return content.map((part) => (part.type === "refusal" ? part.refusal : part.text)).join("\n");
}

/** The content that parts come to. */
export function joinInput(content: string | readonly InputPart[]): Content {
  if (typeof content === "string") return { content: content.toWellFormed() };
  const { content: text, ...parts } = joinSaid(content.map(toSaid));
  return { content: text.toWellFormed(), ...parts };
}

function toSaid(part: InputPart): Said {
  if (part.type === "input_text") return { text: part.text };
  const image = { url: part.image_url, ...(part.detail !== "auto" && { detail: part.detail }) };
  return { text: noteOmitted(part.type), image };
}

/** Templates match calls and results by their order, so a stray one would shift all that follow. */
function checkCalls(items: readonly ReadableItem[]): void {
  const calls = callIdsOf(items);
  const results = new Set(items.flatMap((item) => (isResult(item) ? [item.call_id] : [])));
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

function callIdsOf(items: readonly ReadableItem[]): ReadonlySet<string> {
  return new Set(
    items.flatMap((item) => (item.type === "function_call" || item.type === "custom_tool_call" ? [item.call_id] : [])),
  );
}

function isResult(item: ReadableItem): item is CallOutput {
  return item.type === "function_call_output" || item.type === "custom_tool_call_output";
}

/**
 * Drops the oldest items, at least `share` of the text, and the results of dropped calls. Keeps the newest item. Undefined if nothing
 * more can be dropped.
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
  const calls = callIdsOf(rest);
  const kept = rest.filter((item) => !isResult(item) || calls.has(item.call_id));
  return kept.length === 0 ? undefined : kept;
}
