import { describe, expect, it } from "vitest";
import { decode, refusal } from "./support.ts";

const tool = (name: string, more?: object) => ({ name, input_schema: { type: "object", properties: {} }, ...more });
const tools = [tool("one"), tool("two", { type: "custom", strict: true, defer_loading: true })];

function toolUse(fields: object) {
  return decode({ tools, ...fields }).generation.tools;
}

describe("a client's tools", () => {
  it("may be called or not, several at once, unless the request says otherwise", () => {
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

  it("are nothing where the list is empty", () => {
    expect(toolUse({ tools: [], tool_choice: { type: "auto" } })).toBeUndefined();
  });

  it.each([
    ["tools[0].type", { tools: [{ type: "web_search_20250305", name: "web_search" }] }, "web_search_20250305"],
    ["tools[0].type", { tools: [{ type: "bash_20250124", name: "bash" }] }, "describe a tool of your own"],
    ["tools[1].name", { tools: [tool("one"), { input_schema: {} }] }, "Missing"],
    ["tools[0].input_schema", { tools: [{ name: "one" }] }, "Missing"],
    ["tools[0].input_schema", { tools: [{ name: "one", input_schema: "object" }] }, "expected an object"],
    ["tools[0].allowed_callers", { tools: [tool("one", { allowed_callers: ["code_execution_20260120"] })] }, "direct"],
    ["tools", { tools: [tool("one"), tool("one")] }, "same name"],
    ["tool_choice.name", { tool_choice: { type: "tool", name: "three" } }, "three"],
    ["tool_choice", { tools: [], tool_choice: { type: "any" } }, "no 'tools'"],
    ["tool_choice.type", { tool_choice: { type: "some" } }, "Supported values"],
  ])("are refused with %s named: %j", (param, fields, words) => {
    expect(refusal({ tools, ...fields })).toMatchObject({ param, message: expect.stringContaining(words) });
  });
});
