import type { Handler } from "hono";
import { encodeModel as encodeAnthropicModel, encodeModelList } from "../../protocols/messages/models.ts";
import type { ModelDirectory, ServedModel } from "../../routing/directory.ts";
import type { HttpEnv } from "../context.ts";
import { isFromAnthropicClient } from "../middleware/anthropic-form.ts";
import { modelsFor, resolveModel } from "../model.ts";

/** `GET /v1/models`, in the form of the API that the client speaks. */
export function listModels(models: ModelDirectory): Handler<HttpEnv> {
  return (c) =>
    isFromAnthropicClient(c)
      ? c.json(encodeModelList(modelsFor(c, models)))
      : c.json({ object: "list", data: modelsFor(c, models).map(encodeModel) });
}

/** `GET /v1/models/{id}`, where the id may hold slashes and colons, percent-encoded or not. Throws `ModelNotFoundError`. */
export function showModel(models: ModelDirectory): Handler<HttpEnv> {
  return (c) => {
    const model = resolveModel(c, models, c.req.param("id") ?? "");
    return isFromAnthropicClient(c) ? c.json(encodeAnthropicModel(model)) : c.json(encodeModel(model));
  };
}

/**
 * OpenAI's four fields, and what is known beyond them in the words that clients of local servers look for: `max_model_len` is vLLM's,
 * `meta` llama-server's, `architecture` OpenRouter's.
 */
function encodeModel(model: ServedModel) {
  const { details } = model;
  const info = model.info();
  return {
    id: model.id,
    object: "model",
    created: model.createdUnixSeconds,
    owned_by: model.ownedBy,
    state: model.state(),
    max_model_len: info?.contextTokens ?? null,
    architecture: { input_modalities: ["text"], output_modalities: ["text"] },
    capabilities: capabilitiesOf(model),
    // What is undefined is left out of the JSON.
    meta: {
      architecture: details.architecture,
      quantization: details.quantization,
      n_params: details.parameters,
      n_vocab: details.vocabularySize,
      n_ctx: info?.contextTokens,
      n_ctx_train: details.trainContextTokens,
      n_embd: info?.embeddingSize,
      size: details.sizeBytes,
      sha256: details.sha256,
    },
  };
}

function capabilitiesOf({ details, info, embed }: ServedModel): string[] {
  return [
    ...(details.writesText ? ["completion"] : []),
    ...(details.writesText && details.hasChatTemplate ? ["chat"] : []),
    ...(info()?.canInfill === true ? ["infill"] : []),
    ...(embed !== undefined && !details.reranks ? ["embeddings"] : []),
    ...(details.reranks ? ["rerank"] : []),
  ];
}
