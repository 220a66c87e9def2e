import { describe, expect, it } from "vitest";
import { dropOldest, toMessages } from "../../../src/protocols/responses/to-messages.ts";
import { itemsOf, refusalOf } from "./support.ts";

const call = (id: string) => ({ type: "function_call", call_id: id, name: "f", arguments: `{"of":"${id}"}` });
const result = (id: string, output = id) => ({ type: "function_call_output", call_id: id, output });
const thought = (text: string) => ({ type: "reasoning", summary: [], content: [{ type: "reasoning_text", text }] });

describe("a conversation for the engine", () => {
  it("begins with the instructions, and turns developer into system messages", () => {
    const items = itemsOf([
      { role: "developer", content: "d" },
      {
        role: "user",
        content: [
          { type: "input_text", text: "a" },
          { type: "input_text", text: "b" },
        ],
      },
    ]);
    expect(toMessages("i", items)).toEqual([
      { role: "system", content: "i" },
      { role: "system", content: "d" },
      { role: "user", content: "a\nb" },
    ]);
  });

  it("has the reasoning, text and calls of one turn in one message, followed by the results", () => {
    const items = itemsOf([
      { role: "user", content: "u" },
      thought("hm"),
      { role: "assistant", content: "w" },
      call("1"),
      call("2"),
      result("2"),
      result("1"),
      thought("so"),
      { role: "assistant", content: "end" },
    ]);
    expect(toMessages(undefined, items)).toEqual([
      { role: "user", content: "u" },
      {
        role: "assistant",
        content: "w",
        reasoning: "hm",
        toolCalls: [
          { id: "1", name: "f", arguments: '{"of":"1"}' },
          { id: "2", name: "f", arguments: '{"of":"2"}' },
        ],
      },
      { role: "tool", content: "2", toolCallId: "2" },
      { role: "tool", content: "1", toolCallId: "1" },
      { role: "assistant", content: "end", reasoning: "so" },
    ]);
  });

  it("keeps two consecutive answers separate", () => {
    const items = itemsOf([
      { role: "assistant", content: "a" },
      { role: "assistant", content: "b" },
    ]);
    expect(toMessages(undefined, items)).toEqual([
      { role: "assistant", content: "a" },
      { role: "assistant", content: "b" },
    ]);
  });

  it("turns custom tools into functions with one argument, and joins namespaces to the names", () => {
    const items = itemsOf([
      { type: "custom_tool_call", call_id: "1", name: "apply_patch", input: 'say "hi"\n' },
      { type: "custom_tool_call_output", call_id: "1", output: "Done" },
      { type: "function_call", call_id: "2", name: "spawn", namespace: "agents", arguments: "{}" },
      { type: "function_call_output", call_id: "2", output: "ok" },
    ]);
    expect(toMessages(undefined, items)).toMatchObject([
      { toolCalls: [{ id: "1", name: "apply_patch", arguments: '{"input":"say \\"hi\\"\\n"}' }] },
      { role: "tool", content: "Done" },
      { toolCalls: [{ id: "2", name: "agents__spawn", arguments: "{}" }] },
      { role: "tool", content: "ok" },
    ]);
  });

  it("turns calls of other servers' tools into calls, and unpaired ones into text", () => {
    const shell = { type: "local_shell_call", id: "ls", call_id: "1", action: { type: "exec", command: ["ls"] } };
    const items = itemsOf([
      { role: "user", content: "u" },
      shell,
      { type: "local_shell_call_output", id: "1", output: "a.txt" },
      { type: "mcp_call", id: "m", server_label: "s", name: "find", arguments: '{"q":1}', output: "42" },
      { type: "web_search_call", id: "w", status: "completed", action: { type: "search", query: "mills" } },
      { type: "image_generation_call", id: "g", status: "completed", result: "iVBORw0KGgo=" },
      { type: "mcp_list_tools", id: "l", server_label: "s", tools: [] },
      { type: "shell_call_output", call_id: "9", output: [{ stdout: "x" }] },
      { role: "assistant", content: "end" },
    ]);
    expect(toMessages(undefined, items)).toEqual([
      { role: "user", content: "u" },
      {
        role: "assistant",
        content: "",
        toolCalls: [{ id: "1", name: "local_shell", arguments: JSON.stringify(shell.action) }],
      },
      { role: "tool", content: "a.txt", toolCallId: "1" },
      { role: "assistant", content: "", toolCalls: [{ id: "m", name: "find", arguments: '{"q":1}' }] },
      { role: "tool", content: "42", toolCallId: "m" },
      {
        role: "assistant",
        content: '[web_search: {"type":"search","query":"mills"}]',
        toolCalls: [{ id: "g", name: "image_generation", arguments: "{}" }],
      },
      { role: "tool", content: "[image omitted: the model reads text only]", toolCallId: "g" },
      { role: "assistant", content: '[result: {"stdout":"x"}]' },
      { role: "assistant", content: "end" },
    ]);
  });

  it("begins no turn for unreadable reasoning", () => {
    const items = itemsOf([
      { role: "user", content: "u" },
      { type: "reasoning", summary: [], encrypted_content: "x" },
    ]);
    expect(toMessages(undefined, items)).toEqual([{ role: "user", content: "u" }]);
  });

  it("needs a result for each call and a call for each result", () => {
    expect(refusalOf(() => toMessages(undefined, itemsOf([call("1")]))).message).toBe(
      "No tool output found for function call 1.",
    );
    expect(refusalOf(() => toMessages(undefined, itemsOf([result("1")]))).message).toBe(
      "No tool call found for function call output with call_id 1.",
    );
  });
});

describe("dropping the oldest items", () => {
  const text = (content: string) => ({ role: "user", content });

  it("drops the requested share, and at least one item", () => {
    const items = itemsOf([text("a"), text("b"), text("c"), text("d")]);
    expect(dropOldest(items, 0)).toEqual(items.slice(1));
    expect(dropOldest(items, 0.5)).toEqual(items.slice(2));
  });

  it("keeps the newest item, and gives up if it is the only one", () => {
    const items = itemsOf([text("a"), text("b")]);
    expect(dropOldest(items, 1)).toEqual(items.slice(1));
    expect(dropOldest(items.slice(1), 0)).toBeUndefined();
  });

  it("drops results with their calls", () => {
    const items = itemsOf([call("1"), text("b"), result("1"), text("c")]);
    expect(dropOldest(items, 0)).toEqual([items[1], items[3]]);
  });
});
