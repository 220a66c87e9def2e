import type { Handler } from "hono";
import { partOf } from "../generation/backend.ts";
import {
  type Embed,
  EmbeddingRefusedError,
  type EmbeddingRequest,
  type EmbeddingResult,
} from "../generation/embedding.ts";
import { NotSupportedByModelError } from "../generation/errors.ts";
import { refusalError } from "../protocols/embeddings/refusal.ts";
import type { ModelDirectory } from "../routing/directory.ts";
import type { HttpEnv } from "./context.ts";
import { CLIENT_CLOSED_REQUEST } from "./errors.ts";
import { noteNews } from "./generation.ts";
import { readJson } from "./json-body.ts";
import { chooseModel, namedByTarget, type Task } from "./model.ts";
import { makeTerms } from "./terms.ts";

/** The dependencies of the routes for vectors and scores. */
export type EmbeddingDeps = {
  readonly models: ModelDirectory;
  /** Runs a request through all layers to the model. */
  readonly embed: Embed;
};

/** A decoded request for vectors or scores. */
export type EmbeddingCall = {
  /** The model as the client named it; undefined if it named none. */
  readonly model: string | undefined;
  readonly work: Pick<EmbeddingRequest, "items" | "dimensions">;
  /** The field of the request that holds the item at this index. */
  readonly placeOf: (index: number) => string;
  /** @param model the id of the model that answered */
  readonly encode: (result: EmbeddingResult, model: string) => object;
};

/**
 * Handles requests for vectors or scores, beginning with their bodies. A request without items loads the model.
 *
 * @param decode decodes a body; throws `InvalidRequestError`
 */
export function answerWithVectors(
  { models, embed }: EmbeddingDeps,
  task: Exclude<Task, "text">,
  decode: (body: unknown) => EmbeddingCall,
): Handler<HttpEnv> {
  return async (c) => {
    // Taken before the body is read: reading a chunked body puts another Request in its place.
    const connection = c.req.raw.signal;
    const { model: name, work, placeOf, encode } = decode(await readJson(c));
    const model = chooseModel(c, models, name, task);
    if (task === "rerank" && !model.can.reranking) throw new NotSupportedByModelError(model.id, "reranking");
    if (work.items.length === 0) {
      await model.load?.();
      return c.json(encode({ vectors: [], tokens: 0 }, model.id));
    }
    const facts = c.get("facts");
    // Before the key is charged.
    partOf(model, "embed");
    const terms = makeTerms(c, undefined);
    try {
      const result = await embed({
        ...{ ...work, id: c.get("requestId"), model: model.id, terms },
        ...{ observe: noteNews(c), signal: connection },
      });
      facts.tokens = () => ({ prompt: result.tokens, cached: 0, completion: 0, reasoning: 0 });
      return c.json(encode(result, namedByTarget(c, model).id));
    } catch (error) {
      if (connection.aborted) {
        facts.clientGone = true;
        return new Response(null, { status: CLIENT_CLOSED_REQUEST });
      }
      if (error instanceof EmbeddingRefusedError) {
        throw refusalError(error.refusal, placeOf(error.index), model.id);
      }
      throw error;
    }
  };
}
