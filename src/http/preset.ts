import type { Context } from "hono";
import type { Backend } from "../generation/backend.ts";
import { ModelNotFoundError } from "../generation/errors.ts";
import type { WireBody, WireForm } from "../prompts/forms.ts";
import type { PresetLibrary } from "../prompts/library.ts";
import { type OpenedRequest, openPreset } from "../prompts/open.ts";
import type { Preset } from "../prompts/preset.ts";
import { PRESET_PREFIX, type PresetReference, parseReference } from "../prompts/reference.ts";
import { InvalidRequestError } from "../protocols/errors.ts";
import { decodePresetFields } from "../protocols/preset-fields.ts";
import type { ModelDirectory } from "../routing/directory.ts";
import type { HttpEnv } from "./context.ts";
import { modelsFor } from "./model.ts";

/** Puts the preset that a body names into it; a body that names none stays as it is. */
export type OpenPreset = (c: Context<HttpEnv>, body: unknown, form: WireForm) => OpenedRequest;

/** What is done to a request for a model: nothing. */
const leave = (body: unknown): OpenedRequest => ({
  body,
  complete: (wanted) => wanted,
  compose: (prompt) => prompt,
  cache: () => ({}),
});

type Named = PresetReference & {
  readonly given: Readonly<Record<string, unknown>>;
  readonly param: string;
  /** The model that is to answer in place of the preset's own. */
  readonly model?: string;
};

/**
 * Understands requests for presets. What it throws is for the client: `InvalidRequestError`, and `ModelNotFoundError` for a preset that is
 * not there or whose models are not.
 */
export function presetOpener(presets: PresetLibrary, models: ModelDirectory): OpenPreset {
  return (c, body, form) => {
    const named = isObject(body) ? findName(body, form) : undefined;
    if (named === undefined || !isObject(body)) return leave(body);
    const preset = presets.find(named);
    c.get("facts").preset = preset.id;
    const model = named.model ?? modelBehind(preset, modelsFor(c, models)).id;
    return openPreset({ preset, model, body, form, given: named.given, param: named.param });
  };
}

/** The model that answers for a preset: the first of its own that is served. Throws `ModelNotFoundError` where none is. */
export function modelBehind(preset: Preset, served: readonly Backend[]): Backend {
  const found = findModelBehind(preset, served);
  if (found !== undefined) return found;
  const wanted = preset.models.length === 0 ? "a model that writes text" : preset.models.join(", ");
  throw new ModelNotFoundError(
    `${PRESET_PREFIX}${preset.id} (needs ${wanted})`,
    served.map(({ id }) => id),
  );
}

/** As `modelBehind`; undefined where none is served. */
export function findModelBehind(preset: Preset, served: readonly Backend[]): Backend | undefined {
  if (preset.models.length === 0) return served.find(({ can }) => can.text);
  const answersTo = (model: Backend, name: string) =>
    [model.id, ...model.aliases].some((own) => own.toLowerCase() === name.toLowerCase());
  return preset.models
    .map((name) => served.find((model) => answersTo(model, name)))
    .find((model) => model !== undefined);
}

/** Refuses a preset where text is gone on from, not a conversation. */
export function refusePreset(body: unknown): void {
  const { model } = Object(body);
  if (typeof model === "string" && parseReference(model) !== undefined) {
    throw new InvalidRequestError(
      `'${model.slice(0, 128)}' is a preset: a conversation, which this endpoint does not take. ` +
        "Use it at /v1/chat/completions, /v1/responses or /v1/messages.",
      "model",
      "unsupported_model",
    );
  }
}

function isObject(body: unknown): body is WireBody {
  return typeof body === "object" && body !== null && !Array.isArray(body);
}

function findName(body: WireBody, { conversation }: WireForm): Named | undefined {
  const { variables, prompt } = decodePresetFields(body, conversation === "input");
  const model = typeof body.model === "string" ? body.model : undefined;
  const reference = model === undefined ? undefined : parseReference(model);
  if (prompt !== undefined) {
    if (reference !== undefined || variables !== undefined) {
      const other = reference === undefined ? "variables" : "model";
      throw new InvalidRequestError(
        `A preset is named once: 'prompt' has its id and its variables. Leave '${other}' out.`,
        other,
        "invalid_parameter_combination",
      );
    }
    const id = parseReference(prompt.id)?.id ?? prompt.id.toLowerCase();
    return {
      ...{ id, version: prompt.version, given: prompt.variables, param: "prompt.variables" },
      ...(model !== undefined && { model }),
    };
  }
  if (reference !== undefined) return { ...reference, given: variables ?? {}, param: "variables" };
  if (variables === undefined) return undefined;
  throw new InvalidRequestError(
    `'variables' are a preset's, and 'model' names none. Use '${PRESET_PREFIX}NAME', or leave 'variables' out.`,
    "variables",
    "invalid_parameter_combination",
  );
}
