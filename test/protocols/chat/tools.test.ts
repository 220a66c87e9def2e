import { describe, expect, it } from "vitest";
import { decode, MESSAGES, refusal, toldOf } from "./support.ts";

const parameters = { type: "object", properties: { a: { type: "integer" } } };
const tool = (name: string, more: Readonly<Record<string, unknown>> = {}) => ({
  type: "function",
  function: { name, ...more },
});
const TOOLS = [tool("f", { description: "Does f", parameters, strict: true }), tool("g")];
const KNOWN = [{ name: "f", description: "Does f", parameters, strict: true }, { name: "g" }];
const pick = (name: string) => ({ type: "function", function: { name } });

function toolsOf(fields: Readonly<Record<string, unknown>>) {
  return decode(fields).generation.tools;
}

describe("the tools of a chat request", () => {
  it("may be called once, several times or not at all by default", () => {
    expect(toolsOf({ tools: TOOLS })).toEqual({ tools: KNOWN, choice: "auto", allowed: undefined, parallel: true });
    expect(toolsOf({ tools: TOOLS, parallel_tool_calls: false })?.parallel).toBe(false);
    expect(toolsOf({ tools: TOOLS, tool_choice: "none" })?.choice).toBe("none");
    expect(toolsOf({ tools: TOOLS, tool_choice: "required" })?.choice).toBe("required");
  });

  it("can be restricted to one that must be called, or to several that may", () => {
    expect(toolsOf({ tools: TOOLS, tool_choice: pick("g") })).toMatchObject({
      choice: "required",
      allowed: ["g"],
      parallel: false,
      tools: KNOWN,
    });
    const allowed_tools = { mode: "auto", tools: [pick("f")] };
    expect(toolsOf({ tools: TOOLS, tool_choice: { type: "allowed_tools", allowed_tools } })).toMatchObject({
      choice: "auto",
      allowed: ["f"],
      parallel: true,
    });
  });

  it("are none if the list is empty", () => {
    for (const tools of [[], null]) expect(toolsOf({ tools, tool_choice: "auto" })).toBeUndefined();
    expect(toolsOf({ functions: [], function_call: "auto" })).toBeUndefined();
  });

  it("may omit their type, or have their definition beside it", () => {
    expect(toolsOf({ tools: [{ function: { name: "f" } }, { type: "function", name: "g" }] })?.tools).toEqual([
      { name: "f" },
      { name: "g" },
    ]);
  });

  it("may have names as MCP's tools do", () => {
    const names = ["mcp__server__tool", "server.tool", "org/repo:look-up@2", "n".repeat(128)];
    expect(toolsOf({ tools: names.map((name) => tool(name)) })?.tools.map(({ name }) => name)).toEqual(names);
  });

  it("are dropped and reported if they are unavailable or have another tool's name", () => {
    const { generation, droppedTools } = decode({
      tools: [{ type: "web_search_preview" }, tool("f"), { type: "mcp", server_label: "m" }, tool("f", { parameters })],
    });
    expect(generation.tools).toMatchObject({ tools: [{ name: "f" }], choice: "auto" });
    expect(droppedTools).toEqual(["web_search_preview", "mcp", "f"]);
    const none = decode({ tools: [{ type: "web_search" }], tool_choice: "auto" });
    expect(none.generation.tools).toBeUndefined();
    expect(none.droppedTools).toEqual(["web_search"]);
  });

  it("are restricted to the allowed tools that exist", () => {
    const choose = (mode: string, ...tools: readonly object[]) => ({
      tools: [...TOOLS, { type: "web_search" }],
      tool_choice: { type: "allowed_tools", allowed_tools: { mode, tools } },
    });
    expect(toolsOf(choose("required", pick("f"), { type: "web_search" }))).toMatchObject({
      choice: "required",
      allowed: ["f"],
    });
    expect(toolsOf(choose("auto", { type: "web_search" }))).toMatchObject({ choice: "none" });
    expect(
      refusal({ model: "one", messages: MESSAGES, ...choose("required", { type: "web_search" }) }).message,
    ).toContain("'web_search'");
  });

  it("may be custom: functions with one string, whose calls are encoded as custom", () => {
    const custom = { name: "say", description: "Says it", format: { type: "text" } };
    const { generation, toolLabels } = decode({
      tools: [{ type: "custom", custom }, tool("f")],
      tool_choice: { type: "custom", custom: { name: "say" } },
    });
    expect(generation.tools).toMatchObject({
      choice: "required",
      allowed: ["say"],
      tools: [{ name: "say", description: "Says it", parameters: { required: ["input"] } }, { name: "f" }],
    });
    expect([...toolLabels]).toEqual([
      ["say", { type: "custom", name: "say" }],
      ["f", { type: "function", name: "f" }],
    ]);
  });

  it("may be custom with a grammar, if the grammar can be enforced", () => {
    const custom = (grammar: object) => ({
      type: "custom",
      custom: { name: "c", format: { type: "grammar", grammar } },
    });
    const regex = decode({ tools: [custom({ syntax: "regex", definition: "a|b" })] });
    expect(regex.generation.tools?.tools[0]).toMatchObject({
      parameters: { properties: { input: { pattern: "^(?:a|b)$" } } },
    });
    const definition = 'start: "a" WORD\n%import common.WORD';
    const lark = decode({ tools: [custom({ syntax: "lark", definition })] });
    expect(lark.generation.tools?.tools[0]).toMatchObject({ lark: definition });
    expect(lark.droppedTools).toEqual([]);
    const lost = decode({ tools: [custom({ syntax: "lark", definition: "start: start start | WORD" })] });
    expect(lost.generation.tools?.tools[0]).not.toHaveProperty("lark");
    expect(lost.droppedTools).toEqual(["c.format"]);
    const long = { syntax: "lark", definition: `start: "a"${" ".repeat(10_000)}` };
    const two = ["c", "d"].map((name) => ({
      type: "custom",
      custom: { name, format: { type: "grammar", grammar: long } },
    }));
    expect(decode({ tools: two }).droppedTools).toEqual(["d.format"]);
  });

  it("can be given in the form of 2023, and are answered in that form", () => {
    const functions = TOOLS.map((one) => one.function);
    const chat = decode({ functions, function_call: { name: "f" } });
    expect(chat.answersFunctionCall).toBe(true);
    expect(chat.generation.tools).toEqual({ tools: KNOWN, choice: "required", allowed: ["f"], parallel: false });
    expect(toolsOf({ functions, function_call: "none" })?.choice).toBe("none");
    expect(toolsOf({ functions })?.choice).toBe("auto");
  });
});

