import type { Handler } from "hono";
import type { GenerationEvent } from "../../generation/event.ts";
import type { Generate } from "../../generation/layer.ts";
import type { Generation } from "../../generation/wish.ts";
import { composePrompt } from "../../prompts/compose.ts";
import { complete } from "../../protocols/complete.ts";
import { decodeResponsesRequest, type ResponsesRequest, showSettings } from "../../protocols/responses/decode.ts";
import { newId, renewId } from "../../protocols/responses/ids.ts";
import { newResponse, type WireResponse } from "../../protocols/responses/response.ts";
import type { StreamEncoder } from "../../protocols/stream.ts";
import type { Tally } from "../../protocols/tally.ts";
import type { ToolOffer } from "../../protocols/tools/offer.ts";
import type { State, TenantState } from "../../store/state.ts";
import type { HttpEnv } from "../context.ts";
import { responsesPlaces } from "../dropped-keywords.ts";
import { answerCalls, type Endpoint, type EndpointDeps, type Ordered } from "../endpoint.ts";
import type { ClientGeneration } from "../generation.ts";
import { addPreset } from "../preset.ts";
import type { Marks } from "../repeats/template.ts";
import { admit } from "../responses/admit.ts";
import { type BackgroundRuns, runInBackground } from "../responses/background.ts";
import { createEventLog, followResponse } from "../responses/event-log.ts";
import { generateFitting } from "../responses/fitting.ts";
import { createRun, type ResponseRun } from "../responses/run.ts";
import { loadTurn, type Turn, toPrompt } from "../responses/turn.ts";
import { assertRoom, stateOf } from "../tenant.ts";
import { memoryOf } from "../websocket/memory.ts";

export type ResponsesDeps = EndpointDeps & {
  readonly state: State;
  readonly runs: BackgroundRuns;
};

type Order = Ordered & {
  readonly generation: Generation;
  readonly labels: ToolOffer["labels"];
  /** The caller's stored objects. */
  readonly kept: TenantState;
  readonly turn: Turn;
};

/** `POST /v1/responses`: whole, streamed, or in the background. */
export function createResponse(deps: ResponsesDeps): Handler<HttpEnv> {
  return answerCalls(responsesEndpoint(deps), deps);
}

function responsesEndpoint({ generate, state, runs, logger, now }: ResponsesDeps): Endpoint<ResponsesRequest, Order> {
  return {
    conversation: "input",
    decode: decodeResponsesRequest,
    order(request, use, c) {
      const kept = stateOf(c, state);
      const turn = loadTurn(kept, request);
      const wish = addPreset(use, { ...request.wish, prompt: toPrompt(request, turn.readable) });
      const { generation, offer } = complete(request, wish);
      const places = responsesPlaces(offer.places);
      return { generation, wish, places, dropped: offer.dropped, labels: offer.labels, kept, turn };
    },
    begin({ c, request, order: { wish, labels, kept, turn }, use, model, terms, createdMs, digits }) {
      if (request.store || request.conversationId !== undefined) assertRoom(c, kept);
      const head = {
        ...newResponse(model.id, showSettings(request, wish), createdMs, terms.priority, labels),
        ...(digits && { id: newId("resp", digits("answer")), digits: () => digits("item") }),
        // Of a route it is known with the first event only.
        get model() {
          return model.id;
        },
      };
      const log = request.background && request.stream ? createEventLog() : undefined;
      const beginRun = () =>
        createRun({ request, head, turn, state: kept, now, remember: (outcome) => memoryOf(c)?.note(outcome), log });
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
      if (!request.background) {
        const run = beginRun();
        return {
          choices: 1,
          generate: request.generate ? fitting(generate) : writeNothing,
          whole: (events, tally) => runToItsEnd(run, events, tally),
          encoder: (tally) => createEncoder(run, tally),
          ...(dependsOnItselfAlone(request) && { marks: () => marksOf(run.response()) }),
        };
      }
      const accepted = Promise.withResolvers<void>();
      // Without keys no limit has to admit it.
      if (c.get("meter") === undefined) accepted.resolve();
      return {
        choices: 1,
        generate: fitting(generate),
        onNews({ type }) {
          if (type === "accepted") accepted.resolve();
        },
        async respond(generation, sent, tally) {
          const { price, details } = model;
          const isKnown = details().contextTokens !== undefined;
          const check = price && isKnown ? (signal: AbortSignal) => fitting(price)({ ...sent, signal }) : undefined;
          const admitted = await admit(generation, { accepted: accepted.promise, check });
          const run = orCancel(generation, beginRun);
          const queued = run.response();
          runInBackground({ id: head.id, requestId: sent.id, run, runs, generation: admitted, tally, log, logger });
          return log === undefined ? c.json(queued) : followResponse(log, 0);
        },
      };
    },
  };
}

/** Whether nothing that is stored goes into a response or comes of it. */
function dependsOnItselfAlone({ store, conversationId, previousResponseId, input }: ResponsesRequest): boolean {
  return (
    !store &&
    conversationId === undefined &&
    previousResponseId === undefined &&
    input.every(({ type }) => type !== "item_reference" && type !== "compaction")
  );
}

/** Undefined for a response that ended in another second than it began. */
function marksOf({ id, created_at, completed_at, output }: WireResponse): Marks | undefined {
  if (completed_at !== null && completed_at !== created_at) return undefined;
  const ids = [id, ...output.map((item) => item.id)];
  return { ids: ids.map((text) => ({ text, renew: () => renewId(text) })), unixSeconds: created_at };
}

/** A response without output, only for later ones to continue. */
async function* writeNothing(): AsyncIterable<GenerationEvent> {
  yield { type: "started", promptTokens: 0, cachedTokens: 0 };
  yield { type: "finished", choice: 0, reason: "stop", completionTokens: 0 };
}

/** Returns the result of `begin`. If it throws, cancels the generation. */
function orCancel<T>(generation: ClientGeneration, begin: () => T): T {
  try {
    return begin();
  } catch (error) {
    generation.cancel();
    throw error;
  }
}

async function runToItsEnd(run: ResponseRun, events: AsyncIterable<GenerationEvent>, tally: Tally): Promise<object> {
  run.open();
  for await (const event of events) {
    tally.note(event);
    run.take(event);
  }
  run.close(tally.cost());
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
    close: () => run.close(tally.cost()).join(""),
    // Clients ignore events before the response's first.
    fail: (error) => (begun ? "" : open()) + run.fail(error).join(""),
  };
}
