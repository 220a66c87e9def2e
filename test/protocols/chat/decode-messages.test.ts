import { describe, expect, it } from "vitest";
import { decode, MESSAGES, toldOf } from "./support.ts";

/** An assistant message with two calls. */
const CALLING = {
  role: "assistant",
  content: null,
  tool_calls: [
    { id: "call_1", type: "function", function: { name: "f", arguments: '{"a":1}' } },
    { id: "call_2", type: "function", function: { name: "g", arguments: "" } },
  ],
};

/** Invalid messages, with the expected param, code and message. */
const WRONG: readonly [Record<string, unknown>, string | null, string | null, string][] = [
  [{ messages: undefined }, "messages", "missing_required_parameter", "Missing required parameter: 'messages'."],
  [
    { messages: "Hi" },
    "messages",
    "invalid_type",
    "Invalid type for 'messages': expected an array of objects, but got a string instead.",
  ],
  [
    { messages: [] },
    "messages",
    "empty_array",
    "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
  ],
  [
    { messages: Array.from({ length: 2049 }, () => MESSAGES[0]) },
    "messages",
    "array_above_max_length",
    "Invalid 'messages': array too long. Expected an array with maximum length 2048, but got an array with length 2049 instead.",
  ],
  [
    { messages: ["Hi"] },
    "messages[0]",
    "invalid_type",
    "Invalid type for 'messages[0]': expected an object, but got a string instead.",
  ],
  [
    { messages: [...MESSAGES, { content: "Hi" }] },
    "messages[1].role",
    "missing_required_parameter",
    "Missing required parameter: 'messages[1].role'.",
  ],
  [
    { messages: [{ role: "wizard", content: "Hi" }] },
    "messages[0].role",
    "invalid_value",
    "Invalid value: 'wizard'. Supported values are: 'system', 'developer', 'user', 'assistant', 'tool', and 'function'.",
  ],
  [
    { messages: [{ role: "user" }] },
    "messages[0].content",
    "missing_required_parameter",
    "Missing required parameter: 'messages[0].content'.",
  ],
  [
    { messages: [{ role: "user", content: 7 }] },
    "messages[0].content",
    "invalid_type",
    "Invalid type for 'messages[0].content': expected one of a string or array of objects, but got an integer instead.",
  ],
  [
    { messages: [{ role: "user", content: [{ type: "text", text: "a" }, { type: "text" }] }] },
    "messages[0].content[1].text",
    "missing_required_parameter",
    "Missing required parameter: 'messages[0].content[1].text'.",
  ],
  [
    {
      messages: [
        ...MESSAGES,
        ...MESSAGES,
        { role: "user", content: [{ type: "image_url", image_url: { url: "data:image/png;base64,AA==" } }] },
      ],
    },
    "messages[2].content[0]",
    "unsupported_value",
    "There is no image input here: the model reads text only. Remove 'messages[2].content[0]', or send its content as text.",
  ],
  [
    { messages: [{ role: "user", content: [{ type: "refusal", refusal: "No" }] }] },
    "messages[0].content[0].type",
    "invalid_value",
    "Invalid value: 'refusal'. Only an assistant message can hold a refusal, and 'messages[0].content[0]' is in a message with the role 'user'.",
  ],
  [
    { messages: [{ role: "assistant", content: null, tool_calls: [{ id: "1" }] }] },
    "messages[0].tool_calls[0].function",
    "missing_required_parameter",
    "Missing required parameter: 'messages[0].tool_calls[0].function'.",
  ],
  [
    { messages: [...MESSAGES, { role: "tool", content: "42", tool_call_id: "call_1" }] },
    "messages[1].role",
    null,
    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
  ],
  [
    { messages: [CALLING, { role: "tool", content: "42", tool_call_id: "call_3" }] },
    "messages[1].tool_call_id",
    null,
    "Invalid parameter: 'tool_call_id' of 'call_3' not found in 'tool_calls' of previous message.",
  ],
  [
    { messages: [CALLING, { role: "tool", content: "42", tool_call_id: "call_2" }, ...MESSAGES] },
    "messages[2].role",
    null,
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. " +
      "The following tool_call_ids did not have response messages: call_1",
  ],
  [
    { messages: [CALLING] },
    "messages[1].role",
    null,
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. " +
      "The following tool_call_ids did not have response messages: call_1, call_2",
  ],
  [
    { messages: [{ role: "tool", content: "42" }] },
    "messages[0].tool_call_id",
    "missing_required_parameter",
    "Missing required parameter: 'messages[0].tool_call_id'.",
  ],
  [
    { messages: [{ role: "user", content: "a", name: "n".repeat(257) }] },
    "messages[0].name",
    "string_above_max_length",
    "Invalid 'messages[0].name': string too long. Expected a string with maximum length 256, but got a string with length 257 instead.",
  ],
];

