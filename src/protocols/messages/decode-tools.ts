import type { Tool, ToolUse } from "../../generation/request.ts";
import { InvalidRequestError } from "../errors.ts";
import type { WireTool, WireToolChoice } from "./schema.ts";

/**
 * The tools of a request, and which of them may be called; undefined where there are none. Throws `InvalidRequestError` for tools that
 * only Anthropic's servers or models know, and for a choice that no tool answers to.
 */
export function decodeToolUse(
  wireTools: readonly WireTool[] | null | undefined,
  choice: WireToolChoice | null | undefined,
): ToolUse | undefined {
  const tools = (wireTools ?? []).map((tool, index) => decodeTool(tool, `tools[${index}]`));
  const names = new Set(tools.map(({ name }) => name));
  if (names.size < tools.length) {
    throw new InvalidRequestError(
      "Invalid 'tools': two have the same name. Give each its own.",
      "tools",
      "invalid_value",
    );
  }
  if (choice?.type === "tool" && !names.has(choice.name)) {
    throw new InvalidRequestError(
      `Invalid value: 'tool_choice.name' is '${choice.name}', and 'tools' has no tool of that name.`,
      "tool_choice.name",
      "invalid_value",
    );
  }
  if (tools.length === 0) {
    if (choice?.type === "any") {
      throw new InvalidRequestError(
        "Invalid value: 'tool_choice' asks for a call, and there are no 'tools' to call.",
        "tool_choice",
        "invalid_value",
      );
    }
    return undefined;
  }
  return {
    tools,
    choice: decodeChoice(choice),
    allowed: choice?.type === "tool" ? [choice.name] : undefined,
    parallel: choice?.type === "none" || choice?.disable_parallel_tool_use !== true,
  };
}

function decodeChoice(choice: WireToolChoice | null | undefined): ToolUse["choice"] {
  switch (choice?.type) {
    case "any":
    case "tool":
      return "required";
    case "none":
      return "none";
    default:
      return "auto";
  }
}

function decodeTool(tool: WireTool, param: string): Tool {
  const { type, name, description, input_schema: parameters, strict, allowed_callers: callers } = tool;
  if (typeof type === "string" && type !== "custom") {
    throw new InvalidRequestError(
      `Unsupported value: '${param}' is a tool of the type '${type}', which only Anthropic's servers and models know. ` +
        "Remove it, or describe a tool of your own with 'name', 'description' and 'input_schema'.",
      `${param}.type`,
      "unsupported_value",
    );
  }
  if (name === undefined || parameters === undefined) {
    const missing = `${param}.${name === undefined ? "name" : "input_schema"}`;
    throw new InvalidRequestError(`Missing required parameter: '${missing}'.`, missing, "missing_required_parameter");
  }
  if (callers !== undefined && callers !== null && !callers.includes("direct")) {
    throw new InvalidRequestError(
      `Unsupported value: '${param}.allowed_callers' leaves out 'direct', and nothing but the model calls tools here. ` +
        "Add 'direct', or leave the field out.",
      `${param}.allowed_callers`,
      "unsupported_value",
    );
  }
  return {
    name,
    ...(typeof description === "string" && { description: description.toWellFormed() }),
    parameters,
    ...(strict === true && { strict }),
  };
}
