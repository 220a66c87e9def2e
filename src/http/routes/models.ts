import type { Handler } from "hono";
import type { ModelDirectory, ServedModel } from "../../routing/directory.ts";
import type { HttpEnv } from "../context.ts";

/** `GET /v1/models` */
export function listModels(models: ModelDirectory): Handler<HttpEnv> {
  return (c) => c.json({ object: "list", data: models.list().map(encodeModel) });
}

/** `GET /v1/models/{id}`, where the id may hold slashes and colons, percent-encoded or not. Throws `ModelNotFoundError`. */
export function showModel(models: ModelDirectory): Handler<HttpEnv> {
  return (c) => c.json(encodeModel(models.resolve(c.req.param("id") ?? "")));
}

function encodeModel(model: ServedModel) {
  return { id: model.id, object: "model", created: model.createdUnixSeconds, owned_by: model.ownedBy };
}
