import type { Context } from "hono";
import { type Backend, partOf } from "../generation/backend.ts";
import {
  type Embed,
  type EmbeddingRefusal,
  EmbeddingRefusedError,
  type EmbeddingRequest,
  type EmbeddingResult,
} from "../generation/embedding.ts";
import type { InvalidRequestError } from "../protocols/errors.ts";
import type { ModelDirectory } from "../routing/directory.ts";
import type { HttpEnv } from "./context.ts";
import { CLIENT_CLOSED_REQUEST } from "./errors.ts";
import { noteNews } from "./generation.ts";
import { makeTerms } from "./terms.ts";

/** What the routes of vectors and scores are answered with. */
export type EmbeddingDeps = {
  readonly models: ModelDirectory;
  /** Runs a request through all layers to the model. */
  readonly embed: Embed;
};

export type EmbeddingRun = {
  readonly embed: Embed;
  readonly model: Backend;
  readonly work: Pick<EmbeddingRequest, "items" | "dimensions">;
  /** Stands for the client's connection: when it is aborted, so is the work. */
  readonly connection: AbortSignal;
  /** Puts a refusal into the protocol's words. */
  readonly describeRefusal: (index: number, refusal: EmbeddingRefusal) => InvalidRequestError;
  readonly encode: (result: EmbeddingResult) => object;
};

/** Has vectors made for one client and answers with them. Throws what is to be told as an error. */
export async function answerWithVectors(c: Context<HttpEnv>, run: EmbeddingRun): Promise<Response> {
  const { embed, model, work, connection, describeRefusal, encode } = run;
  const facts = c.get("facts");
  // What it can't do, it is not charged for.
  partOf(model, "embed");
  const terms = makeTerms(c, undefined);
  try {
    const result = await embed({
      ...{ ...work, id: c.get("requestId"), model: model.id, terms },
      ...{ observe: noteNews(c), signal: connection },
    });
    facts.tokens = () => ({ prompt: result.tokens, cached: 0, completion: 0, reasoning: 0 });
    return c.json(encode(result));
  } catch (error) {
    if (connection.aborted) {
      facts.clientGone = true;
      return new Response(null, { status: CLIENT_CLOSED_REQUEST });
    }
    if (error instanceof EmbeddingRefusedError) throw describeRefusal(error.index, error.refusal);
    throw error;
  }
}
