import { describe, expect, it } from "vitest";
import { decode, MESSAGES, refusal } from "./support.ts";

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
  it("may be called or not, one or several, unless something else is said", () => {
    expect(toolsOf({ tools: TOOLS })).toEqual({ tools: KNOWN, choice: "auto", allowed: undefined, parallel: true });
    expect(toolsOf({ tools: TOOLS, parallel_tool_calls: false })?.parallel).toBe(false);
    expect(toolsOf({ tools: TOOLS, tool_choice: "none" })?.choice).toBe("none");
    expect(toolsOf({ tools: TOOLS, tool_choice: "required" })?.choice).toBe("required");
  });

  it("can be narrowed to one that must be called, or to several that may", () => {
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

  it("are none where the list is empty", () => {
    expect(toolsOf({ tools: [], tool_choice: "auto" })).toBeUndefined();
  });

  it("can be given in the form of 2023, and are answered in it", () => {
    const functions = TOOLS.map((one) => one.function);
    const chat = decode({ functions, function_call: { name: "f" } });
    expect(chat.answersFunctionCall).toBe(true);
    expect(chat.generation.tools).toEqual({ tools: KNOWN, choice: "required", allowed: ["f"], parallel: false });
    expect(toolsOf({ functions, function_call: "none" })?.choice).toBe("none");
    expect(toolsOf({ functions })?.choice).toBe("auto");
  });
});

/** What is wrong about tools, with the param, the code and the message that it must get. */
const WRONG: readonly [Readonly<Record<string, unknown>>, string, string | null, string][] = [
  [
    { tools: [tool("get weather")] },
    "tools[0].function.name",
    "invalid_value",
    "Invalid 'tools[0].function.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.",
  ],
  [
    { tools: [tool("f".repeat(65))] },
    "tools[0].function.name",
    "string_above_max_length",
    "Invalid 'tools[0].function.name': string too long. Expected a string with maximum length 64, but got a string with length 65 instead.",
  ],
  [
    { tools: [tool("f"), { type: "function" }] },
    "tools[1].function",
    "missing_required_parameter",
    "Missing required parameter: 'tools[1].function'.",
  ],
  [
    { tools: [{ type: "custom", custom: { name: "f" } }] },
    "tools[0].type",
    "invalid_value",
    "Invalid value: 'custom'. Supported values are: 'function'.",
  ],
  [
    { tools: Array.from({ length: 129 }, (_, index) => tool(`f${index}`)) },
    "tools",
    "array_above_max_length",
    "Invalid 'tools': array too long. Expected an array with maximum length 128, but got an array with length 129 instead.",
  ],
  [
    { tools: [tool("f"), tool("g"), tool("f")] },
    "tools[2].function.name",
    "invalid_value",
    "Invalid 'tools[2].function.name': the name 'f' is taken. Names must be unique.",
  ],
  [
    { tools: [tool("f", { parameters: "none" })] },
    "tools[0].function.parameters",
    "invalid_type",
    "Invalid type for 'tools[0].function.parameters': expected an object, but got a string instead.",
  ],
  [
    { tools: [tool("f", { strict: true })] },
    "tools[0].function.parameters",
    "missing_required_parameter",
    "Missing required parameter: 'tools[0].function.parameters'. A strict function needs a schema.",
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
    { tools: TOOLS, tool_choice: "always" },
    "tool_choice",
    "invalid_value",
    "Invalid value: 'always'. Supported values are: 'none', 'auto', and 'required'.",
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
    "Setting 'regex' and tools at the same time is not supported: the answer could not be both. Set 'tool_choice' to 'none'.",
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
    "Invalid 'chat_template_kwargs.messages': this variable of the template is made from the request's other fields. Leave it out.",
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
    "Invalid value for 'continue_final_message': the last message must be an assistant's, with the beginning of its text and no calls.",
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

describe("a chat request that is wrong", () => {
  it.each(WRONG.map(([fields, param, code, message]) => ({ fields, param, code, message })))(
    "is refused in OpenAI's words: $message",
    ({ fields, param, code, message }) => {
      const error = refusal({ model: "one", messages: MESSAGES, ...fields });
      expect({ param: error.param, code: error.code, message: error.message }).toEqual({ param, code, message });
    },
  );
});
