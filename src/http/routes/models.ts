import type { Handler } from "hono";
import { encodeModel as encodeAnthropicModel, encodeModelList } from "../../protocols/messages/models.ts";
import type { ModelDirectory, ServedModel } from "../../routing/directory.ts";
import type { HttpEnv } from "../context.ts";
import { isFromAnthropicClient } from "../middleware/anthropic-form.ts";

/** `GET /v1/models`, in the form of the API that the client speaks. */
export function listModels(models: ModelDirectory): Handler<HttpEnv> {
  return (c) =>
    isFromAnthropicClient(c)
      ? c.json(encodeModelList(models.list()))
      : c.json({ object: "list", data: models.list().map(encodeModel) });
}

/** `GET /v1/models/{id}`, where the id may hold slashes and colons, percent-encoded or not. Throws `ModelNotFoundError`. */
export function showModel(models: ModelDirectory): Handler<HttpEnv> {
  return (c) => {
    const model = models.resolve(c.req.param("id") ?? "");
    return isFromAnthropicClient(c) ? c.json(encodeAnthropicModel(model)) : c.json(encodeModel(model));
  };
}

function encodeModel(model: ServedModel) {
  return { id: model.id, object: "model", created: model.createdUnixSeconds, owned_by: model.ownedBy };
}