/** Invalid fields about tools, with the expected param, code and message. */
const WRONG: readonly [Readonly<Record<string, unknown>>, string, string | null, string][] = [
  [
    { tools: [tool("get weather")] },
    "tools[0].function.name",
    "invalid_value",
    "Invalid 'tools[0].function.name': string does not match pattern. Expected letters, digits and any of _ . : / @ -.",
  ],
  [
    { tools: [tool("f".repeat(129))] },
    "tools[0].function.name",
    "string_above_max_length",
    "Invalid 'tools[0].function.name': string too long. Expected a string with maximum length 128, but got a string with length 129 instead.",
  ],
  [
    { tools: [tool("f"), { type: "function" }] },
    "tools[1].function",
    "missing_required_parameter",
    "Missing required parameter: 'tools[1].function'.",
  ],
  [
    { tools: [{ type: "custom", custom: {} }] },
    "tools[0].custom.name",
    "missing_required_parameter",
    "Missing required parameter: 'tools[0].custom.name'.",
  ],
  [{ tools: [{}] }, "tools[0].type", "missing_required_parameter", "Missing required parameter: 'tools[0].type'."],
  [
    { tools: [{ type: "web_search" }], tool_choice: "required" },
    "tool_choice",
    "unsupported_value",
    "Unsupported value: 'tool_choice' asks for 'web_search', which is not available here: no tool runs on this server. " +
      "Offer a function of your own for it, or set 'tool_choice' to 'auto'.",
  ],
  [
    { tools: [...TOOLS, { type: "web_search" }], tool_choice: { type: "web_search" } },
    "tool_choice",
    "unsupported_value",
    "Unsupported value: 'tool_choice' asks for 'web_search', which is not available here: no tool runs on this server. " +
      "Offer a function of your own for it, or set 'tool_choice' to 'auto'.",
  ],
  [
    { tools: Array.from({ length: 1_025 }, (_, index) => tool(`f${index}`)) },
    "tools",
    "array_above_max_length",
    "Invalid 'tools': array too long. Expected an array with maximum length 1024, but got an array with length 1025 instead.",
  ],
  [
    { tools: [tool("f", { parameters: "none" })] },
    "tools[0].function.parameters",
    "invalid_type",
    "Invalid type for 'tools[0].function.parameters': expected an object, but got a string instead.",
  ],
  [
    { tools: TOOLS, tool_choice: pick("h") },
    "tool_choice",
    "invalid_value",
    "Invalid value for 'tool_choice': no function named 'h' was specified in the 'tools' parameter.",
  ],
  [
    { tools: TOOLS, tool_choice: { type: "allowed_tools", allowed_tools: { mode: "auto", tools: [pick("h")] } } },
    "tool_choice",
    "invalid_value",
    "Invalid value for 'tool_choice': no function named 'h' was specified in the 'tools' parameter.",
  ],
  [
    { tools: TOOLS, tool_choice: { type: "function" } },
    "tool_choice.name",
    "missing_required_parameter",
    "Missing required parameter: 'tool_choice.name'.",
  ],
  [
    { tools: TOOLS, tool_choice: { type: "allowed_tools" } },
    "tool_choice.tools",
    "missing_required_parameter",
    "Missing required parameter: 'tool_choice.tools'.",
  ],
  [
    { tools: TOOLS, tool_choice: "always" },
    "tool_choice",
    "invalid_value",
    "Invalid value: 'always'. Supported values are: 'none', 'auto', 'required', and 'any'.",
  ],
  [
    { tool_choice: "required" },
    "tool_choice",
    null,
    "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
  ],
  [
    { functions: [{ name: "f" }], function_call: { name: "g" } },
    "function_call",
    "invalid_value",
    "Invalid value for 'function_call': no function named 'g' was specified in the 'functions' parameter.",
  ],
  [
    { function_call: { name: "g" } },
    "function_call",
    null,
    "Invalid value for 'function_call': 'function_call' is only allowed when 'functions' are specified.",
  ],
  [
    { functions: [{ name: "f" }], tools: TOOLS },
    "functions",
    "invalid_parameter_combination",
    "Setting 'tools' and 'functions' at the same time is not supported. 'functions' is the old name: use 'tools'.",
  ],
  [
    { tools: TOOLS, regex: "a" },
    "regex",
    "invalid_parameter_combination",
    "Setting 'regex' and tools at the same time is not supported: the format would rule out tool calls. Set 'tool_choice' to 'none'.",
  ],
  [
    { regex: "a", grammar: 'root ::= "a"' },
    "regex",
    "invalid_parameter_combination",
    "Setting 'grammar' and 'regex' at the same time is not supported.",
  ],
  [
    { top_logprobs: 3 },
    "top_logprobs",
    null,
    "Invalid value for 'top_logprobs': 'top_logprobs' is only allowed when 'logprobs' is enabled.",
  ],
  [
    { logprobs: true, top_logprobs: 21 },
    "top_logprobs",
    "integer_above_max_value",
    "Invalid 'top_logprobs': integer above maximum value. Expected a value <= 20, but got 21 instead.",
  ],
  [
    { chat_template_kwargs: { messages: [] } },
    "chat_template_kwargs.messages",
    "invalid_value",
    "Invalid 'chat_template_kwargs.messages': the server sets this template variable from the request's other fields. Leave it out.",
  ],
  [
    { reasoning_effort: "extreme" },
    "reasoning_effort",
    "invalid_value",
    "Invalid value: 'extreme'. Supported values are: 'none', 'minimal', 'low', 'medium', 'high', 'xhigh', and 'max'.",
  ],
  [
    { continue_final_message: true },
    "continue_final_message",
    "invalid_value",
    "Invalid value for 'continue_final_message': the last message must be an assistant message with text and without calls.",
  ],
  [
    { metadata: { a: 1 } },
    "metadata.a",
    "invalid_type",
    "Invalid type for 'metadata.a': expected a string, but got an integer instead.",
  ],
  [
    { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`k${index}`, "v"])) },
    "metadata",
    "object_above_max_properties",
    "Invalid 'metadata': too many properties. Expected an object with at most 16 properties, but got an object with 17 properties instead.",
  ],
  [
    { prediction: { type: "content" } },
    "prediction.content",
    "missing_required_parameter",
    "Missing required parameter: 'prediction.content'.",
  ],
  [
    { service_tier: "gold" },
    "service_tier",
    "invalid_value",
    "Invalid value: 'gold'. Supported values are: 'auto', 'default', 'flex', 'scale', and 'priority'.",
  ],
];

describe("an invalid chat request", () => {
  it.each(WRONG.map(([fields, param, code, message]) => ({ fields, param, code, message })))(
    "is refused with OpenAI's message: $message",
    ({ fields, param, code, message }) => {
      expect(toldOf(fields)).toEqual({ param, code, message });
    },
  );
});
