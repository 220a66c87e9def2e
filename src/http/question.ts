import type { Context } from "hono";
import { type Backend, partOf } from "../generation/backend.ts";
import { OverloadedError } from "../generation/errors.ts";
import type { Asker } from "../generation/model.ts";
import type { GenerationRequest } from "../generation/request.ts";
import { OWN_TERMS } from "../generation/terms.ts";
import type { Charge, Outcome } from "../keys/meter.ts";
import type { HttpEnv } from "./context.ts";
import { CLIENT_CLOSED_REQUEST } from "./errors.ts";
import { askerOf } from "./tenant.ts";

export type Question = {
  readonly model: Pick<Backend, "id">;
  /** An estimate of its text's tokens. */
  readonly tokens: number;
  /** Aborted when the client's connection ends. Must be taken before the body is read. */
  readonly connection: AbortSignal;
};

/** The charge to a key for a token that is only counted or converted to text, relative to an evaluated one. */
const SHARE_OF_A_TOKEN = 1 / 16;

/**
 * Answers a question about text as a request of the caller's key, and cancels it if the client leaves. Throws `RateLimitedError`,
 * `BeyondLimitError`, or what `answer` throws.
 */
export async function answerQuestion(
  c: Context<HttpEnv>,
  { model, tokens, connection }: Question,
  answer: (asker: Asker) => Promise<Response>,
): Promise<Response> {
  const charge = await begin(c, model.id, Math.ceil(tokens * SHARE_OF_A_TOKEN));
  try {
    const response = await answer(askerOf(c, connection));
    charge?.end("done");
    return response;
  } catch (error) {
    charge?.end(outcomeOf(error, connection));
    if (!connection.aborted) throw error;
    c.get("facts").clientGone = true;
    return new Response(null, { status: CLIENT_CLOSED_REQUEST });
  }
}

async function begin(c: Context<HttpEnv>, model: string, tokens: number) {
  const [key, meter] = [c.get("key"), c.get("meter")];
  if (key === undefined || meter === undefined) return undefined;
  const charge: Charge = await meter.begin(key, { requestId: c.get("requestId"), model, tokens });
  return {
    end(outcome: Outcome): void {
      charge.end(outcome, [{ used: { prompt: outcome === "done" ? tokens : 0, cached: 0, completion: 0 } }]);
    },
  };
}

function outcomeOf(error: unknown, connection: AbortSignal): Outcome {
  if (connection.aborted) return "left";
  return error instanceof OverloadedError ? "refused" : "failed";
}

/** Counts the tokens that the engine would get for this prompt. */
export async function measurePrompt(
  c: Context<HttpEnv>,
  model: Pick<Backend, "id" | "can" | "measure">,
  wanted: Omit<GenerationRequest, "id" | "model" | "signal" | "terms">,
  { tenant, localOnly = false, signal = new AbortController().signal }: Asker,
): Promise<number> {
  // The answer's format is not part of the prompt, and is slow to compile.
  const { output, ...rest } = wanted;
  const terms = { ...OWN_TERMS, tenant, ...(localOnly && { localOnly }) };
  const request = { ...rest, id: c.get("requestId"), model: model.id, signal, terms };
  for await (const event of partOf(model, "measure")(request)) {
    if (event.type === "started" && event.promptTokens !== undefined) return event.promptTokens;
  }
  throw new Error("The prompt was not measured.");
}
