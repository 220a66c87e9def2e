import type { Context } from "hono";
import { type Backend, partOf } from "../generation/backend.ts";
import {
  type EmbeddingRefusal,
  EmbeddingRefusedError,
  type EmbeddingRequest,
  type EmbeddingResult,
} from "../generation/embedding.ts";
import { OverloadedError } from "../generation/errors.ts";
import { estimateItems } from "../keys/estimate.ts";
import type { Charge, Outcome } from "../keys/meter.ts";
import type { InvalidRequestError } from "../protocols/errors.ts";
import type { HttpEnv } from "./context.ts";
import { CLIENT_CLOSED_REQUEST } from "./errors.ts";

export type EmbeddingRun = {
  readonly model: Backend;
  readonly work: Omit<EmbeddingRequest, "id" | "signal">;
  /** Stands for the client's connection: when it is aborted, so is the work. */
  readonly connection: AbortSignal;
  /** Puts a refusal into the protocol's words. */
  readonly describeRefusal: (index: number, refusal: EmbeddingRefusal) => InvalidRequestError;
  readonly encode: (result: EmbeddingResult) => object;
};

/** Has vectors made for one client and answers with them. Throws what is to be told as an error. */
export async function answerWithVectors(c: Context<HttpEnv>, run: EmbeddingRun): Promise<Response> {
  const { model, work, connection, describeRefusal, encode } = run;
  const facts = c.get("facts");
  const embed = partOf(model, "embed");
  const charge = await beginWork(c, model, work);
  try {
    const result = await embed({ ...work, id: c.get("requestId"), signal: connection });
    facts.tokens = () => ({ prompt: result.tokens, cached: 0, completion: 0, reasoning: 0 });
    charge?.end("done", { prompt: result.tokens, cached: 0, completion: 0 });
    return c.json(encode(result));
  } catch (error) {
    charge?.end(outcomeOf(error, connection), { prompt: 0, cached: 0, completion: 0 });
    if (connection.aborted) {
      facts.clientGone = true;
      return new Response(null, { status: CLIENT_CLOSED_REQUEST });
    }
    if (error instanceof EmbeddingRefusedError) throw describeRefusal(error.index, error.refusal);
    throw error;
  }
}

/** Holds the work to the limits of the caller's key, where it has one. Throws `RateLimitedError` or `BeyondLimitError`. */
async function beginWork(
  c: Context<HttpEnv>,
  model: Backend,
  { items }: EmbeddingRun["work"],
): Promise<Charge | undefined> {
  const [key, meter] = [c.get("key"), c.get("meter")];
  if (key === undefined) return undefined;
  return meter?.begin(key, { requestId: c.get("requestId"), model: model.id, tokens: estimateItems(items) });
}

function outcomeOf(error: unknown, connection: AbortSignal): Outcome {
  if (connection.aborted) return "left";
  return error instanceof OverloadedError ? "refused" : "failed";
}
