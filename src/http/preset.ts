import type { Context } from "hono";
import type { Wish } from "../generation/wish.ts";
import { applyPreset } from "../prompts/apply.ts";
import type { Values } from "../prompts/compose.ts";
import type { PresetLibrary } from "../prompts/library.ts";
import { takesInput } from "../prompts/parse.ts";
import type { Preset } from "../prompts/preset.ts";
import { modelBehind, PRESET_PREFIX, type PresetReference, parseReference } from "../prompts/reference.ts";
import { INPUT } from "../prompts/template.ts";
import { resolveVariables } from "../prompts/variables.ts";
import { InvalidRequestError } from "../protocols/errors.ts";
import { isSet } from "../protocols/fields.ts";
import { decodePresetFields } from "../protocols/preset-fields.ts";
import type { ModelDirectory } from "../routing/directory.ts";
import type { HttpEnv } from "./context.ts";
import { modelsAndRoutesFor } from "./model.ts";

/** A request's body: an object, not yet decoded. */
type Body = Readonly<Record<string, unknown>>;

/** A protocol's field for the conversation. `optional`: there are several, and a request without a conversation asks for something else. */
export type Conversation = "messages" | "input" | "optional";

/** A request's preset, with the texts of its variables. */
export type PresetUse = { readonly preset: Preset; readonly values: Values };

/** A body to be decoded, and its preset. */
type OpenedRequest = { readonly body: unknown; readonly use: PresetUse | undefined };

/** Finds a body's preset. The returned body names the model to use, and has the user's message if it came as a variable. */
export type OpenPreset = (c: Context<HttpEnv>, body: unknown, conversation: Conversation) => OpenedRequest;

type Named = PresetReference & {
  readonly given: Body;
  readonly param: string;
  /** The model to use instead of the preset's own. */
  readonly model?: string;
};

/**
 * Returns the function that finds presets. It throws `InvalidRequestError`, also if variables are unknown, missing or of the wrong type,
 * and `ModelNotFoundError` if the preset or all of its models don't exist.
 */
export function presetOpener(presets: PresetLibrary, models: ModelDirectory): OpenPreset {
  return (c, body, conversation) => {
    const named = isObject(body) ? findName(body, conversation) : undefined;
    if (named === undefined || !isObject(body)) return { body, use: undefined };
    const preset = presets.find(named);
    c.get("facts").preset = preset.id;
    const model = named.model ?? modelBehind(preset, modelsAndRoutesFor(c, models)).id;
    const { [INPUT]: input, ...variables } = named.given;
    const resolved = resolveVariables(preset.variables, variables);
    if ("fault" in resolved) {
      const { name, code, message } = resolved.fault;
      throw new InvalidRequestError(`The preset '${preset.id}': ${message}`, `${named.param}.${name}`, code);
    }
    const said = addInput(preset, body, conversation, input, named.param);
    return { body: { ...said, model }, use: { preset, values: resolved.values } };
  };
}

/** Fills in what the preset says, if there is one. */
export function addPreset(use: PresetUse | undefined, wish: Wish): Wish {
  return use === undefined ? wish : applyPreset(use.preset, use.values, wish);
}

/** Adds the user's message to a body without a conversation, unless it continues an earlier request. */
function addInput(preset: Preset, body: Body, conversation: Conversation, input: unknown, param: string): Body {
  const said = body[conversation];
  const isEmpty = conversation !== "optional" && (!isSet(said) || (Array.isArray(said) && said.length === 0));
  const goesOn = conversation === "input" && (isSet(body.previous_response_id) || isSet(body.conversation));
  const isWelcome = takesInput(preset.template) && isEmpty;
  if (input !== undefined && (typeof input !== "string" || !isWelcome)) {
    throw new InvalidRequestError(
      typeof input !== "string"
        ? `The preset '${preset.id}': the variable '${INPUT}' must be text.`
        : `The preset '${preset.id}': '${INPUT}' is the user's message. ${placeOfInput()}`,
      `${param}.${INPUT}`,
      "invalid_variable",
    );
  }
  if (!isEmpty) return body;
  if (typeof input === "string") return say(body, conversation, input);
  if (goesOn) return body;
  if (!takesInput(preset.template)) return say(body, conversation, "");
  throw new InvalidRequestError(
    `The preset '${preset.id}' needs the user's message. Give it in '${conversation}', or as '${INPUT}' in '${param}'.`,
    conversation,
    "missing_required_parameter",
  );

  function placeOfInput(): string {
    if (isEmpty) return "This preset doesn't take one.";
    return conversation === "optional"
      ? `Give it outside of '${param}'.`
      : `Give it in '${conversation}' or in '${param}', not in both.`;
  }
}

function say(body: Body, conversation: Conversation, text: string): Body {
  return { ...body, [conversation]: conversation === "input" ? text : [{ role: "user", content: text }] };
}

/** Refuses presets at endpoints that continue a text rather than a conversation. */
export function refusePreset(body: unknown): void {
  const { model } = Object(body);
  if (typeof model === "string" && parseReference(model) !== undefined) {
    throw new InvalidRequestError(
      `'${model.slice(0, 128)}' is a preset, which this endpoint does not accept. ` +
        "Use it at /v1/chat/completions, /v1/responses or /v1/messages.",
      "model",
      "unsupported_model",
    );
  }
}

function isObject(body: unknown): body is Body {
  return typeof body === "object" && body !== null && !Array.isArray(body);
}

function findName(body: Body, conversation: Conversation): Named | undefined {
  const { variables, prompt } = decodePresetFields(body, conversation === "input");
  const model = typeof body.model === "string" ? body.model : undefined;
  const reference = model === undefined ? undefined : parseReference(model);
  if (prompt !== undefined) {
    if (reference !== undefined || variables !== undefined) {
      const other = reference === undefined ? "variables" : "model";
      throw new InvalidRequestError(
        `'prompt' already names the preset and its variables. Leave '${other}' out.`,
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
    `'variables' needs a preset. Set 'model' to '${PRESET_PREFIX}NAME', or leave 'variables' out.`,
    "variables",
    "invalid_parameter_combination",
  );
}
