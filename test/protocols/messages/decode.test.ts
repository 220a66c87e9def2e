import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PLAIN_SAMPLING } from "../../../src/generation/sampling.ts";
import { InvalidRequestError } from "../../../src/protocols/errors.ts";
import { decodeCountRequest, decodeMessagesRequest } from "../../../src/protocols/messages/decode.ts";
import { completed } from "../support.ts";
import { decode, MESSAGES, promptOf, refusal } from "./support.ts";

const TOOL = { name: "get_time", description: "Tells the time.", input_schema: { type: "object" } };

describe("a request for a message", () => {
  it("has Anthropic's defaults, and other samplers are off", () => {
    expect(decode({})).toEqual({
      model: "one",
      stream: false,
      showThinking: true,
      toolPlaces: [],
      droppedTools: [],
      generation: {
        prompt: { type: "chat", messages: [{ role: "user", content: "Hi" }] },
        choices: 1,
        maxTokens: 100,
        stop: [],
        sampling: PLAIN_SAMPLING,
      },
    });
  });

  it("passes every setting to the generation", () => {
    const schema = { type: "object", properties: { a: { type: "string" } } };
    const request = decode({
      stream: true,
      stop_sequences: ["\n\nHuman:", "END"],
      temperature: 0.5,
      top_p: 0.9,
      top_k: 40,
      system: "Be brief.",
      tools: [TOOL],
      tool_choice: { type: "any", disable_parallel_tool_use: true },
      thinking: { type: "enabled", budget_tokens: 2_048 },
      output_config: { effort: "low", format: { type: "json_schema", schema } },
    });
    expect(request.stream).toBe(true);
    expect(request.generation).toMatchObject({
      prompt: {
        messages: [
          { role: "system", content: "Be brief." },
          { role: "user", content: "Hi" },
        ],
        templateArguments: { enable_thinking: true, thinking_budget: 2_048, reasoning_effort: "low" },
      },
      stop: ["\n\nHuman:", "END"],
      sampling: { temperature: 0.5, topP: 0.9, topK: 40 },
      tools: {
        tools: [{ name: "get_time", description: "Tells the time.", parameters: { type: "object" } }],
        choice: "required",
        allowed: undefined,
        parallel: false,
      },
      output: { type: "schema", schema },
    });
  });

  it("accepts cache_control anywhere, hints, and unknown fields", () => {
    const mark = { cache_control: { type: "ephemeral", ttl: "1h" } };
    const marked = decode({
      ...mark,
      system: [{ type: "text", text: "Be brief.", ...mark }],
      messages: [{ role: "user", content: [{ type: "text", text: "Hi", ...mark }] }],
      tools: [{ ...TOOL, ...mark }],
      metadata: { user_id: "someone" },
      speed: "standard",
      context_management: { edits: [] },
      mcp_servers: [],
      some_future_field: { deep: [1] },
    });
    expect(marked).toEqual(decode({ system: "Be brief.", tools: [TOOL] }));
  });

  it.each([
    ["standard_only", "default"],
    ["auto", undefined],
  ])("treats the tier %s as OpenAI's %s", (tier, expected) => {
    expect(decode({ service_tier: tier }).serviceTier).toBe(expected);
  });

  it("treats null as absent in every optional field", () => {
    const fields =
      "stop_sequences stream temperature top_p top_k system tools tool_choice thinking output_config metadata service_tier " +
      "container mcp_servers inference_geo speed";
    expect(decode(Object.fromEntries(fields.split(" ").map((field) => [field, null])))).toEqual(decode({}));
  });

  it.each([
    [{ type: "adaptive" }, { enable_thinking: true }, true],
    [{ type: "disabled" }, { enable_thinking: false }, true],
    [{ type: "adaptive", display: "omitted" }, { enable_thinking: true }, false],
    [{ type: "enabled", budget_tokens: 9, display: "summarized" }, { enable_thinking: true, thinking_budget: 9 }, true],
  ])("passes thinking %j to the template", (thinking, templateArguments, showThinking) => {
    expect(promptOf({ thinking }).templateArguments).toEqual(templateArguments);
    expect(decode({ thinking }).showThinking).toBe(showThinking);
  });

  it.each([
    ["medium", "medium"],
    ["xhigh", "high"],
    ["max", "high"],
  ])("passes the effort %s to the template as %s", (effort, told) => {
    expect(promptOf({ output_config: { effort } }).templateArguments).toEqual({ reasoning_effort: told });
  });

  it.each([
    ["model", { model: 5 }, "invalid_type"],
    ["max_tokens", { max_tokens: undefined }, "missing_required_parameter"],
    ["max_tokens", { max_tokens: -1 }, "integer_below_min_value"],
    ["messages", { messages: [] }, "empty_array"],
    ["messages[0].role", { messages: [{ role: "developer", content: "x" }] }, "invalid_value"],
    ["messages[0].content[0]", { messages: [{ role: "user", content: [{ type: "x" }] }] }, "unsupported_value"],
    ["temperature", { temperature: 1.5 }, "decimal_above_max_value"],
    ["top_k", { top_k: -1 }, "integer_below_min_value"],
    ["stop_sequences", { stop_sequences: "END" }, "invalid_type"],
    ["stop_sequences[0]", { stop_sequences: [7] }, "invalid_type"],
    ["system[0].type", { system: [{ type: "image" }] }, "invalid_value"],
    ["thinking.type", { thinking: { type: "sometimes" } }, "invalid_value"],
    ["thinking.budget_tokens", { thinking: { type: "enabled" } }, "missing_required_parameter"],
    ["output_config.format.type", { output_config: { format: { type: "xml" } } }, "invalid_value"],
    ["service_tier", { service_tier: "flex" }, "invalid_value"],
    ["inference_geo", { inference_geo: "us" }, "unsupported_parameter"],
  ])("is refused with %s named: %j", (param, fields, code) => {
    expect(refusal(fields)).toMatchObject({ param, code, message: expect.stringContaining(`'`) });
  });

  it("drops and reports tools that only Anthropic's servers run", () => {
    const fields = { mcp_servers: [{ type: "url", url: "https://mcp.example", name: "m" }], container: "c" };
    expect(decode({ ...fields, tools: [TOOL] })).toMatchObject({
      droppedTools: ["mcp_servers", "container"],
      generation: { tools: { choice: "auto" } },
    });
    expect(decode({ mcp_servers: [], container: null }).droppedTools).toEqual([]);
  });

  it("is decoded or refused with a field's name, whatever JSON it is", () => {
    const fields = fc.constantFrom(
      ..."model max_tokens messages system tools tool_choice thinking stop_sequences output_config".split(" "),
    );
    const block = fc.record({
      type: fc.constantFrom("text", "tool_use", "tool_result", "thinking", "image", "x"),
      text: fc.jsonValue(),
      content: fc.jsonValue(),
      id: fc.constantFrom("a", "b"),
      tool_use_id: fc.constantFrom("a", "b"),
      name: fc.string(),
      input: fc.jsonValue(),
    });
    const message = fc.record({
      role: fc.oneof(fc.constantFrom("user", "assistant", "system"), fc.jsonValue()),
      content: fc.oneof(fc.string(), fc.array(block), fc.jsonValue()),
    });
    const value = fc.oneof(fc.jsonValue(), fc.array(message, { maxLength: 3 }), fc.constant("one"), fc.nat());
    fc.assert(
      fc.property(fc.dictionary(fields, value), (body) => {
        try {
          decodeMessagesRequest({ model: "one", max_tokens: 1, messages: MESSAGES, ...body });
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidRequestError);
          expect(error).toMatchObject({ param: expect.any(String), message: expect.stringContaining("'") });
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("a request to count tokens", () => {
  it("is decoded like a request for a message, without max_tokens", () => {
    const fields = {
      model: "one",
      messages: MESSAGES,
      system: "Be brief.",
      tools: [TOOL],
      thinking: { type: "adaptive" },
    };
    const { prompt, tools } = decode(fields).generation;
    expect(completed(decodeCountRequest(fields))).toMatchObject({ model: "one", generation: { prompt, tools } });
  });

  it("is refused for the same reasons", () => {
    const messages = [{ role: "user", content: [{ type: "image", source: {} }] }];
    expect(() => decodeCountRequest({ model: "one", messages })).toThrow("no image input");
  });
});