describe("messages", () => {
  it("may begin with results whose calls were cut off, after the system's words", () => {
    const result = { role: "tool", content: "42", tool_call_id: "call_0" };
    for (const messages of [
      [result, ...MESSAGES],
      [{ role: "system", content: "Be brief." }, result, result, { role: "assistant", content: "So?" }, ...MESSAGES],
      [{ role: "developer", content: "Be brief." }, result],
    ]) {
      const { prompt } = decode({ messages }).generation;
      expect(prompt).toMatchObject({ messages: expect.arrayContaining([expect.objectContaining({ role: "tool" })]) });
    }
  });

  it("become the engine's messages: developer is system, function is tool, parts are joined", () => {
    const { prompt } = decode({
      messages: [
        { role: "developer", content: "Be brief." },
        { role: "system", content: [{ type: "text", text: "And kind." }], name: "rules" },
        {
          role: "user",
          content: [
            { type: "text", text: "one" },
            { type: "text", text: "two" },
          ],
          name: "ann",
        },
        { role: "assistant", content: "Yes", tool_calls: [] },
        { role: "assistant", content: [{ type: "refusal", refusal: "I can't." }] },
        { role: "assistant", content: null, refusal: "I won't." },
        { role: "function", content: "43", name: "f" },
      ],
    }).generation;
    const messages = [
      { role: "system", content: "Be brief." },
      { role: "system", content: "And kind.", name: "rules" },
      { role: "user", content: "one\ntwo", name: "ann" },
      { role: "assistant", content: "Yes" },
      { role: "assistant", content: "I can't." },
      { role: "assistant", content: "I won't." },
      { role: "tool", content: "43", name: "f" },
    ];
    expect(prompt).toEqual({ type: "chat", messages });
  });

  it("keep calls, results in any order, and reasoning", () => {
    const { prompt } = decode({
      messages: [
        ...MESSAGES,
        { ...CALLING, reasoning_content: "Hm." },
        { role: "tool", content: [{ type: "text", text: "g's" }], tool_call_id: "call_2" },
        { role: "tool", content: "f's", tool_call_id: "call_1" },
      ],
    }).generation;
    const messages = [
      { role: "user", content: "Hi" },
      {
        role: "assistant",
        content: "",
        toolCalls: [
          { id: "call_1", name: "f", arguments: '{"a":1}' },
          { id: "call_2", name: "g", arguments: "{}" },
        ],
        reasoning: "Hm.",
      },
      { role: "tool", content: "g's", name: "g", toolCallId: "call_2" },
      { role: "tool", content: "f's", name: "f", toolCallId: "call_1" },
    ];
    expect(prompt).toEqual({ type: "chat", messages });
  });

  it("keep calls of custom tools, and those without a type", () => {
    const { prompt } = decode({
      messages: [
        ...MESSAGES,
        {
          role: "assistant",
          tool_calls: [
            { id: "1", type: "custom", custom: { name: "say", input: 'a "b"' } },
            { id: "2", function: { name: "mcp.look up", arguments: "{}" } },
          ],
        },
        { role: "tool", content: null, tool_call_id: "1" },
        { role: "tool", content: [], tool_call_id: "2" },
      ],
    }).generation;
    expect(prompt).toMatchObject({
      messages: [
        {},
        {
          toolCalls: [
            { name: "say", arguments: '{"input":"a \\"b\\""}' },
            { name: "mcp.look up", arguments: "{}" },
          ],
        },
        { role: "tool", content: "", name: "say" },
        { role: "tool", content: "", name: "mcp.look up" },
      ],
    });
  });

  it("replace unreadable parts by notes, except in the newest user message", () => {
    const image = { type: "image_url", image_url: { url: "data:image/png;base64,AA==" } };
    const file = { type: "file", file: { filename: "a.pdf", file_data: "AA==" } };
    const { prompt } = decode({
      messages: [
        { role: "user", content: [{ type: "text", text: "Look" }, image, { type: "input_audio" }, file] },
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "Hm." },
            { type: "output_text", text: "Yes" },
          ],
        },
        { role: "assistant", content: null, audio: { id: "audio_1" } },
        { role: "user", content: "Why?" },
        { role: "assistant", tool_calls: [CALLING.tool_calls[0]] },
        { role: "tool", content: [image, { type: "hologram" }], tool_call_id: "call_1" },
      ],
    }).generation;
    const omitted = (what: string) => `[${what} omitted: the model reads text only]`;
    expect(prompt).toMatchObject({
      messages: [
        { content: ["Look", omitted("image"), omitted("audio"), omitted('file "a.pdf"')].join("\n") },
        { content: "Yes" },
        { content: omitted("audio") },
        { content: "Why?" },
        { content: "" },
        { content: [omitted("image"), omitted("hologram")].join("\n") },
      ],
    });
  });

  it("may be empty: an assistant message without content, lists without parts", () => {
    const messages = [
      { role: "user", content: [] },
      { role: "assistant", content: null },
      { role: "assistant" },
      { role: "system", content: [] },
    ];
    const { prompt } = decode({ messages }).generation;
    expect(prompt).toEqual({ type: "chat", messages: messages.map(({ role }) => ({ role, content: "" })) });
  });

  it("keep a call in the form of 2023 with its result", () => {
    const { prompt } = decode({
      messages: [
        ...MESSAGES,
        { role: "assistant", content: null, function_call: { name: "f", arguments: "{}" } },
        { role: "function", name: "f", content: "43" },
      ],
    }).generation;
    const messages = prompt.type === "chat" ? prompt.messages : [];
    expect(messages[1]?.toolCalls).toEqual([{ id: expect.any(String), name: "f", arguments: "{}" }]);
    expect(messages[2]).toMatchObject({ role: "tool", toolCallId: messages[1]?.toolCalls?.[0]?.id, content: "43" });
  });

  it("hold no lone surrogates, which have no UTF-8 form", () => {
    const { prompt } = decode({ messages: [{ role: "user", content: "a\ud800b" }] }).generation;
    expect(prompt).toEqual({ type: "chat", messages: [{ role: "user", content: "a\ufffdb" }] });
  });

  it.each(WRONG.map(([fields, param, code, message]) => ({ fields, param, code, message })))(
    "are refused with OpenAI's message: $message",
    ({ fields, param, code, message }) => {
      expect(toldOf(fields)).toEqual({ param, code, message });
    },
  );
});
