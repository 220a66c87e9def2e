import type { Generate } from "../generation/layer.ts";
import type { ModelDirectory } from "./directory.ts";

/**
 * The backend that hands each request to the model it names. Nothing is looked up until the result is iterated, and the model's own
 * iterator is passed on as it is, so that routing costs nothing per token.
 */
export function route(directory: ModelDirectory): Generate {
  return (request) => ({
    [Symbol.asyncIterator]: () => directory.resolve(request.model).generate(request)[Symbol.asyncIterator](),
  });
}
