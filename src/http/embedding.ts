import type { Handler } from "hono";
import { type Backend, type KeptBy, partOf } from "../generation/backend.ts";
import {
  type Embed,
  EmbeddingRefusedError,
  type EmbeddingRequest,
  type EmbeddingResult,
} from "../generation/embedding.ts";
import { NotSupportedByModelError } from "../generation/errors.ts";
import type { Observe } from "../generation/news.ts";
import { isJsonObject } from "../json/exact-number.ts";
import { refusalError } from "../protocols/embeddings/refusal.ts";
import type { ModelDirectory } from "../routing/directory.ts";
import type { HttpEnv } from "./context.ts";
import { CLIENT_CLOSED_REQUEST } from "./errors.ts";
import { noteNews } from "./generation.ts";
import { type JsonBody, readJsonText } from "./json-body.ts";
import { chooseModel, namedByTarget, type Task } from "./model.ts";
import { keptBy } from "./tenant.ts";
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
  readonly work: Pick<EmbeddingRequest, "items" | "dimensions" | "passedBody">;
  /** How long the model is to stay loaded after it, in ms, or for ever; absent leaves it as it is. */
  readonly keepAlive?: { readonly ms: number | undefined } | undefined;
  /** The field of the request that holds the item at this index. */
  readonly placeOf: (index: number) => string;
  /** @param model the id of the model that answered */
  readonly encode: (result: EmbeddingResult, model: string) => object;
};

/** Says how long a model is to stay loaded, once a request to it has its turn. */
function keeping(model: Backend, keepAlive: EmbeddingCall["keepAlive"], by: KeptBy): Observe | undefined {
  if (keepAlive === undefined) return undefined;
  return ({ type }) => {
    if (type === "admitted") model.keepLoaded?.(keepAlive.ms, by);
  };
}

/**
 * Handles requests for vectors or scores, beginning with their bodies. A request without items loads the model.
 *
 * @param decode decodes a body; throws `InvalidRequestError`
 * @param peek returns the items of a body that the model takes as it came; undefined if it must be decoded
 */
export function answerWithVectors(
  { models, embed }: EmbeddingDeps,
  task: Exclude<Task, "text">,
  decode: (body: unknown) => EmbeddingCall,
  peek: (body: Readonly<Record<string, unknown>>) => EmbeddingRequest["items"] | undefined = () => undefined,
): Handler<HttpEnv> {
  /** A request that its model takes as it came. */
  function passedCall({ text: passedBody, value }: JsonBody): EmbeddingCall | undefined {
    if (!isJsonObject(value) || typeof value.model !== "string") return undefined;
    const { model } = value;
    if (models.find(model)?.passes?.("embeddings", value) !== true) return undefined;
    const items = peek(value);
    if (items === undefined) return undefined;
    return { model, work: { items, dimensions: undefined, passedBody }, placeOf: () => "input", encode: () => ({}) };
  }

  return async (c) => {
    // Taken before the body is read: reading a chunked body puts another Request in its place.
    const connection = c.req.raw.signal;
    const read = await readJsonText(c);
    const { model: name, keepAlive, work, placeOf, encode } = passedCall(read) ?? decode(read.value);
    const model = chooseModel(c, models, name, task);
    if (task === "rerank" && !model.can.reranking) throw new NotSupportedByModelError(model.id, "reranking");
    if (work.items.length === 0) {
      if (keepAlive?.ms !== 0) await model.load?.();
      if (keepAlive !== undefined) model.keepLoaded?.(keepAlive.ms, keptBy(c));
      return c.json(encode({ vectors: [], tokens: 0 }, model.id));
    }
    const facts = c.get("facts");
    // Before the key is charged.
    partOf(model, "embed");
    const terms = makeTerms(c, undefined);
    try {
      const result = await embed({
        ...{ ...work, id: c.get("requestId"), model: model.id, terms },
        ...{ observe: noteNews(c, undefined, keeping(model, keepAlive, keptBy(c))), signal: connection },
      });
      facts.tokens = () => ({ prompt: result.tokens, cached: 0, completion: 0, reasoning: 0 });
      if (result.text !== undefined) return c.body(result.text, 200, { "content-type": "application/json" });
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
