import { z } from "zod";
import type { Tool, ToolUse } from "../../generation/request.ts";
import { InvalidRequestError } from "../errors.ts";
import { boolean, isSet, string } from "../fields.ts";

const MAX_TOOLS = 128;
const MAX_NAME_LENGTH = 64;

/** A function's name, with OpenAI's pattern and bound. */
export const functionName = string(MAX_NAME_LENGTH)
  .min(1)
  .regex(/^[a-zA-Z0-9_-]+$/);

const definition = z.object(
  {
    name: functionName,
    description: z.string({ error: "a string" }).nullish(),
    parameters: z.record(z.string(), z.unknown(), { error: "an object" }).nullish(),
    strict: boolean().nullish(),
  },
  { error: "an object" },
);
const tool = z.object({ type: z.literal("function"), function: definition }, { error: "an object" });
const named = z.object({ name: functionName }, { error: "an object" });
const namedTool = z.object({ type: z.literal("function"), function: named });

/** What is an object is looked at as one first, so that errors are about what is in it. */
const toolChoice = z.union(
  [
    z.discriminatedUnion("type", [
      namedTool,
      z.object({
        type: z.literal("allowed_tools"),
        allowed_tools: z.object(
          {
            mode: z.enum(["auto", "required"]),
            tools: z.array(namedTool, { error: "an array of objects" }).min(1).max(MAX_TOOLS),
          },
          { error: "an object" },
        ),
      }),
    ]),
    z.enum(["none", "auto", "required"]),
  ],
  { error: "a string or object" },
);

/** The fields that say what may be called, the old names of 2023 (`functions`) included. */
export const toolFields = {
  tools: z
    .array(tool, { error: "an array of objects" })
    .max(MAX_TOOLS)
    .nullish()
    .describe("Functions that the model may ask the client to call."),
  tool_choice: toolChoice.nullish().describe("Whether it may, must or must not call, or which of them."),
  parallel_tool_calls: boolean().nullish().describe("Whether one answer may make several calls."),
  functions: z
    .array(definition, { error: "an array of objects" })
    .max(MAX_TOOLS)
    .nullish()
    .describe("The older form of `tools`, answered in the older form."),
  function_call: z
    .union([named, z.enum(["none", "auto"])], { error: "a string or object" })
    .nullish()
    .describe("The older form of `tool_choice`."),
};

const toolsSchema = z.object(toolFields);
export type WireTools = z.infer<typeof toolsSchema>;

/**
 * What the model may call; undefined for nothing.
 *
 * @throws InvalidRequestError for a name that is given twice or that nothing has, and for fields that don't go together
 */
export function decodeTools(wire: WireTools): ToolUse | undefined {
  const isOld = isSet(wire.functions) && wire.functions.length > 0;
  if (isOld && isSet(wire.tools) && wire.tools.length > 0) {
    throw new InvalidRequestError(
      "Setting 'tools' and 'functions' at the same time is not supported. 'functions' is the old name: use 'tools'.",
      "functions",
      "invalid_parameter_combination",
    );
  }
  return isOld ? decodeFunctions(wire) : decodeNewTools(wire);
}

function decodeNewTools(wire: WireTools): ToolUse | undefined {
  const tools = (wire.tools ?? []).map(({ function: one }, index) => decodeTool(one, `tools[${index}].function`));
  const choice = wire.tool_choice ?? "auto";
  if (isSet(wire.function_call) && typeof wire.function_call === "object") throw onlyWith("function_call", "functions");
  if (tools.length === 0) {
    if (choice === "none" || choice === "auto") return undefined;
    throw onlyWith("tool_choice", "tools");
  }
  refuseTwice(tools, "tools");
  const parallel = wire.parallel_tool_calls ?? true;
  if (typeof choice === "string") return { tools, choice, allowed: undefined, parallel };
  if (choice.type === "function") {
    const { name } = choice.function;
    refuseUnknown(name, tools, "tool_choice", "tools");
    return { tools, choice: "required", allowed: [name], parallel: false };
  }
  const allowed = choice.allowed_tools.tools.map(({ function: { name } }) => name);
  for (const name of allowed) refuseUnknown(name, tools, "tool_choice", "tools");
  return { tools, choice: choice.allowed_tools.mode, allowed, parallel };
}

/** As of 2023: one call in a turn. */
function decodeFunctions(wire: WireTools): ToolUse {
  const tools = (wire.functions ?? []).map((one, index) => decodeTool(one, `functions[${index}]`));
  refuseTwice(tools, "functions");
  const call = wire.function_call ?? "auto";
  if (typeof call === "string") return { tools, choice: call, allowed: undefined, parallel: false };
  refuseUnknown(call.name, tools, "function_call", "functions");
  return { tools, choice: "required", allowed: [call.name], parallel: false };
}

function decodeTool({ name, description, parameters, strict }: z.infer<typeof definition>, param: string): Tool {
  if (strict === true && !isSet(parameters)) {
    throw new InvalidRequestError(
      `Missing required parameter: '${param}.parameters'. A strict function needs a schema.`,
      `${param}.parameters`,
      "missing_required_parameter",
    );
  }
  return {
    name,
    ...(isSet(description) ? { description: description.toWellFormed() } : {}),
    ...(isSet(parameters) ? { parameters } : {}),
    ...(isSet(strict) ? { strict } : {}),
  };
}

function refuseTwice(tools: readonly Tool[], param: string): void {
  const names = tools.map(({ name }) => name);
  const twice = names.findIndex((name, index) => names.indexOf(name) < index);
  if (twice < 0) return;
  const at = param === "tools" ? `tools[${twice}].function.name` : `functions[${twice}].name`;
  throw new InvalidRequestError(
    `Invalid '${at}': the name '${names[twice]}' is taken. Names must be unique.`,
    at,
    "invalid_value",
  );
}

function refuseUnknown(name: string, tools: readonly Tool[], param: string, list: string): void {
  if (tools.some((one) => one.name === name)) return;
  throw new InvalidRequestError(
    `Invalid value for '${param}': no function named '${name}' was specified in the '${list}' parameter.`,
    param,
    "invalid_value",
  );
}

function onlyWith(param: string, list: string): InvalidRequestError {
  return new InvalidRequestError(
    `Invalid value for '${param}': '${param}' is only allowed when '${list}' are specified.`,
    param,
    null,
  );
}
