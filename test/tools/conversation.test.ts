import { describe, expect, it } from "vitest";
import type { Message, ToolUse } from "../../src/generation/request.ts";
import { prepareMessages } from "../../src/tools/conversation.ts";
import { dialectOf } from "../../src/tools/dialect.ts";
import { TEMPLATES, type TemplateName, TOOLS } from "./support.ts";

const USE: ToolUse = { tools: TOOLS, choice: "auto", allowed: undefined, parallel: true };
const first = { id: "call_1", name: "get_weather", arguments: '{"city":"Paris"}' };
const second = { id: "call_2", name: "now", arguments: "{}" };

const CONVERSATION: readonly Message[] = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "Weather and time?" },
  { role: "assistant", content: "", toolCalls: [first, second] },
  { role: "tool", content: "noon", toolCallId: "call_2" },
  { role: "tool", content: "sunny", toolCallId: "call_1" },
  { role: "user", content: "Thanks" },
];

function prepare(template: TemplateName | string, messages: readonly Message[], tools?: ToolUse): readonly Message[] {
  const known: Readonly<Record<string, string>> = TEMPLATES;
  return prepareMessages(messages, tools, dialectOf(known[template] ?? template));
}

describe("a conversation with calls", () => {
  it("has its results in the order of the calls", () => {
    const contents = prepare("hermes", CONVERSATION, USE).map(({ content }) => content);
    expect(contents).toEqual(["Be brief.", "Weather and time?", "", "sunny", "noon", "Thanks"]);
  });

  it("is told call by call to a template that takes one a message", () => {
    const turns = prepare("llama", CONVERSATION, USE).slice(2, -1);
    expect(turns).toEqual([
      { role: "assistant", content: "", toolCalls: [first] },
      { role: "tool", content: "sunny", toolCallId: "call_1" },
      { role: "assistant", content: "", toolCalls: [second] },
      { role: "tool", content: "noon", toolCallId: "call_2" },
    ]);
  });

  it("has words as thoughts, before the first call alone, where a template refuses both", () => {
    const template = `${TEMPLATES.harmony}{{ raise_exception("Cannot pass both content and thinking") }}`;
    const turn: Message = { role: "assistant", content: "I look.", reasoning: "Hm.", toolCalls: [first, second] };
    expect(prepare(template, [turn], USE)).toEqual([
      { role: "assistant", content: "", reasoning: "Hm.\n\nI look.", toolCalls: [first] },
      { role: "assistant", content: "", toolCalls: [second] },
    ]);
  });

  it("has ids of the length that a template insists on, the same for a call and its result", () => {
    const turns = prepare("oldMistral", CONVERSATION, USE);
    const ids = turns[2]?.toolCalls?.map(({ id }) => id) ?? [];
    expect(ids).toHaveLength(2);
    for (const id of ids) expect(id).toMatch(/^[a-z0-9]{9}$/);
    expect([turns[3]?.toolCallId, turns[4]?.toolCallId]).toEqual(ids);
  });

  it("is put into words where the template knows no calls", () => {
    const turns = prepare("generic", CONVERSATION);
    expect(turns.slice(2)).toEqual([
      {
        role: "assistant",
        content:
          '<tool_call>\n{"name": "get_weather", "arguments": {"city":"Paris"}}\n</tool_call>\n<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>',
      },
      {
        role: "user",
        content: "<tool_response>\nsunny\n</tool_response>\n<tool_response>\nnoon\n</tool_response>",
      },
      { role: "user", content: "Thanks" },
    ]);
  });
});

describe("tools for a template that knows none", () => {
  it("are told in the system message, with the form of a call", () => {
    const [system, ...rest] = prepare("generic", CONVERSATION.slice(0, 2), USE);
    expect(system?.role).toBe("system");
    expect(system?.content).toMatch(/^Be brief\.\n\n# Tools/);
    expect(system?.content).toContain(
      '"name":"get_weather","description":"The weather at a place","parameters":{"type"',
    );
    expect(system?.content).toContain(
      '<tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>',
    );
    expect(rest).toEqual([CONVERSATION[1]]);
  });

  it("make a system message where there is none", () => {
    const [system, user] = prepare("generic", [{ role: "user", content: "Hi" }], { ...USE, choice: "required" });
    expect(system).toMatchObject({ role: "system", content: expect.stringContaining("you must call a function") });
    expect(user).toEqual({ role: "user", content: "Hi" });
  });

  it("are told to the user's first message where the template refuses system messages", () => {
    const template = "{{ raise_exception('System role not supported') }}";
    const [user, ...rest] = prepare(template, [{ role: "user", content: "Hi" }], USE);
    expect(user?.content).toMatch(/^# Tools[\s\S]*\n\nHi$/);
    expect(rest).toEqual([]);
  });

  it("are not told of where none may be called", () => {
    const messages: readonly Message[] = [{ role: "user", content: "Hi" }];
    expect(prepare("generic", messages, { ...USE, choice: "none" })).toEqual(messages);
  });
});
