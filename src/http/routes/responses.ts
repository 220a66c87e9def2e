import type { Handler } from "hono";
import type { Logger } from "pino";
import type { Generate } from "../../generation/layer.ts";
import { composePrompt } from "../../prompts/compose.ts";
import { complete } from "../../protocols/complete.ts";
import { decodeResponsesRequest, showSettings } from "../../protocols/responses/decode.ts";
import { newResponse } from "../../protocols/responses/response.ts";
import type { StreamEncoder } from "../../protocols/stream.ts";
import { createTally, type Tally } from "../../protocols/tally.ts";
import type { ModelDirectory } from "../../routing/directory.ts";
import type { State } from "../../store/state.ts";
import { answerClient, answerStreamed, answerWhole } from "../answer.ts";
import { makeCacheWish } from "../cache-control.ts";
import type { HttpEnv } from "../context.ts";
import { atPlaces, noteDroppedKeywords, responsesPlaces } from "../dropped-keywords.ts";
import { type ClientGeneration, noteNews, startGeneration } from "../generation.ts";
import { readJson } from "../json-body.ts";
import { chooseModel } from "../model.ts";
import { addPreset, type OpenPreset } from "../preset.ts";
import { admit } from "../responses/admit.ts";
import { type BackgroundRuns, runInBackground } from "../responses/background.ts";
import { createEventLog, followResponse } from "../responses/event-log.ts";
import { generateFitting } from "../responses/fitting.ts";
import { createRun, type ResponseRun, type RunOptions } from "../responses/run.ts";
import { loadTurn, toPrompt } from "../responses/turn.ts";
import { assertRoom, stateOf } from "../tenant.ts";
import { makeTerms } from "../terms.ts";

export type ResponsesDeps = {
  readonly generate: Generate;
  readonly models: ModelDirectory;
  readonly openPreset: OpenPreset;
  readonly state: State;
  readonly runs: BackgroundRuns;
  readonly logger: Logger;
  /** The time in Unix ms. */
  readonly now: () => number;
};

/** `POST /v1/responses`: whole, streamed, or in the background. */
export function createResponse({
  generate,
  models,
  openPreset,
  state,
  runs,
  logger,
  now,
}: ResponsesDeps): Handler<HttpEnv> {
  return async (c) => {
    // Taken before the body is read: reading a chunked body puts another Request in its place.
    const connection = c.req.raw.signal;
    const { body, use } = openPreset(c, await readJson(c), "input");
    const request = decodeResponsesRequest(body);
    const model = chooseModel(c, models, request.model);

    const kept = stateOf(c, state);
    const turn = loadTurn(kept, request);
    const wish = addPreset(use, { ...request.wish, prompt: toPrompt(request, turn.readable) });
    const { generation: completed, offer } = complete(request, wish);
    c.get("facts").droppedTools = offer.dropped;
    if (request.store || request.conversationId !== undefined) assertRoom(c, kept);
    const terms = makeTerms(c, request.serviceTier, !request.background);
    const cache = { ...makeCacheWish(c, wish.cache, !request.background), isWhole: !request.stream };
    const head = newResponse(model.id, showSettings(request, wish), now(), terms.priority, offer.labels);
    const log = request.background && request.stream ? createEventLog() : undefined;
    const fitting = (backend: Generate) =>
      generateFitting({
        generate: backend,
        items: turn.readable,
        toPrompt: (items) => {
          const prompt = toPrompt(request, items);
          return use === undefined ? prompt : composePrompt(use.preset, use.values, prompt);
        },
        mayTruncate: request.mayTruncate,
      });
    const places = responsesPlaces(offer.places);
    noteDroppedKeywords(c, completed, places);
    const id = c.get("requestId");
    const wanted = request.background ? new AbortController().signal : connection;
    const tally = createTally(1);
    const accepted = Promise.withResolvers<void>();
    // Where no key is needed there is nothing to let it in.
    if (c.get("meter") === undefined) accepted.resolve();
    const asked = { ...completed, id, model: model.id, cache };
    const generation = startGeneration(
      fitting(generate),
      { ...asked, terms, observe: noteNews(c, tally, accepted.resolve) },
      wanted,
    );

    if (request.background) {
      const { price, details } = model;
      const isKnown = details().contextTokens !== undefined;
      const check = price && isKnown ? (signal: AbortSignal) => fitting(price)({ ...asked, terms, signal }) : undefined;
      const admitted = await admit(generation, { accepted: accepted.promise, check });
      const run = beginRun({ request, head, turn, state: kept, now, log }, generation);
      const queued = run.response();
      runInBackground({ id: head.id, requestId: id, run, runs, generation: admitted, log, logger });
      return log === undefined ? c.json(queued) : followResponse(log, 0);
    }
    const run = createRun({ request, head, turn, state: kept, now, log });
    const explain = (error: unknown) => atPlaces(error, places);
    return answerClient(
      c,
      generation,
      () =>
        request.stream
          ? answerStreamed(c, { generation, encoder: createEncoder(run, tally), tally, logger, explain })
          : answerWhole(c, tally, runToItsEnd(run, generation, tally)),
      explain,
    );
  };
}

/** As `createRun`, and ends the generation where that fails. */
function beginRun(options: RunOptions, generation: ClientGeneration): ResponseRun {
  try {
    return createRun(options);
  } catch (error) {
    generation.cancel();
    throw error;
  }
}

async function runToItsEnd(run: ResponseRun, generation: ClientGeneration, tally: Tally): Promise<object> {
  run.open();
  for await (const event of { [Symbol.asyncIterator]: () => generation.events }) {
    tally.note(event);
    run.take(event);
  }
  run.close();
  return run.response();
}

function createEncoder(run: ResponseRun, tally: Tally): StreamEncoder {
  let begun = false;

  function open(): string {
    begun = true;
    return run.open().join("");
  }

  return {
    open,
    encode(event) {
      tally.note(event);
      return run.take(event).join("");
    },
    beat: () => run.beat().join(""),
    close: () => run.close().join(""),
    // Clients take nothing before the response's beginning.
    fail: (error) => (begun ? "" : open()) + run.fail(error).join(""),
  };
}
