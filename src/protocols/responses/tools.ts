import { z } from "zod";
import type { Tool } from "../../generation/request.ts";
import type { ToolChoice } from "../../generation/wish.ts";
import { InvalidRequestError } from "../errors.ts";
import { boolean, isSet, readLater } from "../fields.ts";
import { decodeToolChoice, toolChoice } from "../tools/choice.ts";
import { customDefinition, decodeToolEntries, functionDefinition, locate } from "../tools/entries.ts";
import { MAX_TOOLS, toolName } from "../tools/names.ts";
import { type OfferWords, type SaidTools, sayTools } from "../tools/offer.ts";

/** Describes a tool in the API description. Each tool is validated separately, so that only unsupported ones are dropped. */
const plainTool = z.union([
  functionDefinition.extend({ type: z.literal("function") }),
  customDefinition.extend({ type: z.literal("custom") }),
]);
const tool = z.union([
  plainTool,
  z.object({ type: z.literal("namespace"), name: toolName, description: z.string(), tools: z.array(plainTool) }),
  z.looseObject({ type: z.string() }),
]);

/** The request fields about tools. */
export const toolFields = {
  tools: z
    .array(readLater(tool), { error: "an array of objects" })
    .max(MAX_TOOLS)
    .nullish()
    .describe(
      "Functions, custom tools and namespaces of them that the model may ask the client to call. Tools of other types are dropped and named in `sluice-tools-dropped`.",
    ),
  tool_choice: toolChoice.nullish().describe("Whether the model may, must or must not call tools, or which ones."),
  parallel_tool_calls: boolean().nullish().describe("Whether one answer may contain several calls."),
};

const toolsSchema = z.object(toolFields);
export type WireTools = z.infer<typeof toolsSchema>;

const WORDS: OfferWords = {
  param: "tool_choice",
  placeOf: (index) => `tools[${index}].parameters`,
  unknown: (name) =>
    new InvalidRequestError(`Tool choice '${name}' not found in 'tools' parameter.`, "tool_choice", "invalid_value"),
  nothing: () =>
    new InvalidRequestError(
      "Tool choice other than 'none' or 'auto' is only allowed when 'tools' are specified.",
      "tool_choice",
      "invalid_value",
    ),
};

/**
 * Decodes the fields about tools. Throws `InvalidRequestError` for malformed fields.
 *
 * @param offered the tools that the request offers; undefined if it offers none
 */
export function decodeTools(
  { tool_choice, parallel_tool_calls }: WireTools,
  offered: readonly unknown[] | undefined,
): SaidTools {
  return sayTools(
    offered && decodeToolEntries(offered, "flat"),
    isSet(tool_choice) ? decodeToolChoice(tool_choice) : undefined,
    parallel_tool_calls,
    WORDS,
  );
}

/** A tool as a response shows it. */
export type ShownTool =
  | {
      readonly type: "function";
      readonly name: string;
      readonly description: string | null;
      readonly parameters: Readonly<Record<string, unknown>> | null;
      readonly strict: boolean;
    }
  | {
      readonly type: "custom";
      readonly name: string;
      readonly description?: string;
      readonly format:
        | { readonly type: "text" }
        | { readonly type: "grammar"; readonly syntax: "lark" | "regex"; readonly definition: string };
    }
  | {
      readonly type: "namespace";
      readonly name: string;
      readonly description: string;
      readonly tools: readonly ShownTool[];
    };

const namespace = z.object({
  type: z.literal("namespace"),
  name: z.string(),
  description: z.string().nullish(),
  tools: z.array(z.unknown()),
});
const typed = z.looseObject({ type: z.string().nullish() });

/** A function as a response shows it. */
export function showTool({
  name,
  description,
  parameters,
  strict,
}: Tool | z.infer<typeof functionDefinition>): ShownTool {
  return {
    type: "function",
    name,
    description: description ?? null,
    parameters: typeof parameters === "object" ? parameters : null,
    strict: strict ?? false,
  };
}

/** The offered tools as a response shows them. They are already validated. */
export function showTools(tools: readonly unknown[]): ShownTool[] {
  return tools.flatMap((one) => {
    const wire = typed.parse(one);
    if (wire.type === "namespace") {
      const { type, name, description, tools: inner } = namespace.parse(wire);
      return [{ type, name, description: description ?? "", tools: showTools(inner) }];
    }
    if (wire.type === "custom") return [showCustom(locate(wire, "custom", "", "flat").value)];
    return wire.type === "function" || !wire.type
      ? [showTool(functionDefinition.parse(locate(wire, "function", "", "flat").value))]
      : [];
  });
}

function showCustom(value: unknown): ShownTool {
  const { name, description, format } = customDefinition.parse(value);
  const { syntax, definition } = (format?.type === "grammar" ? (format.grammar ?? format) : undefined) ?? {};
  return {
    type: "custom",
    name,
    ...(description && { description }),
    format: definition ? { type: "grammar", syntax: syntax ?? "lark", definition } : { type: "text" },
  };
}

export type ShownChoice =
  | "none"
  | "auto"
  | "required"
  | { readonly type: "function" | "custom"; readonly name: string }
  | {
      readonly type: "allowed_tools";
      readonly mode: "auto" | "required";
      readonly tools: { readonly type: string; readonly name?: string }[];
    };

/** The tool choice as a response shows it. */
export function showToolChoice(choice: ToolChoice): ShownChoice {
  if (!("named" in choice)) return choice.mode;
  const tools = choice.named.map(({ type, name }) => ({ type, ...(name !== undefined && { name }) }));
  const [only] = tools;
  return choice.isSingle && only !== undefined
    ? { type: only.type === "custom" ? "custom" : "function", name: only.name ?? only.type }
    : { type: "allowed_tools", mode: choice.isForced ? "required" : "auto", tools };
}
