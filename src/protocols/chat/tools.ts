import { z } from "zod";
import type { ToolChoice } from "../../generation/wish.ts";
import { InvalidRequestError } from "../errors.ts";
import { boolean, isSet, readLater } from "../fields.ts";
import { decodeToolChoice, toolChoice } from "../tools/choice.ts";
import { customDefinition, decodeFunction, decodeToolEntries, functionDefinition } from "../tools/entries.ts";
import { MAX_TOOLS, toolName } from "../tools/names.ts";
import { type OfferWords, type SaidTools, sayTools, type ToolEntry } from "../tools/offer.ts";

const named = z.object({ name: toolName }, { error: "an object" });

/** Describes a tool in the API description. Each tool is validated separately, so that only unsupported ones are dropped. */
const tool = z.union([
  z.object({ type: z.literal("function"), function: functionDefinition }),
  z.object({ type: z.literal("custom"), custom: customDefinition }),
  z.looseObject({ type: z.string() }),
]);

/** The request fields about tools, including the old ones of 2023 (`functions`). */
export const toolFields = {
  tools: z
    .array(readLater(tool), { error: "an array of objects" })
    .max(MAX_TOOLS)
    .nullish()
    .describe(
      "Functions and custom tools that the model may ask the client to call. Tools of other types are dropped and named in `sluice-tools-dropped`.",
    ),
  tool_choice: toolChoice.nullish().describe("Whether the model may, must or must not call tools, or which ones."),
  parallel_tool_calls: boolean().nullish().describe("Whether one answer may contain several calls."),
  functions: z
    .array(functionDefinition, { error: "an array of objects" })
    .max(MAX_TOOLS)
    .nullish()
    .describe("The older form of `tools`. The answer has the older form too."),
  function_call: z
    .union([named, z.enum(["none", "auto"])], { error: "a string or object" })
    .nullish()
    .describe("The older form of `tool_choice`."),
};

const toolsSchema = z.object(toolFields);
export type WireTools = z.infer<typeof toolsSchema>;

const WORDS: OfferWords = {
  param: "tool_choice",
  placeOf: (index) => `tools[${index}].function.parameters`,
  unknown: (name) => unknownFunction(name, "tool_choice", "tools"),
  nothing: () => onlyWith("tool_choice", "tools"),
};

/** The wording for the fields of 2023. */
const OLD_WORDS: OfferWords = {
  param: "function_call",
  placeOf: (index) => `functions[${index}].parameters`,
  unknown: (name) => unknownFunction(name, "function_call", "functions"),
  nothing: () => onlyWith("function_call", "functions"),
};

/** Decodes the fields about tools. Throws `InvalidRequestError` for fields that can't be combined. */
export function decodeTools(wire: WireTools): SaidTools {
  const { tools, functions, tool_choice: choice, function_call: call } = wire;
  if (isSet(functions) && functions.length > 0) {
    if (isSet(tools) && tools.length > 0) {
      throw new InvalidRequestError(
        "Setting 'tools' and 'functions' at the same time is not supported. 'functions' is the old name: use 'tools'.",
        "functions",
        "invalid_parameter_combination",
      );
    }
    // The form of 2023 has one call per turn.
    return sayTools(decodeFunctions(functions), decodeFunctionCall(call), false, OLD_WORDS);
  }
  if (isSet(call) && typeof call === "object") throw onlyWith("function_call", "functions");
  const offersNothing = !isSet(tools) && !isSet(functions);
  return sayTools(
    offersNothing ? undefined : decodeToolEntries(tools ?? [], "nested"),
    isSet(choice) ? decodeToolChoice(choice) : undefined,
    wire.parallel_tool_calls,
    WORDS,
  );
}

/** If two functions have the same name, the first one counts. */
function decodeFunctions(functions: NonNullable<WireTools["functions"]>): readonly ToolEntry[] {
  const byName = new Map<string, ToolEntry>();
  for (const [index, definition] of functions.entries()) {
    const { name } = definition;
    if (byName.has(name)) continue;
    const label = { type: "function", name } as const;
    byName.set(name, { label, tool: decodeFunction(definition), place: OLD_WORDS.placeOf(index) });
  }
  return [...byName.values()];
}

function decodeFunctionCall(call: WireTools["function_call"]): ToolChoice | undefined {
  if (!isSet(call)) return undefined;
  if (typeof call === "string") return { mode: call };
  return { named: [{ type: "function", name: call.name }], isForced: true, isSingle: true };
}

function unknownFunction(name: string, param: string, list: string): InvalidRequestError {
  return new InvalidRequestError(
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
