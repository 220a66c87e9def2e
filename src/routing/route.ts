import { partOf } from "../generation/backend.ts";
import type { Embed } from "../generation/embedding.ts";
import type { Generate } from "../generation/layer.ts";
import { assertAble } from "./able.ts";
import type { ModelDirectory } from "./directory.ts";

/**
 * Passes each request to the model that it names. The model is looked up when the result is iterated, and its own iterator is returned, so
 * that routing costs nothing per token. Throws `NotSupportedByModelError` for features that the model doesn't have.
 */
export function route(directory: Pick<ModelDirectory, "reach">): Generate {
  return (request) => ({
    [Symbol.asyncIterator]() {
      const backend = directory.reach(request.model);
      const generate = partOf(backend, "generate");
      assertAble(backend, request);
      return generate(request)[Symbol.asyncIterator]();
    },
  });
}

/** As `route`, for embeddings and scores. */
export function routeEmbeddings(directory: Pick<ModelDirectory, "reach">): Embed {
  return async (request) => partOf(directory.reach(request.model), "embed")(request);
}
