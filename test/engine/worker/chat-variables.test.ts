import { describe, expect, test } from "vitest";
import { chatVariables } from "../../../src/engine/worker/chat-variables.ts";
import type { Message } from "../../../src/generation/request.ts";

const user: Message = { role: "user", content: "hi" };
const call = { id: "call_1", name: "add", arguments: '{"a":1}' };

describe("a chat template's variables", () => {
  test("have Hugging Face's names and forms, and nothing that the request lacks", () => {
    const assistant: Message = { role: "assistant", content: "", reasoning: "hm", toolCalls: [call] };
    const tool: Message = { role: "tool", content: "2", toolCallId: "call_1", name: "add" };
    expect(chatVariables({ type: "chat", messages: [user, assistant, tool] }, [])).toEqual({
      messages: [
        { role: "user", content: "hi" },
        {
          role: "assistant",
          content: "",
          reasoning_content: "hm",
          thinking: "hm",
          tool_calls: [{ id: "call_1", type: "function", function: { name: "add", arguments: { a: 1 } } }],
        },
        { role: "tool", content: "2", tool_call_id: "call_1", name: "add" },
      ],
      add_generation_prompt: true,
    });
  });

  test("describe tools as OpenAI does, with an empty object's schema where they take nothing", () => {
    const parameters = { type: "object", properties: { a: { type: "number" } } };
    const tools = [{ name: "add", description: "adds", parameters }, { name: "now" }];
    expect(chatVariables({ type: "chat", messages: [user] }, tools)).toMatchObject({
      tools: [
        { type: "function", function: { name: "add", description: "adds", parameters } },
        { type: "function", function: { name: "now", parameters: { type: "object", properties: {} } } },
      ],
    });
  });

  test.each([
    ["no JSON stays text", "{a", "{a"],
    ["nothing is no arguments", " ", {}],
  ])("arguments: %s", (_name, given, expected) => {
    const message: Message = { role: "assistant", content: "", toolCalls: [{ ...call, arguments: given }] };
    expect(chatVariables({ type: "chat", messages: [message] }, [])).toMatchObject({
      messages: [{ tool_calls: [{ function: { arguments: expected } }] }],
    });
  });

  test("include the request's own, which can't replace these", () => {
    const templateArguments = { enable_thinking: false, messages: "forged", add_generation_prompt: "forged" };
    expect(chatVariables({ type: "chat", messages: [user], templateArguments, continueFinal: true }, [])).toEqual({
      enable_thinking: false,
      messages: [{ role: "user", content: "hi" }],
      add_generation_prompt: false,
    });
  });
});
