import { z } from "zod";
import { decodeTools, toolFields } from "../protocols/chat/tools.ts";
import { InvalidRequestError } from "../protocols/errors.ts";
import { parseWire } from "../protocols/issue.ts";
import { decodeResponseFormat } from "../protocols/output-format.ts";
import type { Example, Preset } from "./preset.ts";
import { type PresetFile, presetSchema } from "./schema.ts";
import { INPUT, parseTemplate, renderTemplate, type Template } from "./template.ts";
import { resolveVariables } from "./variables.ts";
import { type Fault, parseFile, parseYaml } from "./yaml.ts";

const toolsSchema = z.object(toolFields);

/** Where a preset's text is from. */
export type PresetSource = {
  /** As messages show it. */
  readonly path: string;
  /** The file's name without its ending. */
  readonly name: string;
  readonly modifiedUnixSeconds: number;
};

/** The preset that a file's text holds. Throws `PresetError` that names the line, column and field of everything that is wrong. */
export function parsePreset(text: string, { path, name, modifiedUnixSeconds }: PresetSource): Preset {
  const file = parseYaml(text, path);
  const data = parseFile(presetSchema, file);
  const system = data.system === undefined ? undefined : parseTemplate(data.system);
  const template = data.template === undefined ? undefined : parseTemplate(data.template);
  const faults: Fault[] = [
    ...(data.id === name
      ? []
      : [{ path: ["id"], message: `must be "${name}", as the file's name has it, not "${data.id}"` }]),
    ...findPlaceFaults(data, system, "system", []),
    ...findPlaceFaults(data, template, "template", [INPUT]),
    ...findValueFaults(data),
    ...findAnswerFaults(data),
  ];
  if (faults.length > 0) throw file.toError(faults);
  return {
    ...{ id: data.id, version: data.version, description: data.description, modifiedUnixSeconds },
    models: data.model === undefined ? [] : [data.model].flat(),
    system,
    template,
    examples: data.examples.map((example) => renderExample(example, data, template)),
    variables: data.variables,
    sampling: data.sampling,
    maxTokens: data.maxTokens,
    maxTokensLimit: data.maxTokensLimit,
    responseSchema: data.responseSchema,
    tools: decodePresetTools(data) ?? [],
    cache: data.cache,
    warm: data.warm,
  };
}

/** Whether the template has a place for the user's message. */
export function takesInput(template: Template | undefined): boolean {
  return template === undefined || template.names.includes(INPUT);
}

function renderExample(
  { user, assistant, variables }: PresetFile["examples"][number],
  data: PresetFile,
  template: Template | undefined,
): Example {
  if (template === undefined || !takesInput(template)) return { user, assistant };
  const resolved = resolveVariables(data.variables, variables);
  if ("fault" in resolved) throw new Error(resolved.fault.message);
  return { user: renderTemplate(template, new Map([...resolved.values, [INPUT, user]])), assistant };
}

function findPlaceFaults(
  { variables }: PresetFile,
  template: Template | undefined,
  field: string,
  alsoKnown: readonly string[],
): readonly Fault[] {
  const known = [...Object.keys(variables), ...alsoKnown];
  return (template?.names ?? [])
    .filter((name) => !known.includes(name))
    .map((name) => ({
      path: [field],
      message: `{{${name}}} is no variable of this preset. ${known.length === 0 ? "It has none." : `There are: ${known.join(", ")}.`}`,
    }));
}

/** Defaults and values that don't fit their variables. */
function findValueFaults({ variables, examples, warm, template }: PresetFile): readonly Fault[] {
  const defaults = Object.entries(variables).flatMap(([name, variable]): Fault[] => {
    if (variable.default === undefined) return [];
    const resolved = resolveVariables({ [name]: variable }, {});
    return "fault" in resolved ? [{ path: ["variables", name, "default"], message: resolved.fault.message }] : [];
  });
  const isTemplated = template !== undefined && takesInput(parseTemplate(template));
  return [
    ...defaults,
    ...examples.flatMap((example, index) => {
      if (isTemplated) return findUseFaults(variables, example.variables, ["examples", index]);
      const [name] = Object.keys(example.variables);
      if (name === undefined) return [];
      const message = "an example's variables go into a template with {{input}}, and there is none";
      return [{ path: ["examples", index, "variables"], message }];
    }),
    ...warm.flatMap((use, index) => findUseFaults(variables, use.variables, ["warm", index])),
  ];
}

function findUseFaults(
  variables: PresetFile["variables"],
  given: Readonly<Record<string, unknown>>,
  path: readonly PropertyKey[],
): readonly Fault[] {
  const resolved = resolveVariables(variables, given);
  return "fault" in resolved ? [{ path: [...path, "variables"], message: resolved.fault.message }] : [];
}

/** What an answer could not be held to, and tools that could not be offered. */
function findAnswerFaults(data: PresetFile): readonly Fault[] {
  const schema = { type: "json_object", schema: data.responseSchema };
  return [
    ...findRefusal("responseSchema", () =>
      data.responseSchema === undefined ? undefined : decodeResponseFormat(schema, "responseSchema"),
    ),
    ...findRefusal("tools", () => decodePresetTools(data)),
  ];
}

function decodePresetTools({ tools }: PresetFile): Preset["tools"] | undefined {
  const wire = tools?.map((tool) => ({ type: "function", function: tool }));
  const { use, dropped } = decodeTools(parseWire(toolsSchema, { tools: wire }));
  const [twice] = dropped;
  if (twice !== undefined) {
    throw new InvalidRequestError(`Two tools have the name '${twice}'. Give each its own.`, "tools", "invalid_value");
  }
  return use?.tools;
}

function findRefusal(field: string, check: () => unknown): readonly Fault[] {
  try {
    check();
    return [];
  } catch (error) {
    if (error instanceof InvalidRequestError) return [{ path: [field], message: error.message }];
    throw error;
  }
}
