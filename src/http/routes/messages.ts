import type { Handler } from "hono";
import type { Logger } from "pino";
import { ContextLengthExceededError } from "../../generation/errors.ts";
import type { Generate } from "../../generation/layer.ts";
import { estimatePrompt } from "../../keys/estimate.ts";
import { complete } from "../../protocols/complete.ts";
import { InvalidRequestError } from "../../protocols/errors.ts";
import { newAnswer } from "../../protocols/messages/answer.ts";
import { decodeCountRequest, decodeMessagesRequest } from "../../protocols/messages/decode.ts";
import { encodeWholeMessage } from "../../protocols/messages/encode.ts";
import { createMessageEncoder } from "../../protocols/messages/encode-stream.ts";
import { createTally } from "../../protocols/tally.ts";
import type { ModelDirectory } from "../../routing/directory.ts";
import { answerClient, answerStreamed, answerWhole } from "../answer.ts";
import { makeCacheWish } from "../cache-control.ts";
import type { HttpEnv } from "../context.ts";
import { atPlaces, messagesPlaces, noteDroppedKeywords, type SchemaPlaces } from "../dropped-keywords.ts";
import { noteNews, startGeneration } from "../generation.ts";
import { readJson } from "../json-body.ts";
import { chooseModel } from "../model.ts";
import { addPreset, type OpenPreset } from "../preset.ts";
import { answerQuestion, measurePrompt } from "../question.ts";
import { makeTerms } from "../terms.ts";

export type MessagesDeps = {
  readonly generate: Generate;
  readonly models: ModelDirectory;
  readonly openPreset: OpenPreset;
  readonly logger: Logger;
};

/** `POST /v1/messages`, whole and streamed. */
export function createMessage({ generate, models, openPreset, logger }: MessagesDeps): Handler<HttpEnv> {
  return async (c) => {
    // Taken before the body is read: reading a chunked body puts another Request in its place.
    const connection = c.req.raw.signal;
    const { body, use } = openPreset(c, await readJson(c), "messages");
    const request = decodeMessagesRequest(body, use?.preset.maxTokens !== undefined);
    const wish = addPreset(use, request.wish);
    const { generation: wanted, offer } = complete(request, wish);
    c.get("facts").droppedTools = [...offer.dropped, ...request.droppedFields];
    const model = chooseModel(c, models, request.model);

    const terms = makeTerms(c, request.serviceTier);
    const answer = newAnswer(model.id, model.details().contextTokens, request.showThinking, terms.priority);
    const tally = createTally(1);
    const id = c.get("requestId");
    const cache = { ...makeCacheWish(c, wish.cache), isWhole: !request.stream };
    const places = messagesPlaces(offer.places);
    noteDroppedKeywords(c, wanted, places);
    const generation = startGeneration(
      generate,
      {
        ...wanted,
        id,
        model: model.id,
        terms,
        observe: noteNews(c, tally),
        cache,
      },
      connection,
    );
    const events = { [Symbol.asyncIterator]: () => generation.events };
    return answerClient(
      c,
      generation,
      () =>
        request.stream
          ? answerStreamed(c, { generation, encoder: createMessageEncoder(answer, tally, id), tally, logger })
          : answerWhole(c, tally, encodeWholeMessage(answer, events, tally)),
      (error) => explain(error, places),
    );
  };
}

/** `POST /v1/messages/count_tokens`: what the same request to `/v1/messages` would have for its prompt, counted by the model. */
export function countMessageTokens({
  models,
  openPreset,
}: Pick<MessagesDeps, "models" | "openPreset">): Handler<HttpEnv> {
  return async (c) => {
    const connection = c.req.raw.signal;
    const { body, use } = openPreset(c, await readJson(c), "messages");
    const request = decodeCountRequest(body);
    const { generation: wanted, offer } = complete(request, addPreset(use, request.wish));
    c.get("facts").droppedTools = [...offer.dropped, ...request.droppedFields];
    const model = chooseModel(c, models, request.model);
    try {
      return await answerQuestion(c, { model, tokens: estimatePrompt(wanted), connection }, async (asker) =>
        c.json({ input_tokens: await measurePrompt(c, model, wanted, asker) }),
      );
    } catch (error) {
      throw explain(error, messagesPlaces(offer.places));
    }
  };
}

/** Puts what a generation may be refused for in the words of Anthropic's API. */
function explain(error: unknown, places: SchemaPlaces): unknown {
  if (error instanceof ContextLengthExceededError) {
    // Coding agents look for the first words, and then shorten their conversation by themselves.
    const { promptTokens, contextTokens, atLeast, code } = error;
    const words =
      `prompt is too long: ${promptTokens} tokens > ${contextTokens} maximum${atLeast ? ", not counted to its end" : ""}. ` +
      "Shorten the conversation, its tools or its system prompt, or start Sluice with a larger --context.";
    return new InvalidRequestError(words, "messages", code);
  }
  return atPlaces(error, places);
}
