import { describe, expect, it } from "vitest";
import { decode, refusal } from "./support.ts";

const tool = (name: string, more?: object) => ({ name, input_schema: { type: "object", properties: {} }, ...more });
const tools = [tool("one"), tool("two", { type: "custom", strict: true, defer_loading: true })];

const SEARCH = { type: "web_search_20250305", name: "web_search", max_uses: 5 };

function toolUse(fields: object) {
  return decode({ tools, ...fields }).generation.tools;
}

describe("a client's tools", () => {
  it("may be called once, several times or not at all by default", () => {
    const parameters = { type: "object", properties: {} };
    expect(toolUse({})).toEqual({
      tools: [
        { name: "one", parameters },
        { name: "two", parameters, strict: true },
      ],
      choice: "auto",
      allowed: undefined,
      parallel: true,
    });
  });

  it.each([
    [{ type: "auto" }, { choice: "auto", allowed: undefined, parallel: true }],
    [
      { type: "auto", disable_parallel_tool_use: true },
      { choice: "auto", parallel: false },
    ],
    [{ type: "any" }, { choice: "required", allowed: undefined }],
    [
      { type: "tool", name: "two" },
      { choice: "required", allowed: ["two"] },
    ],
    [{ type: "none" }, { choice: "none" }],
  ])("are chosen by tool_choice %j", (choice, expected) => {
    expect(toolUse({ tool_choice: choice })).toMatchObject(expected);
  });

  it("are none if the list is empty", () => {
    expect(toolUse({ tools: [], tool_choice: { type: "auto" } })).toBeUndefined();
  });

  it("are dropped if only Anthropic's servers run them, and their types are reported", () => {
    const offered = [
      SEARCH,
      { type: "code_execution_20250825", name: "code_execution" },
      { type: "computer_20250124", name: "computer", display_width_px: 800, display_height_px: 600 },
      { type: "tool_search_tool_regex_20251119", name: "tool_search_tool_regex" },
      { type: "mcp_toolset", mcp_server_name: "m" },
      tool("one"),
      tool("one", { description: "again" }),
      tool("by_code", { allowed_callers: ["code_execution_20260120"] }),
    ];
    const { generation, droppedTools } = decode({ tools: offered });
    expect(generation.tools?.tools.map(({ name }) => name)).toEqual(["one"]);
    expect(droppedTools).toEqual([
      "web_search_20250305",
      "code_execution_20250825",
      "computer_20250124",
      "tool_search_tool_regex_20251119",
      "mcp_toolset",
      "one",
      "by_code",
    ]);
    expect(decode({ tools: [SEARCH], tool_choice: { type: "auto" } }).generation.tools).toBeUndefined();
  });

  it("have the published schemas if the client runs them and Anthropic's models know them", () => {
    const offered = [
      { type: "bash_20250124", name: "bash" },
      { type: "text_editor_20250728", name: "str_replace_based_edit_tool", max_characters: 10_000 },
      { type: "memory_20250818", name: "memory" },
    ];
    const { generation, droppedTools } = decode({ tools: offered });
    expect(droppedTools).toEqual([]);
    expect(generation.tools?.tools).toMatchObject([
      { name: "bash", parameters: { properties: { command: { type: "string" }, restart: { type: "boolean" } } } },
      { name: "str_replace_based_edit_tool", parameters: { required: ["command", "path"] } },
      { name: "memory", parameters: { required: ["command"] } },
    ]);
  });

  it("may have names as MCP's tools do", () => {
    const names = ["mcp__server__tool", "server.tool", "org/repo:look-up@2", "n".repeat(128)];
    expect(toolUse({ tools: names.map((name) => tool(name)) })?.tools.map(({ name }) => name)).toEqual(names);
  });

  it.each([
    ["tools[0].name", { tools: [tool("a b")] }, "does not match"],
    ["tool_choice.name", { tools: [SEARCH], tool_choice: { type: "tool", name: "web_search" } }, "not available here"],
    ["tool_choice.name", { tools: [SEARCH], tool_choice: { type: "any" } }, "web_search_20250305"],
    ["tools[1].name", { tools: [tool("one"), { input_schema: {} }] }, "Missing"],
    ["tools[0].input_schema", { tools: [{ name: "one" }] }, "Missing"],
    ["tools[0].input_schema", { tools: [{ name: "one", input_schema: "object" }] }, "expected an object"],
    ["tool_choice.name", { tool_choice: { type: "tool", name: "three" } }, "three"],
    ["tool_choice", { tools: [], tool_choice: { type: "any" } }, "no 'tools'"],
    ["tool_choice.type", { tool_choice: { type: "some" } }, "Supported values"],
  ])("are refused with %s named: %j", (param, fields, words) => {
    expect(refusal({ tools, ...fields })).toMatchObject({ param, message: expect.stringContaining(words) });
  });
});
