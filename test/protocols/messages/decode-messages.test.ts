import { describe, expect, it } from "vitest";
import { promptOf, refusal } from "./support.ts";

const text = (content: string) => ({ type: "text", text: content });
const call = (id: string, input: object) => ({ type: "tool_use", id, name: `tool_${id}`, input });
const result = (id: string, content?: unknown, more?: object) => ({
  type: "tool_result",
  tool_use_id: id,
  content,
  ...more,
});

describe("a conversation", () => {
  it("accepts strings and text blocks", () => {
    const messages = [
      { role: "user", content: [text("one"), text("two")] },
      { role: "assistant", content: "three" },
      { role: "user", content: [text("four")] },
    ];
    expect(promptOf({ messages })).toEqual({
      type: "chat",
      messages: [
        { role: "user", content: "one\ntwo" },
        { role: "assistant", content: "three" },
        { role: "user", content: "four" },
      ],
    });
  });

  it("merges adjacent messages with the same role", () => {
    const messages = [
      { role: "user", content: "one" },
      { role: "user", content: "two" },
    ];
    expect(promptOf({ messages }).messages).toEqual([{ role: "user", content: "one\ntwo" }]);
  });

  it("begins with the system prompt, and accepts a later system message", () => {
    const messages = [
      { role: "user", content: "Hi" },
      { role: "system", content: [text("Now in French.")] },
    ];
    expect(promptOf({ system: [text("Be brief."), text("Be kind.")], messages }).messages).toEqual([
      { role: "system", content: "Be brief.\nBe kind." },
      { role: "user", content: "Hi" },
      { role: "system", content: "Now in French." },
    ]);
  });

  it("drops the line that Claude Code changes in every request, so that prompts share a prefix", () => {
    const line = "x-anthropic-billing-header: cc_version=2.1.0; cch=ab12c;";
    const expected = promptOf({ system: "You are an agent." });
    expect(promptOf({ system: [text(line), text("You are an agent.")] })).toEqual(expected);
    expect(promptOf({ system: `${line}\nYou are an agent.` })).toEqual(expected);
    expect(promptOf({ system: [text(line)] })).toEqual(promptOf({}));
  });

  it("replaces lone surrogates", () => {
    expect(promptOf({ messages: [{ role: "user", content: "a\ud800b" }] }).messages).toEqual([
      { role: "user", content: "a\ufffdb" },
    ]);
  });
});

describe("tools in a conversation", () => {
  it("are calls of the assistant, and a message for each result in the order of the blocks", () => {
    const messages = [
      { role: "user", content: "What time is it, and where?" },
      { role: "assistant", content: [text("Let me see."), call("a", { zone: "UTC" }), call("b", {})] },
      { role: "user", content: [result("b", [text("here"), text("there")]), result("a", "noon"), text("Well?")] },
    ];
    expect(promptOf({ messages }).messages).toEqual([
      { role: "user", content: "What time is it, and where?" },
      {
        role: "assistant",
        content: "Let me see.",
        toolCalls: [
          { id: "a", name: "tool_a", arguments: '{"zone":"UTC"}' },
          { id: "b", name: "tool_b", arguments: "{}" },
        ],
      },
      { role: "tool", content: "here\nthere", toolCallId: "b", name: "tool_b" },
      { role: "tool", content: "noon", toolCallId: "a", name: "tool_a" },
      { role: "user", content: "Well?" },
    ]);
  });

  it("may return nothing or fail, and the model sees that", () => {
    const messages = [
      { role: "assistant", content: [call("a", {}), call("b", {})] },
      { role: "user", content: [result("a"), result("b", "No such file", { is_error: true })] },
    ];
    expect(promptOf({ messages }).messages.slice(1)).toEqual([
      { role: "tool", content: "", toolCallId: "a", name: "tool_a" },
      { role: "tool", content: "Error: No such file", toolCallId: "b", name: "tool_b" },
    ]);
  });
});

describe("thinking in a conversation", () => {
  it("is the reasoning of its message; encrypted thinking is left out", () => {
    const content = [
      { type: "thinking", thinking: "Hm.", signature: "s" },
      { type: "redacted_thinking", data: "x" },
      text("Yes."),
    ];
    const messages = [{ role: "assistant", content }, ...[{ role: "user", content: "Why?" }]];
    expect(promptOf({ messages }).messages).toEqual([
      { role: "assistant", content: "Yes.", reasoning: "Hm." },
      { role: "user", content: "Why?" },
    ]);
  });
});

