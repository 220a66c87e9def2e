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
import { modelsFor } from "./model.ts";

/** A request's body, of which nothing is known yet but that it is an object. */
type Body = Readonly<Record<string, unknown>>;

/** The field in which a protocol has the conversation. `optional`: it has several, and a request without a conversation asks for something else. */
export type Conversation = "messages" | "input" | "optional";

/** A preset that a request names, with the texts of its variables. */
export type PresetUse = { readonly preset: Preset; readonly values: Values };

/** A body that is to be read, and the preset that it names. */
type OpenedRequest = { readonly body: unknown; readonly use: PresetUse | undefined };

/** Finds the preset that a body names. Its body then has the model that answers, and the user's message where that was given as a variable. */
export type OpenPreset = (c: Context<HttpEnv>, body: unknown, conversation: Conversation) => OpenedRequest;

type Named = PresetReference & {
  readonly given: Body;
  readonly param: string;
  /** The model that is to answer in place of the preset's own. */
  readonly model?: string;
};

/**
 * Understands requests for presets. What it throws is for the client: `InvalidRequestError`, also for variables that are unknown, missing or
 * of the wrong kind, and `ModelNotFoundError` for a preset that is not there or whose models are not.
 */
export function presetOpener(presets: PresetLibrary, models: ModelDirectory): OpenPreset {
  return (c, body, conversation) => {
    const named = isObject(body) ? findName(body, conversation) : undefined;
    if (named === undefined || !isObject(body)) return { body, use: undefined };
    const preset = presets.find(named);
    c.get("facts").preset = preset.id;
    const model = named.model ?? modelBehind(preset, modelsFor(c, models)).id;
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

/** What is asked for, together with what the preset says, if there is one. */
export function addPreset(use: PresetUse | undefined, wish: Wish): Wish {
  return use === undefined ? wish : applyPreset(use.preset, use.values, wish);
}

/** The body with a user's message where it has no conversation, but for one that goes on from another request. */
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
    if (isEmpty) return "This preset takes none.";
    return conversation === "optional"
      ? `Give it outside of '${param}'.`
      : `Give it in '${conversation}' or in '${param}', not in both.`;
  }
}

function say(body: Body, conversation: Conversation, text: string): Body {
  return { ...body, [conversation]: conversation === "input" ? text : [{ role: "user", content: text }] };
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
