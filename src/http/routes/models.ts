import type { Context, Handler } from "hono";
import type { Backend, BackendState } from "../../generation/backend.ts";
import type { PresetLibrary } from "../../prompts/library.ts";
import { takesInput } from "../../prompts/parse.ts";
import type { Preset } from "../../prompts/preset.ts";
import { findModelBehind, modelBehind, PRESET_PREFIX, parseReference } from "../../prompts/reference.ts";
import { encodeModel as encodeAnthropicModel, encodeModelList } from "../../protocols/messages/models.ts";
import type { ModelDirectory } from "../../routing/directory.ts";
import type { HttpEnv } from "../context.ts";
import { isFromAnthropicClient } from "../error-form.ts";
import { modelsAndRoutesFor, resolveModel } from "../model.ts";

/** `GET /v1/models`, in OpenAI's or Anthropic's form. */
export function listModels(
  models: ModelDirectory,
  presets: PresetLibrary,
  isListingPresets: boolean,
): Handler<HttpEnv> {
  return (c) => {
    const { named, usable } = listFor(c, models, presets, isListingPresets);
    return isFromAnthropicClient(c)
      ? c.json(encodeModelList([...named, ...usable.map(({ preset, model }) => toListed(preset, model))]))
      : c.json({
          object: "list",
          data: [...named.map(encodeModel), ...usable.map(({ preset, model }) => encodePreset(preset, model))],
        });
  };
}

/** Lists the models that the caller may use, by all their names, and the presets that have such a model. */
export function listFor(
  c: Context<HttpEnv>,
  models: ModelDirectory,
  presets: PresetLibrary,
  isListingPresets: boolean,
): { readonly named: readonly ListedModel[]; readonly usable: readonly { preset: Preset; model: Backend }[] } {
  const served = modelsAndRoutesFor(c, models);
  const named = served.flatMap((model) => [
    model,
    ...models.aliases.filter((alias) => alias.model === model.id).map((alias) => renamed(model, alias.name)),
  ]);
  const listed = isListingPresets ? presets.list() : [];
  const usable = listed.flatMap((preset) => {
    const model = findModelBehind(preset, served);
    return model === undefined ? [] : [{ preset, model }];
  });
  return { named, usable };
}

/** `GET /v1/models/{id}`. Slashes and colons in the id may be percent-encoded. Throws `ModelNotFoundError`. */
export function showModel(models: ModelDirectory, presets: PresetLibrary): Handler<HttpEnv> {
  return (c) => {
    const id = c.req.param("id") ?? "";
    const reference = parseReference(id);
    if (reference !== undefined) {
      const preset = presets.find(reference);
      const behind = modelBehind(preset, modelsAndRoutesFor(c, models));
      return isFromAnthropicClient(c)
        ? c.json(encodeAnthropicModel(toListed(preset, behind)))
        : c.json(encodePreset(preset, behind));
    }
    const found = resolveModel(c, models, id);
    const alias = models.aliases.find(({ name }) => name.toLowerCase() === id.toLowerCase());
    const model = alias === undefined ? found : renamed(found, alias.name);
    return isFromAnthropicClient(c) ? c.json(encodeAnthropicModel(model)) : c.json(encodeModel(model));
  };
}

/** Returns a model under another name; `root` has its id. */
function renamed(model: Backend, id: string): ListedModel {
  return { ...model, id, root: model.id };
}

/** `root` is vLLM's field for the model behind an alias; `parent` is vLLM's too, for the model of an adapter. */
export type ListedModel = Backend & { readonly root?: string };

/**
 * Encodes OpenAI's four fields, and others that clients of local servers look for: `max_model_len` is vLLM's, `meta` llama-server's,
 * `architecture` OpenRouter's.
 */
function encodeModel(model: ListedModel) {
  const details = model.details();
  return {
    id: model.id,
    object: "model",
    created: model.createdUnixSeconds,
    owned_by: model.ownedBy,
    ...(model.root !== undefined && { root: model.root }),
    ...(details.parent !== undefined && { parent: details.parent }),
    state: model.state(),
    ...(model.load !== undefined && { status: statusOf(model.state()) }),
    max_model_len: details.contextTokens ?? null,
    architecture: { input_modalities: ["text"], output_modalities: ["text"] },
    capabilities: capabilitiesOf(model),
    // JSON omits undefined fields.
    meta: {
      architecture: details.family,
      quantization: details.quantization,
      n_params: details.parameters,
      n_vocab: details.vocabularySize,
      n_ctx: details.contextTokens,
      n_ctx_train: details.trainContextTokens,
      n_embd: details.embeddingSize,
      size: details.sizeBytes,
      sha256: details.sha256,
    },
  };
}

/** The state of a model on this machine as llama-server's router tells it. */
function statusOf(state: BackendState) {
  switch (state) {
    case "ready":
    case "unloading":
      return { value: "loaded" };
    case "loading":
    case "restarting":
      return { value: "loading" };
    case "unloaded":
      return { value: "unloaded" };
    case "failed":
      return { value: "unloaded", failed: true };
  }
}

/** Encodes a preset as a model, with the properties of its model. */
function encodePreset(preset: Preset, model: Backend) {
  return {
    ...encodeModel(model),
    id: `${PRESET_PREFIX}${preset.id}`,
    created: preset.modifiedUnixSeconds,
    owned_by: "sluice",
    capabilities: ["chat"],
    description: preset.description,
    preset: {
      version: preset.version,
      model: model.id,
      takes_input: takesInput(preset.template),
      variables: preset.variables,
    },
  };
}

function toListed({ id, modifiedUnixSeconds }: Preset, { details }: Backend) {
  return { id: `${PRESET_PREFIX}${id}`, createdUnixSeconds: modifiedUnixSeconds, details };
}

function capabilitiesOf({ can }: Backend): string[] {
  return [
    ...(can.text ? ["completion"] : []),
    ...(can.text && can.chat ? ["chat"] : []),
    ...(can.infill ? ["infill"] : []),
    ...(can.embeddings ? ["embeddings"] : []),
    ...(can.reranking ? ["rerank"] : []),
  ];
}
