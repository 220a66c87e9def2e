import type { Context } from "hono";
import type { Logger } from "pino";
import type { GenerationEvent } from "../generation/event.ts";
import type { StreamEncoder } from "../protocols/stream.ts";
import type { Tally } from "../protocols/tally.ts";
import type { HttpEnv } from "./context.ts";
import { cutThroughOf } from "./cut-through.ts";
import { OPENAI_ERRORS } from "./error-form.ts";
import { CLIENT_CLOSED_REQUEST, describeFailure } from "./errors.ts";
import { eventStreamResponse, type Framing } from "./event-stream.ts";
import type { ClientGeneration } from "./generation.ts";
import { startHeartbeat } from "./heartbeat.ts";
import { quoteTarget } from "./route-header.ts";
import type { Hold } from "./streams/door.ts";

/**
 * Runs `respond`, which answers with `generation`. A client that left meanwhile gets a 499, which only the log sees. What is thrown is put
 * in the protocol's words by `explain`.
 */
export async function answerClient(
  c: Context<HttpEnv>,
  generation: ClientGeneration,
  respond: () => Promise<Response>,
  explain: (error: unknown) => unknown = asItIs,
): Promise<Response> {
  try {
    return await respond();
  } catch (error) {
    if (!generation.isCancelled()) throw explain(error);
    c.get("facts").clientGone = true;
    return new Response(null, { status: CLIENT_CLOSED_REQUEST });
  }
}

/** Answers with one JSON body when `body` is there. The access log is told of the tokens, also where it fails. */
export async function answerWhole(c: Context<HttpEnv>, tally: Tally, body: Promise<object>): Promise<Response> {
  c.get("facts").tokens = tally.counts;
  return c.json(await body);
}

export type StreamedAnswer = {
  readonly generation: ClientGeneration;
  readonly encoder: StreamEncoder;
  readonly tally: Tally;
  readonly logger: Logger;
  readonly framing: Framing;
  /** Puts an error of the generation in the protocol's words; as it is unless given. */
  readonly explain?: (error: unknown) => unknown;
  /** Undefined if nobody can take the stream up. */
  readonly hold?: Hold | undefined;
};

/**
 * Answers with a stream when the generation's first event has come, or when it lets itself be waited for and a sign of life is to say so. What
 * is wrong before that, such as a prompt that is too long, is thrown and gets a status of its own. The access log is told of the tokens,
 * of an error in mid-stream, and of a client that left.
 */
export async function answerStreamed(c: Context<HttpEnv>, answer: StreamedAnswer): Promise<Response> {
  const { generation, encoder, tally, logger, framing, hold, explain = asItIs } = answer;
  const facts = c.get("facts");
  const requestId = c.get("requestId");
  facts.tokens = tally.counts;
  const heartbeat = startHeartbeat(facts.wait);
  const first = takeFirst(generation);
  const beat = await Promise.race([first.then(() => undefined), heartbeat.first]).catch((error: unknown) => {
    heartbeat.stop();
    hold?.drop();
    throw error;
  });
  const outlet = hold === undefined ? cutThroughOf(c) : hold.outlet(framing);
  const { promise, resolve } = Promise.withResolvers<void>();
  facts.bodySent = promise;

  return eventStreamResponse({
    generation,
    first,
    beat,
    heartbeat,
    encoder,
    framing,
    outlet,
    isKept: hold !== undefined,
    beatsBare: hold?.journal !== undefined,
    takeComment() {
      const { continuedBy } = facts;
      if (continuedBy === undefined) return undefined;
      delete facts.continuedBy;
      return `sluice-continued ${quoteTarget(continuedBy)}`;
    },
    comesAtOnce: () => facts.cache?.comesAtOnce() ?? false,
    describeError(error) {
      const failure = describeFailure(explain(error), requestId);
      facts.error = failure.error.code ?? failure.error.type;
      if (failure.refusal !== undefined) facts.refusal = failure.refusal;
      if (failure.unexpected) {
        logger.error({ requestId, err: error }, "internal error in mid-stream");
      }
      return (c.get("errorForm") ?? OPENAI_ERRORS).translate(failure).error;
    },
    onEnd() {
      facts.clientGone = generation.isCancelled();
      resolve();
    },
  });
}

async function takeFirst({ events }: ClientGeneration): Promise<GenerationEvent> {
  const first = await events.next();
  if (first.done === true) {
    throw new Error("The generation ended without an event.");
  }
  return first.value;
}

function asItIs(error: unknown): unknown {
  return error;
}
