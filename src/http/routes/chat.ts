import type { Handler } from "hono";
import type { Logger } from "pino";
import type { Generate } from "../../generation/layer.ts";
import { newAnswer } from "../../protocols/chat/answer.ts";
import { decodeChatRequest } from "../../protocols/chat/decode.ts";
import { encodeCompletion } from "../../protocols/chat/encode.ts";
import { createChunkEncoder } from "../../protocols/chat/encode-chunks.ts";
import { complete } from "../../protocols/complete.ts";
import { createTally } from "../../protocols/tally.ts";
import type { ModelDirectory } from "../../routing/directory.ts";
import type { State } from "../../store/state.ts";
import { answerClient, answerStreamed, answerWhole } from "../answer.ts";
import { makeCacheWish } from "../cache-control.ts";
import type { HttpEnv } from "../context.ts";
import { atPlaces, chatPlaces, noteDroppedKeywords } from "../dropped-keywords.ts";
import { noteNews, startGeneration } from "../generation.ts";
import { readJson } from "../json-body.ts";
import { chooseModel } from "../model.ts";
import { addPreset, type OpenPreset } from "../preset.ts";
import { rememberChat } from "../remember-chat.ts";
import { assertRoom, stateOf } from "../tenant.ts";
import { makeTerms } from "../terms.ts";

export type ChatDeps = {
  readonly generate: Generate;
  readonly models: ModelDirectory;
  readonly openPreset: OpenPreset;
  /** Where answers are kept that are to be stored. */
  readonly state: State;
  readonly logger: Logger;
  /** The time in Unix ms. */
  readonly now: () => number;
};

/** `POST /v1/chat/completions`, whole and streamed. */
export function chatCompletions({ generate, models, openPreset, state, logger, now }: ChatDeps): Handler<HttpEnv> {
  return async (c) => {
    // Taken before the body is read: reading a chunked body puts another Request in its place.
    const connection = c.req.raw.signal;
    const { body, use } = openPreset(c, await readJson(c), "messages");
    const chat = decodeChatRequest(body);
    const wish = addPreset(use, chat.wish);
    const { generation: wanted, offer } = complete(chat, wish);
    c.get("facts").droppedTools = offer.dropped;
    const model = chooseModel(c, models, chat.model);

    if (chat.memory !== undefined) assertRoom(c, stateOf(c, state));
    const places = chatPlaces(offer.places);
    noteDroppedKeywords(c, wanted, places);
    const terms = makeTerms(c, chat.serviceTier);
    const { priority } = terms;
    const answer = newAnswer(model, Math.floor(now() / 1000), wanted.choices, {
      tellsFunctionCall: chat.answersFunctionCall,
      priority,
      toolLabels: offer.labels,
    });
    const tally = createTally(answer.choices);
    const id = c.get("requestId");
    const started = startGeneration(
      generate,
      {
        ...wanted,
        id,
        model: model.id,
        terms,
        observe: noteNews(c, tally),
        cache: { ...makeCacheWish(c, wish.cache), isWhole: !chat.stream },
      },
      connection,
    );
    const generation =
      chat.memory === undefined ? started : rememberChat(started, { ...chat.memory, answer }, stateOf(c, state));
    const events = { [Symbol.asyncIterator]: () => generation.events };
    const explain = (error: unknown) => atPlaces(error, places);
    return answerClient(
      c,
      generation,
      () =>
        chat.stream
          ? answerStreamed(c, {
              generation,
              encoder: createChunkEncoder(answer, tally, chat.includeUsage),
              tally,
              logger,
              explain,
            })
          : answerWhole(c, tally, encodeCompletion(answer, events, tally)),
      explain,
    );
  };
}