describe("a conversation that ends with an assistant message", () => {
  it("is continued", () => {
    const messages = [
      { role: "user", content: "Hi" },
      { role: "assistant", content: "The answer is (" },
    ];
    expect(promptOf({ messages })).toMatchObject({
      messages: [{ role: "user" }, { role: "assistant", content: "The answer is (" }],
      continueFinal: true,
    });
  });

  it.each(["", []])("ignores the message if it is empty: %j", (content) => {
    const messages = [
      { role: "user", content: "Hi" },
      { role: "assistant", content },
    ];
    expect(promptOf({ messages })).toEqual(promptOf({}));
  });

  it("is refused if the message has calls, whose results are missing", () => {
    const messages = [
      { role: "user", content: "Hi" },
      { role: "assistant", content: [call("a", {})] },
    ];
    expect(refusal({ messages })).toMatchObject({
      param: "messages",
      message: expect.stringContaining("'tool_result'"),
    });
  });
});

const IMAGE = { type: "image", source: { type: "base64", media_type: "image/png", data: "AA==" } };
const NOTE = "[image omitted: the model reads text only]";

describe("a block that can't be read", () => {
  it.each([
    [IMAGE, "image"],
    [{ type: "document", source: { type: "url", url: "x" } }, "document"],
    [{ type: "container_upload", file_id: "f" }, "file"],
    [{ type: "hologram" }, "'hologram'"],
  ])("is refused in the newest user message, with a way out: %j", (block, kind) => {
    const messages = [
      { role: "user", content: [text("Look:"), block] },
      { role: "assistant", content: [call("a", {})] },
    ];
    const newest = [...messages.slice(0, 1)];
    expect(refusal({ messages: newest })).toEqual({
      param: "messages[0].content[1]",
      code: "unsupported_value",
      message: expect.stringMatching(`${kind}.*as text`),
    });
  });

  it("becomes a note in an older message, an assistant message and a tool result", () => {
    const messages = [
      { role: "user", content: [text("Look:"), IMAGE] },
      { role: "assistant", content: [{ type: "hologram" }, call("a", {})] },
      { role: "user", content: [result("a", [text("a picture:"), IMAGE])] },
    ];
    expect(promptOf({ messages }).messages).toMatchObject([
      { role: "user", content: `Look:\n${NOTE}` },
      { role: "assistant", content: "[hologram omitted: the model reads text only]" },
      { role: "tool", content: `a picture:\n${NOTE}` },
    ]);
  });

  it("is read if it has text: a document or a search result", () => {
    const content = [
      { type: "document", title: "Notes", source: { type: "text", media_type: "text/plain", data: "The sea." } },
      { type: "document", source: { type: "content", content: [text("The land."), IMAGE] } },
      { type: "search_result", title: "Mill", source: "https://mill.example", content: [text("It turns.")] },
    ];
    expect(promptOf({ messages: [{ role: "user", content }] }).messages).toEqual([
      { role: "user", content: `Notes\nThe sea.\nThe land.\n${NOTE}\nMill\nhttps://mill.example\nIt turns.` },
    ]);
  });

  it("becomes a call with its result for a server tool, and text if one of them is missing", () => {
    const search = { type: "server_tool_use", id: "srv_1", name: "web_search", input: { query: "mills" } };
    const found = {
      type: "web_search_tool_result",
      tool_use_id: "srv_1",
      content: [{ type: "web_search_result", title: "Mill", url: "https://mill.example", encrypted_content: "xx" }],
    };
    const content = [text("I look."), search, found, text("Found.")];
    const messages = [
      { role: "user", content: "Hi" },
      { role: "assistant", content },
      { role: "user", content: "Thanks" },
    ];
    expect(promptOf({ messages }).messages.slice(1, 4)).toEqual([
      {
        role: "assistant",
        content: "I look.",
        toolCalls: [{ id: "srv_1", name: "web_search", arguments: '{"query":"mills"}' }],
      },
      { role: "tool", content: "Mill\nhttps://mill.example", toolCallId: "srv_1", name: "web_search" },
      { role: "assistant", content: "Found." },
    ]);
    const halves = [
      { role: "user", content: "Hi" },
      { role: "assistant", content: [found] },
      { role: "user", content: "Go on" },
    ];
    expect(promptOf({ messages: halves }).messages[1]).toEqual({
      role: "assistant",
      content: "Mill\nhttps://mill.example",
    });
  });

  it("is none if an assistant's content is null or a list is empty", () => {
    const messages = [
      { role: "user", content: "Hi" },
      { role: "assistant", content: null },
      { role: "user", content: [] },
    ];
    expect(promptOf({ messages }).messages).toMatchObject([{ content: "Hi" }, { content: "" }, { content: "" }]);
  });

  it.each([
    ["user", call("a", {}), "assistant"],
    ["user", { type: "thinking", thinking: "Hm." }, "assistant"],
    ["user", { type: "redacted_thinking" }, "assistant"],
    ["assistant", result("a", "x"), "user"],
    ["system", call("a", {}), "assistant"],
  ])("is refused in a message with the role %s: %j", (role, block, expected) => {
    expect(refusal({ messages: [{ role, content: [block] }] })).toMatchObject({
      param: "messages[0].content[0].type",
      message: expect.stringContaining(`'${expected}'`),
    });
  });
});
