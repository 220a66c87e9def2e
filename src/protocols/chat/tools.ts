import { z } from "zod";
import type { Tool, ToolUse } from "../../generation/request.ts";
import { InvalidRequestError } from "../errors.ts";
import { boolean, isSet, readLater } from "../fields.ts";
import { decodeToolChoice, toolChoice } from "../tools/choice.ts";
import { customDefinition, decodeFunction, decodeToolEntries, functionDefinition } from "../tools/entries.ts";
import { MAX_TOOLS, toolName } from "../tools/names.ts";
import { type OfferWords, offerTools, type ToolOffer } from "../tools/offer.ts";

const named = z.object({ name: toolName }, { error: "an object" });

/** What a tool looks like, for the API's description; each is read by itself, so that one that can't exist here is left out alone. */
const tool = z.union([
  z.object({ type: z.literal("function"), function: functionDefinition }),
  z.object({ type: z.literal("custom"), custom: customDefinition }),
  z.looseObject({ type: z.string() }),
]);

/** The fields that say what may be called, the old names of 2023 (`functions`) included. */
export const toolFields = {
  tools: z
    .array(readLater(tool), { error: "an array of objects" })
    .max(MAX_TOOLS)
    .nullish()
    .describe(
      "Functions and custom tools that the model may ask the client to call; tools of other types are left out, and `sluice-tools-dropped` names them.",
    ),
  tool_choice: toolChoice.nullish().describe("Whether it may, must or must not call, or which of them."),
  parallel_tool_calls: boolean().nullish().describe("Whether one answer may make several calls."),
  functions: z
    .array(functionDefinition, { error: "an array of objects" })
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

const WORDS: OfferWords = {
  param: "tool_choice",
  unknown: (name) => unknownFunction(name, "tool_choice", "tools"),
  nothing: () => onlyWith("tool_choice", "tools"),
};

/**
 * What the model may call, and what of it is left out.
 *
 * @throws InvalidRequestError for a name that nothing has, for a choice of what can't exist here, and for fields that don't go together
 */
export function decodeTools(wire: WireTools): ToolOffer {
  const isOld = isSet(wire.functions) && wire.functions.length > 0;
  if (isOld && isSet(wire.tools) && wire.tools.length > 0) {
    throw new InvalidRequestError(
      "Setting 'tools' and 'functions' at the same time is not supported. 'functions' is the old name: use 'tools'.",
      "functions",
      "invalid_parameter_combination",
    );
  }
  if (isOld) {
    const use = decodeFunctions(wire);
    const names = wire.functions?.map(({ name }) => name) ?? [];
    const places = use.tools.map(({ name }) => `functions[${names.indexOf(name)}].parameters`);
    return { use, labels: new Map(), places, dropped: [] };
  }
  if (isSet(wire.function_call) && typeof wire.function_call === "object") throw onlyWith("function_call", "functions");
  const entries = decodeToolEntries(wire.tools ?? [], "nested");
  return offerTools(entries, decodeToolChoice(wire.tool_choice), wire.parallel_tool_calls ?? true, WORDS);
}

/** As of 2023: one call in a turn. Of two functions with one name the first counts. */
function decodeFunctions(wire: WireTools): ToolUse {
  const byName = new Map<string, Tool>();
  for (const definition of wire.functions ?? []) {
    if (!byName.has(definition.name)) byName.set(definition.name, decodeFunction(definition));
  }
  const tools = [...byName.values()];
  const call = wire.function_call ?? "auto";
  if (typeof call === "string") return { tools, choice: call, allowed: undefined, parallel: false };
  if (!byName.has(call.name)) throw unknownFunction(call.name, "function_call", "functions");
  return { tools, choice: "required", allowed: [call.name], parallel: false };
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
