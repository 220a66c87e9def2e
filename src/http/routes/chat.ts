import type { Context, Handler } from "hono";
import type { Logger } from "pino";
import type { Generate } from "../../generation/layer.ts";
import { type Answer, newAnswer } from "../../protocols/chat/answer.ts";
import { type ChatRequest, decodeChatRequest } from "../../protocols/chat/decode.ts";
import { encodeCompletion } from "../../protocols/chat/encode.ts";
import { createChunkEncoder } from "../../protocols/chat/encode-chunks.ts";
import { createTally, type Tally } from "../../protocols/tally.ts";
import type { ModelDirectory } from "../../routing/directory.ts";
import type { HttpEnv } from "../context.ts";
import { CLIENT_CLOSED_REQUEST, describeFailure } from "../errors.ts";
import { eventStreamResponse } from "../event-stream.ts";
import { type ClientGeneration, startGeneration } from "../generation.ts";
import { readJson } from "../json-body.ts";

export type ChatDeps = {
  readonly generate: Generate;
  readonly models: ModelDirectory;
  readonly logger: Logger;
  /** The time in Unix ms. */
  readonly now: () => number;
};

/** `POST /v1/chat/completions`, whole and streamed. */
export function chatCompletions({ generate, models, logger, now }: ChatDeps): Handler<HttpEnv> {
  return async (c) => {
    // Taken before the body is read: reading a chunked body puts another Request in its place.
    const connection = c.req.raw.signal;
    const chat = decodeChatRequest(await readJson(c));
    const model = models.resolve(chat.model);
    c.get("facts").model = model.id;

    const { generation: wanted, answersFunctionCall } = chat;
    const answer = newAnswer(model, Math.floor(now() / 1000), wanted.choices, answersFunctionCall);
    const tally = createTally(answer.choices);
    const id = c.get("requestId");
    const generation = startGeneration(generate, { ...wanted, id, model: model.id }, connection);
    try {
      return chat.stream
        ? await sendStream(c, { chat, answer, tally, generation, logger })
        : await sendWhole(c, { answer, tally, generation });
    } catch (error) {
      if (generation.isCancelled()) {
        return clientGone(c);
      }
      throw error;
    }
  };
}

async function sendWhole(
  c: Context<HttpEnv>,
  { answer, tally, generation }: { answer: Answer; tally: Tally; generation: ClientGeneration },
): Promise<Response> {
  const facts = c.get("facts");
  try {
    const events = { [Symbol.asyncIterator]: () => generation.events };
    return c.json(await encodeCompletion(answer, events, tally));
  } finally {
    facts.tokens = tally.counts();
  }
}

async function sendStream(
  c: Context<HttpEnv>,
  run: { chat: ChatRequest; answer: Answer; tally: Tally; generation: ClientGeneration; logger: Logger },
): Promise<Response> {
  const { tally, generation, logger } = run;
  const facts = c.get("facts");
  const requestId = c.get("requestId");
  // What is wrong from the start, such as a prompt that is too long, is thrown here and gets a status of its own.
  const first = await generation.events.next();
  if (first.done === true) {
    throw new Error("The generation ended without an event.");
  }
  const { promise, resolve } = Promise.withResolvers<void>();
  facts.bodySent = promise;

  return eventStreamResponse({
    generation,
    first: first.value,
    encoder: createChunkEncoder(run.answer, tally, run.chat.includeUsage),
    describeError(error) {
      const failure = describeFailure(error, requestId);
      facts.error = failure.error.code ?? failure.error.type;
      if (failure.unexpected) {
        logger.error({ requestId, err: error }, "internal error in mid-stream");
      }
      return failure.error;
    },
    onEnd() {
      facts.tokens = tally.counts();
      facts.clientGone = generation.isCancelled();
      resolve();
    },
  });
}

function clientGone(c: Context<HttpEnv>): Response {
  c.get("facts").clientGone = true;
  return new Response(null, { status: CLIENT_CLOSED_REQUEST });
}
