import { z } from "zod";
import { InvalidRequestError } from "./errors.ts";
import { mapOf, string } from "./fields.ts";
import { parseWire } from "./issue.ts";

const MAX_ID_LENGTH = 256;
/** A preset may have this many at most. */
const MAX_VARIABLES = 64;

const text = z.string({ error: "a string" });
const A_VALUE = { error: "a string, number, boolean or object" };

const inputPart = z.discriminatedUnion("type", [
  z.object({ type: z.literal("input_text"), text }),
  z.object({ type: z.literal("input_image") }),
  z.object({ type: z.literal("input_file") }),
]);

const variables = mapOf(z.union([inputPart, text, z.number(), z.boolean()], A_VALUE), MAX_VARIABLES);

export const variablesField = variables
  .nullish()
  .describe("Values for the variables of the preset that `model` names.");

/** `prompt` of the Responses API: a preset, optionally its version, and values for its variables. */
export const promptField = z
  .object(
    {
      id: string(MAX_ID_LENGTH).min(1).describe("The preset's name."),
      version: string(MAX_ID_LENGTH)
        .min(1)
        .nullish()
        .describe("The required version of the preset; any other is refused."),
      variables: variables.nullish().describe("Values for the preset's variables."),
    },
    { error: "an object" },
  )
  .nullish()
  .describe('A preset, as an alternative to `model: "preset/NAME"`.');

const presetFields = z.object({ variables: variablesField, prompt: promptField });

type VariableValues = Readonly<Record<string, string | number | boolean>>;

/** The fields of a body that are about presets. */
export type PresetFields = {
  readonly variables: VariableValues | undefined;
  readonly prompt:
    | { readonly id: string; readonly version: string | undefined; readonly variables: VariableValues }
    | undefined;
};

/**
 * Decodes the fields about presets, before the rest of the body. `prompt` is read only if the protocol has it. Throws
 * `InvalidRequestError` for malformed fields.
 */
export function decodePresetFields(
  body: { readonly variables?: unknown; readonly prompt?: unknown },
  hasPrompt: boolean,
): PresetFields {
  const wire = parseWire(presetFields, { variables: body.variables, prompt: hasPrompt ? body.prompt : undefined });
  const { prompt } = wire;
  return {
    variables: decodeValues(wire.variables, "variables"),
    prompt:
      prompt === undefined || prompt === null
        ? undefined
        : {
            id: prompt.id,
            version: prompt.version ?? undefined,
            variables: decodeValues(prompt.variables, "prompt.variables") ?? {},
          },
  };
}

function decodeValues(wire: z.output<typeof variablesField>, param: string): VariableValues | undefined {
  if (wire === undefined || wire === null) return undefined;
  return Object.fromEntries(
    Object.entries(wire).map(([name, value]) => {
      if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
        throw new InvalidRequestError(
          `Invalid '${param}.${name}': the number has too many digits and would be rounded. Send it as a string.`,
          `${param}.${name}`,
          "invalid_value",
        );
      }
      if (typeof value !== "object") return [name, value];
      if (value.type === "input_text") return [name, value.text];
      throw new InvalidRequestError(
        `'${value.type}' is not supported: the model reads text only. Send '${param}.${name}' as text.`,
        `${param}.${name}`,
        "unsupported_value",
      );
    }),
  );
}
