import type { Tool } from "../generation/request.ts";
import { UnsupportedSchemaError } from "../grammar/errors.ts";
import { findDropped } from "../grammar/output.ts";
import type { Example, Preset } from "./preset.ts";
import { type PresetFile, presetSchema } from "./schema.ts";
import { INPUT, parseTemplate, renderTemplate, type Template } from "./template.ts";
import { resolveVariables } from "./variables.ts";
import { type Fault, parseFile, parseYaml } from "./yaml.ts";

/** The origin of a preset's text. */
export type PresetSource = {
  /** The path in messages. */
  readonly path: string;
  /** The file name without its extension. */
  readonly name: string;
  readonly modifiedUnixSeconds: number;
};

/** Parses a preset. Throws `PresetError` with the line, column and field of every problem. */
export function parsePreset(text: string, { path, name, modifiedUnixSeconds }: PresetSource): Preset {
  const file = parseYaml(text, path);
  const data = parseFile(presetSchema, file);
  const system = data.system === undefined ? undefined : parseTemplate(data.system);
  const template = data.template === undefined ? undefined : parseTemplate(data.template);
  const faults: Fault[] = [
    ...(data.id === name ? [] : [{ path: ["id"], message: `must be "${name}", like the file name, not "${data.id}"` }]),
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
    tools: (data.tools ?? []).map(toTool),
    localOnly: data.localOnly,
    cascade: data.cascade,
    cache: data.cache,
    warm: data.warm,
  };
}

/** Whether the template has a placeholder for the user's message. */
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
      message: `{{${name}}} is not a variable of this preset. ${known.length === 0 ? "It has no variables." : `Its variables: ${known.join(", ")}.`}`,
    }));
}

/** Finds defaults and values that don't fit their variables. */
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
      const message = "an example's variables need a template with {{input}}, but the preset has none";
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

/** Finds schemas that can't be enforced, and tools with the same name. */
function findAnswerFaults({ responseSchema, tools = [] }: PresetFile): readonly Fault[] {
  const fault = responseSchema === undefined ? undefined : findSchemaFault(responseSchema);
  const names = tools.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  return [
    ...(fault === undefined ? [] : [{ path: ["responseSchema"], message: fault }]),
    ...(twice === undefined
      ? []
      : [{ path: ["tools"], message: `Two tools have the name '${twice}'. Give each tool its own name.` }]),
  ];
}

function findSchemaFault(schema: NonNullable<PresetFile["responseSchema"]>): string | undefined {
  try {
    findDropped({ type: "schema", schema }, "responseSchema.schema");
    return undefined;
  } catch (error) {
    if (error instanceof UnsupportedSchemaError) return error.message;
    throw error;
  }
}

function toTool({ name, description, parameters, strict }: NonNullable<PresetFile["tools"]>[number]): Tool {
  return {
    name,
    ...(description !== undefined && { description: description.toWellFormed() }),
    ...(parameters !== undefined && { parameters }),
    ...(strict !== undefined && { strict }),
  };
}
