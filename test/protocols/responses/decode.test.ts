import { describe, expect, it } from "vitest";
import { decode, refusal } from "./support.ts";

const TOOL = { type: "function", name: "look_up", parameters: { type: "object", properties: {} }, strict: false };

describe("a request for a response", () => {
  it("has OpenAI's defaults", () => {
    const request = decode();
    expect(request).toMatchObject({
      model: "one",
      stream: false,
      store: true,
      background: false,
      mayTruncate: false,
      generation: {
        choices: 1,
        maxTokens: undefined,
        stop: [],
        sampling: { temperature: 1, topP: 1, seed: undefined },
      },
      settings: { truncation: "disabled", parallel_tool_calls: true, tool_choice: "auto", tools: [], metadata: {} },
    });
    expect(request.generation).not.toHaveProperty("tools");
    expect(request.generation).not.toHaveProperty("output");
    expect(request.generation).not.toHaveProperty("logprobs");
  });

  it("treats a string as one user message", () => {
    expect(decode({ input: "Hello" }).input).toEqual([
      {
        id: expect.stringMatching(/^msg_[0-9a-f]{48}$/),
        type: "message",
        status: "completed",
        role: "user",
        content: [{ type: "input_text", text: "Hello" }],
      },
    ]);
  });

  it("treats null as absent", () => {
    const fields = ["instructions", "tools", "tool_choice", "text", "reasoning", "include", "metadata", "truncation"];
    const { settings } = decode(Object.fromEntries(fields.map((field) => [field, null])));
    expect(settings).toEqual(decode().settings);
  });

  it("repeats the request's settings", () => {
    const fields = {
      instructions: "Be brief.",
      max_output_tokens: 50,
      max_tool_calls: 3,
      metadata: { topic: "sea" },
      parallel_tool_calls: false,
      prompt_cache_key: "k",
      safety_identifier: "s",
      temperature: 0.5,
      tool_choice: "required",
      tools: [{ ...TOOL, description: null }],
      top_p: 0.9,
      truncation: "auto",
      user: "u",
    };
    const { settings, generation, mayTruncate } = decode(fields);
    expect(settings).toMatchObject(fields);
    expect(generation).toMatchObject({ maxTokens: 50, sampling: { temperature: 0.5, topP: 0.9 } });
    expect(mayTruncate).toBe(true);
  });

  it("accepts OpenAI's flat tools, strict if requested", () => {
    const { generation, settings } = decode({ tools: [{ type: "function", name: "f", description: "d" }] });
    expect(generation.tools).toEqual({
      tools: [{ name: "f", description: "d" }],
      choice: "auto",
      allowed: undefined,
      parallel: true,
    });
    expect(settings.tools).toEqual([
      { type: "function", name: "f", description: "d", parameters: null, strict: false },
    ]);
  });

  it("accepts custom tools and namespaces, drops unavailable tools, and shows the rest", () => {
    const definition = 'start: "a"';
    const tools = [
      { type: "namespace", name: "agents", description: "Others", tools: [TOOL, { type: "web_search" }] },
      { type: "namespace", name: "mcp__files__", description: "", tools: [{ type: "custom", name: "say" }] },
      { type: "custom", name: "patch", format: { type: "grammar", syntax: "lark", definition } },
      ...["web_search", "local_shell", "tool_search", "image_generation", "mcp", "hologram"].map((type) => ({ type })),
    ];
    const { generation, settings, toolLabels, droppedTools } = decode({ tools });
    expect(generation.tools?.tools.map(({ name }) => name)).toEqual(["agents__look_up", "mcp__files__say", "patch"]);
    expect(Object.fromEntries(toolLabels)).toEqual({
      agents__look_up: { type: "function", name: "look_up", namespace: "agents" },
      mcp__files__say: { type: "custom", name: "say", namespace: "mcp__files__" },
      patch: { type: "custom", name: "patch" },
    });
    expect(droppedTools).toEqual(["web_search", "local_shell", "tool_search", "image_generation", "mcp", "hologram"]);
    expect(settings.tools).toMatchObject([
      { type: "namespace", name: "agents", tools: [{ type: "function", name: "look_up" }] },
      { type: "namespace", tools: [{ type: "custom", name: "say", format: { type: "text" } }] },
      { type: "custom", name: "patch", format: { type: "grammar", syntax: "lark", definition } },
    ]);
  });

  it("allows an unavailable server tool in the choice, and refuses to require it", () => {
    const tools = [
      { type: "mcp", server_label: "docs", server_url: "https://docs.example" },
      { type: "function", name: "f" },
    ];
    const named = { type: "mcp", server_label: "docs", name: "look_up" };
    const hint = { type: "allowed_tools", mode: "auto", tools: [named, { type: "function", name: "f" }] };
    expect(decode({ tools, tool_choice: hint }).generation.tools).toMatchObject({
      choice: "auto",
      allowed: ["f"],
    });
    expect(() => decode({ tools, tool_choice: named })).toThrow("not available here");
  });

  it("accepts tools inside the input", () => {
    const input = [
      { type: "additional_tools", role: "developer", tools: [TOOL] },
      { role: "user", content: "Hi" },
    ];
    expect(decode({ input }).generation.tools).toMatchObject({ tools: [{ name: "look_up" }] });
  });

  it.each([
    [
      { type: "custom", name: "say" },
      { choice: "required", allowed: ["say"], parallel: false },
    ],
    [
      { type: "function", name: "look_up", namespace: "agents" },
      { choice: "required", allowed: ["agents__look_up"] },
    ],
    [
      { type: "function", name: "agents__look_up" },
      { choice: "required", allowed: ["agents__look_up"] },
    ],
    ["any", { choice: "required", allowed: undefined }],
    [{ type: "auto" }, { choice: "auto" }],
    [
      { type: "function", function: { name: "say" } },
      { choice: "required", allowed: ["say"] },
    ],
  ])("accepts the tool choice %j of custom tools and namespaces", (tool_choice, expected) => {
    const tools = [
      { type: "custom", name: "say" },
      { type: "namespace", name: "agents", tools: [TOOL] },
    ];
    expect(decode({ tools, tool_choice }).generation.tools).toMatchObject(expected);
  });

  it.each([
    ["none", { choice: "none", allowed: undefined }],
    [
      { type: "function", name: "look_up" },
      { choice: "required", allowed: ["look_up"], parallel: false },
    ],
    [
      { type: "allowed_tools", mode: "auto", tools: [{ type: "function", name: "look_up" }] },
      { choice: "auto", allowed: ["look_up"] },
    ],
  ])("accepts the tool choice %j", (tool_choice, expected) => {
    expect(decode({ tools: [TOOL], tool_choice }).generation.tools).toMatchObject(expected);
  });

  it.each([
    [{ type: "text" }, undefined],
    [{ type: "json_object" }, { type: "json" }],
    [
      { type: "json_schema", name: "n", schema: { type: "object" } },
      { type: "schema", schema: { type: "object" } },
    ],
  ])("accepts the text format %j", (format, expected) => {
    expect(decode({ text: { format } }).generation.output).toEqual(expected);
  });

  it("returns log-probabilities for `include` or `top_logprobs`", () => {
    const include = ["message.output_text.logprobs"];
    expect(decode({ include }).generation.logprobs).toBe(0);
    expect(decode({ include, top_logprobs: 3 }).generation.logprobs).toBe(3);
    expect(decode({ top_logprobs: 3 }).generation.logprobs).toBe(3);
    expect(decode({ top_logprobs: 0 }).generation).not.toHaveProperty("logprobs");
  });

  it("accepts `include` for content that never exists", () => {
    expect(decode({ include: ["reasoning.encrypted_content", "web_search_call.results"] }).store).toBe(true);
  });

  it("passes the reasoning effort to the template", () => {
    expect(decode({ reasoning: { effort: "low" } }).templateArguments).toEqual({
      enable_thinking: true,
      reasoning_effort: "low",
    });
    expect(decode({ reasoning: { effort: "none", summary: "auto" } }).templateArguments).toMatchObject({
      enable_thinking: false,
    });
    expect(decode().templateArguments).toBeUndefined();
  });

  it("accepts a conversation as an id or an object", () => {
    expect(decode({ conversation: "conv_1" }).conversationId).toBe("conv_1");
    expect(decode({ conversation: { id: "conv_1" } }).settings.conversation).toEqual({ id: "conv_1" });
  });

  it("needs no input to continue a response or a conversation", () => {
    expect(decode({ input: undefined, previous_response_id: "resp_1" }).input).toEqual([]);
  });

  it.each([
    [{ model: 5 }, "model", "invalid_type"],
    [{ input: undefined }, "input", "missing_required_parameter"],
    [{ input: [] }, "input", "missing_required_parameter"],
    [{ input: 5 }, "input", "invalid_type"],
    [{ temperature: 3 }, "temperature", "decimal_above_max_value"],
    [{ max_output_tokens: 0 }, "max_output_tokens", "integer_below_min_value"],
    [{ top_logprobs: 21 }, "top_logprobs", "integer_above_max_value"],
    [{ include: ["everything"] }, "include[0]", "invalid_value"],
    [{ truncation: "middle" }, "truncation", "invalid_value"],
    [{ tools: [{ type: "function" }] }, "tools[0].name", "missing_required_parameter"],
    [
      { tools: [{ type: "namespace", name: "n", tools: [{ type: "function" }] }] },
      "tools[0].tools[0].name",
      "missing_required_parameter",
    ],
    [{ tools: [{ type: "custom", name: "c", format: { type: "xml" } }] }, "tools[0].format.type", "invalid_value"],
    [{ tools: ["look_up"] }, "tools[0]", "invalid_type"],
    [{ tool_choice: "required" }, "tool_choice", "invalid_value"],
    [{ tools: [TOOL], tool_choice: { type: "function", name: "other" } }, "tool_choice", "invalid_value"],
    [{ tools: [TOOL], tool_choice: { type: "file_search" } }, "tool_choice", "unsupported_value"],
    [{ text: { format: { type: "yaml" } } }, "text.format.type", "invalid_value"],
    [{ prompt: "pmpt_1" }, "prompt", "invalid_type"],
    [{ service_tier: "express" }, "service_tier", "invalid_value"],
    [{ stream_options: {} }, "stream_options", null],
    [{ background: true, store: false }, "store", "invalid_parameter_combination"],
    [{ previous_response_id: "resp_1", conversation: "conv_1" }, null, "mutually_exclusive_parameters"],
    [
      { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, "v"])) },
      "metadata",
      "object_above_max_properties",
    ],
    [{ metadata: { ["k".repeat(65)]: "v" } }, "metadata", "string_above_max_length"],
    [{ metadata: { k: "v".repeat(513) } }, "metadata.k", "string_above_max_length"],
  ])("is refused with %j", (fields, param, code) => {
    expect(refusal(fields)).toMatchObject({ param, code });
  });
});
