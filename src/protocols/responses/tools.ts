import { z } from "zod";
import type { ToolUse } from "../../generation/request.ts";
import { InvalidRequestError } from "../errors.ts";
import { boolean, string } from "../fields.ts";

const MAX_TOOLS = 128;
const MAX_DESCRIPTION_LENGTH = 65_536;

const name = z.string({ error: "a string" }).regex(/^[\w.-]{1,64}$/);

/** A function. Any other type of tool would run on the server, which runs none: it is refused by its name. */
const tool = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("function"),
    name,
    description: string(MAX_DESCRIPTION_LENGTH).nullish(),
    parameters: z.record(z.string(), z.unknown(), { error: "an object" }).nullish(),
    strict: boolean().nullish(),
  }),
]);

const namedChoice = z.object({ type: z.literal("function"), name });

const choiceObject = z.discriminatedUnion("type", [
  namedChoice,
  z.object({
    type: z.literal("allowed_tools"),
    mode: z.enum(["auto", "required"]),
    tools: z.array(namedChoice).min(1).max(MAX_TOOLS),
  }),
]);

/** The fields of a request that say what may be called. */
export const toolFields = {
  tools: z
    .array(tool, { error: "an array of objects" })
    .max(MAX_TOOLS)
    .nullish()
    .describe("Functions that the model may ask the client to call."),
  tool_choice: z
    .union([choiceObject, z.enum(["none", "auto", "required"])], { error: "a string or object" })
    .nullish()
    .describe("Whether it may, must or must not call, or which of them."),
  parallel_tool_calls: boolean().nullish().describe("Whether one answer may make several calls."),
};

const toolsSchema = z.object(toolFields);
export type WireTools = z.infer<typeof toolsSchema>;
export type WireTool = z.infer<typeof tool>;

/** What may be called; undefined where there are no tools. Throws `InvalidRequestError` for a choice that the tools don't offer. */
export function decodeTools({ tools, tool_choice, parallel_tool_calls }: WireTools): ToolUse | undefined {
  const choice = tool_choice ?? "auto";
  if (tools === undefined || tools === null || tools.length === 0) {
    if (choice !== "auto" && choice !== "none") {
      throw new InvalidRequestError(
        "Tool choice other than 'none' or 'auto' is only allowed when 'tools' are specified.",
        "tool_choice",
        "invalid_value",
      );
    }
    return undefined;
  }
  const names = tools.map((offered) => offered.name);
  const twice = names.find((candidate, index) => names.indexOf(candidate) !== index);
  if (twice !== undefined) {
    throw new InvalidRequestError(
      `Invalid 'tools': the function '${twice}' is there twice. Give each function a name of its own.`,
      "tools",
      "invalid_value",
    );
  }
  return {
    tools: tools.map(({ name: called, description, parameters, strict }) => ({
      name: called,
      ...(strict === undefined || strict === null ? {} : { strict }),
      ...(description === undefined || description === null ? {} : { description: description.toWellFormed() }),
      ...(parameters === undefined || parameters === null ? {} : { parameters }),
    })),
    ...decodeChoice(choice, names),
    // A function that is named is called once.
    parallel: typeof choice === "object" && choice.type === "function" ? false : (parallel_tool_calls ?? true),
  };
}

function decodeChoice(
  choice: NonNullable<WireTools["tool_choice"]>,
  names: readonly string[],
): Pick<ToolUse, "choice" | "allowed"> {
  if (typeof choice === "string") {
    return { choice, allowed: undefined };
  }
  const allowed = choice.type === "function" ? [choice.name] : choice.tools.map((offered) => offered.name);
  const unknown = allowed.find((candidate) => !names.includes(candidate));
  if (unknown !== undefined) {
    throw new InvalidRequestError(
      `Tool choice '${unknown}' not found in 'tools' parameter.`,
      "tool_choice",
      "invalid_value",
    );
  }
  return { choice: choice.type === "function" ? "required" : choice.mode, allowed };
}

/** The tools as a response shows them. */
export function showTools(tools: readonly WireTool[] | null | undefined) {
  return (tools ?? []).map(({ type, name: called, description, parameters, strict }) => ({
    type,
    name: called,
    description: description ?? null,
    parameters: parameters ?? null,
    strict: strict ?? false,
  }));
}
