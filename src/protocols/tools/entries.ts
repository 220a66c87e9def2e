import { z } from "zod";
import type { Tool } from "../../generation/request.ts";
import { boolean, isSet, jsonObject, string } from "../fields.ts";
import { parseWireAt } from "../issue.ts";
import { customTool, type GrammarRoom, inputFormat, MAX_GRAMMAR_CHARACTERS } from "./custom.ts";
import { joinNamespace, MAX_TOOLS, toolName } from "./names.ts";
import type { ToolEntry } from "./offer.ts";

const AN_OBJECT = { error: "an object" };
const MAX_TYPE_LENGTH = 128;

/** The definition of a function. Chat completions nest it under `function`; the Responses API doesn't. */
export const functionDefinition = z.object(
  {
    name: toolName,
    description: z.string({ error: "a string" }).nullish(),
    parameters: jsonObject().nullish(),
    strict: boolean().nullish(),
  },
  AN_OBJECT,
);

/** The definition of a custom tool, whose input is a text. */
export const customDefinition = z.object(
  { name: toolName, description: z.string({ error: "a string" }).nullish(), format: inputFormat.nullish() },
  AN_OBJECT,
);

const namespaceDefinition = z.object(
  {
    name: toolName,
    description: z.string({ error: "a string" }).nullish(),
    tools: z.array(z.unknown(), { error: "an array of objects" }).max(MAX_TOOLS),
  },
  AN_OBJECT,
);

const anyTool = z.looseObject({ type: string(MAX_TYPE_LENGTH).min(1).nullish() }, AN_OBJECT);

/** Whether a protocol nests a tool's definition in an object named like its type. Both forms are accepted in both protocols. */
export type ToolForm = "nested" | "flat";

/** Decodes `tools`, including the tools inside namespaces. Throws `InvalidRequestError` for malformed tools. */
export function decodeToolEntries(values: readonly unknown[], form: ToolForm): ToolEntry[] {
  const room = { characters: MAX_GRAMMAR_CHARACTERS };
  return values.flatMap((value, index) => decodeEntry(value, { param: `tools[${index}]`, form, room }));
}

type Place = {
  readonly param: string;
  readonly form: ToolForm;
  readonly room: GrammarRoom;
  readonly namespace?: string;
};

function decodeEntry(value: unknown, place: Place): ToolEntry[] {
  const { param, form, room, namespace } = place;
  const wire = parseWireAt(anyTool, value, param);
  const type = wire.type ?? ("function" in wire || "name" in wire ? "function" : undefined);
  const inner = type === "function" || type === "custom" ? locate(wire, type, param, form) : undefined;
  switch (type) {
    case "function": {
      const definition = parseWireAt(functionDefinition, inner?.value, inner?.param ?? param);
      const tool = decodeFunction(definition, namespace);
      return [{ label: labelOf(type, definition.name, namespace), tool, place: `${inner?.param ?? param}.parameters` }];
    }
    case "custom": {
      const { name, description, format } = parseWireAt(customDefinition, inner?.value, inner?.param ?? param);
      const made = customTool(joinNamespace(namespace, name), description, format, room);
      return [{ label: labelOf(type, name, namespace), ...made, place: `${inner?.param ?? param}.format` }];
    }
    case "namespace": {
      const { name, tools } = parseWireAt(namespaceDefinition, wire, param);
      return tools.flatMap((tool, index) =>
        decodeEntry(tool, { ...place, param: `${param}.tools[${index}]`, namespace: name }),
      );
    }
    case undefined:
      parseWireAt(z.object({ type: string(MAX_TYPE_LENGTH) }), wire, param);
      return [];
    default: {
      const names = [type, wire.name, wire.server_label].filter((name) => typeof name === "string");
      return [{ unavailable: type, names }];
    }
  }
}

/** Decodes a function to the engine's form. */
export function decodeFunction(
  { name, description, parameters, strict }: z.infer<typeof functionDefinition>,
  namespace?: string,
): Tool {
  return {
    name: joinNamespace(namespace, name),
    ...(isSet(description) ? { description: description.toWellFormed() } : {}),
    ...(isSet(parameters) ? { parameters } : {}),
    ...(isSet(strict) ? { strict } : {}),
  };
}

function labelOf(type: "function" | "custom", name: string, namespace: string | undefined) {
  return { type, name, ...(namespace !== undefined && { namespace }) };
}

/** Finds the object with a tool's definition, and its path. */
export function locate(
  wire: Readonly<Record<string, unknown>>,
  type: "function" | "custom",
  param: string,
  form: ToolForm,
): { readonly value: unknown; readonly param: string } {
  const nested = { value: wire[type], param: `${param}.${type}` };
  if (isSet(wire[type])) return nested;
  return form === "nested" && !isSet(wire.name) ? nested : { value: wire, param };
}
