import type { ToolChoice } from "../../generation/wish.ts";
import { InvalidRequestError, missingParameter } from "../errors.ts";
import { isSet } from "../fields.ts";
import { type OfferWords, type SaidTools, sayTools, type ToolEntry } from "../tools/offer.ts";
import { clientTool } from "./client-tools.ts";
import type { WireTool, WireToolChoice } from "./schema.ts";

const WORDS: OfferWords = {
  param: "tool_choice.name",
  placeOf: (index) => `tools[${index}].input_schema`,
  unknown: (name) =>
    new InvalidRequestError(
      `Invalid value: 'tool_choice.name' is '${name}', but 'tools' has no tool with that name.`,
      "tool_choice.name",
      "invalid_value",
    ),
  nothing: () =>
    new InvalidRequestError(
      "Invalid value: 'tool_choice' requires a call, but there are no 'tools'.",
      "tool_choice",
      "invalid_value",
    ),
};

/** Decodes the fields about tools. Tools that only Anthropic's servers run are unavailable. Throws `InvalidRequestError` for malformed tools. */
export function decodeTools(
  wireTools: readonly WireTool[] | null | undefined,
  choice: WireToolChoice | null | undefined,
): SaidTools {
  const entries = wireTools?.map((tool, index) => decodeTool(tool, `tools[${index}]`));
  const isSingle = isSet(choice) && choice.type !== "none" ? choice.disable_parallel_tool_use : undefined;
  return sayTools(
    entries,
    isSet(choice) ? decodeChoice(choice) : undefined,
    isSet(isSingle) ? !isSingle : undefined,
    WORDS,
  );
}

function decodeChoice(choice: WireToolChoice): ToolChoice {
  switch (choice.type) {
    case "any":
      return { mode: "required" };
    case "tool":
      return { named: [{ type: "tool", name: choice.name }], isForced: true, isSingle: false };
    case "none":
      return { mode: "none" };
    case "auto":
      return { mode: "auto" };
  }
}

function decodeTool(tool: WireTool, param: string): ToolEntry {
  const { type, name, description, strict, allowed_callers: callers } = tool;
  const isOwn = !isSet(type) || type === "custom";
  const known = isOwn ? undefined : clientTool(type);
  if (!isOwn && known === undefined) return { unavailable: type, names: name === undefined ? [type] : [type, name] };
  const parameters = known?.parameters ?? tool.input_schema;
  if (name === undefined || parameters === undefined) {
    throw missingParameter(`${param}.${name === undefined ? "name" : "input_schema"}`);
  }
  // Here only the model calls tools.
  if (isSet(callers) && !callers.includes("direct")) return { unavailable: name, names: [name] };
  const told = known?.description ?? description;
  return {
    label: { type: "function", name },
    place: `${param}.input_schema`,
    tool: {
      name,
      ...(isSet(told) && { description: told.toWellFormed() }),
      parameters,
      ...(strict === true && { strict }),
    },
  };
}
