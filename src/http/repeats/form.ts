import type { Context } from "hono";
import type { Backend } from "../../generation/backend.ts";
import type { CacheWish } from "../../generation/cache.ts";
import { estimateTokens } from "../../generation/estimate.ts";
import type { News } from "../../generation/news.ts";
import type { GenerationRequest } from "../../generation/request.ts";
import { settleSampling } from "../../generation/sampling.ts";
import { OWN_TERMS } from "../../generation/terms.ts";
import type { Key } from "../../keys/key.ts";
import type { TokenCounts } from "../../protocols/tally.ts";
import type { HttpEnv, RequestFacts } from "../context.ts";
import type { ErrorForm } from "../error-form.ts";
import type { Captured } from "./capture.ts";
import { type Marks, makeTemplate, sizeOf, type Template } from "./template.ts";

export type Served = NonNullable<Extract<News, { type: "cache" }>["served"]>;

/** An answer that was sent, and what it depended on. */
export type Shown = {
  readonly c: Context<HttpEnv>;
  readonly model: Backend;
  readonly marks: Marks;
  readonly served: Served;
  readonly captured: Captured;
};

/** Everything that is needed to send an answer again. It holds the answer, and nothing of the prompt. */
export type Form = Pick<Captured, "headers" | "isChunked"> & {
  readonly template: Template;
  /** The request as the layers have it; the rest of it is added each time. */
  readonly request: Omit<GenerationRequest, "id" | "signal" | "repeat">;
  /** Its estimated tokens, for the limits of its key. */
  readonly estimatedTokens: number;
  readonly tokens: TokenCounts | undefined;
  readonly facts: Pick<RequestFacts, "path" | "model" | "preset" | "droppedTools" | "droppedKeywords" | "clientGone">;
  readonly key: Key | undefined;
  readonly errorForm: ErrorForm | undefined;
  readonly contextTokens: number | undefined;
  readonly model: Backend;
};

const SAMPLING = settleSampling({});

/** Undefined if the answer can't be sent again. @param asked the request's body */
export function makeForm({ c, model, marks, served, captured }: Shown, asked: Buffer): Form | undefined {
  const { request } = served;
  // A route chose this model by its state and its load, and may choose another the next time.
  if (request.model !== model.id) return undefined;
  const template = makeTemplate(captured.body, asked, marks);
  if (template === undefined) return undefined;
  const { tokens, preset, droppedTools, droppedKeywords, ...facts } = c.get("facts");
  const { choices, maxTokens } = request;
  // The first request's place in a trace is not that of the others.
  const { trace: _, ...terms } = request.terms ?? OWN_TERMS;
  return {
    ...{ headers: captured.headers, isChunked: captured.isChunked, template },
    request: {
      ...{ model: request.model, prompt: { type: "tokens", tokens: [] }, choices, maxTokens, stop: [] },
      ...{ sampling: SAMPLING, terms, cache: wishOf(request) },
    },
    estimatedTokens: estimateTokens(request),
    tokens: tokens?.(),
    facts: {
      ...(facts.path !== undefined && { path: facts.path }),
      ...(facts.model !== undefined && { model: facts.model }),
      ...(preset !== undefined && { preset }),
      ...(droppedTools && { droppedTools }),
      ...(droppedKeywords && { droppedKeywords }),
      // As the log has it of a stream that was sent to its end.
      ...(facts.bodySent !== undefined && { clientGone: false }),
    },
    key: c.get("key"),
    errorForm: c.get("errorForm"),
    contextTokens: model.details().contextTokens,
    model,
  };
}

/** What the request asks of the cache, without its text. */
function wishOf({ cache = {} }: Pick<GenerationRequest, "cache">): CacheWish {
  const { semantic, ...wish } = cache;
  return wish;
}

/** What writes its lines of the log; measured with 10,000. */
const LINES_BYTES = 1_024;

/** The memory that a form takes besides the overhead of each. */
export function memoryOf({ template, headers }: Form): number {
  return (
    LINES_BYTES + sizeOf(template) + headers.reduce((sum, [name, value]) => sum + name.length + value.length + 64, 0)
  );
}
