import type { Context, Handler } from "hono";
import type { Logger } from "pino";
import type { Generate } from "../../generation/layer.ts";
import type { WireError } from "../../protocols/errors.ts";
import { decodeResponsesRequest, type ResponsesRequest } from "../../protocols/responses/decode.ts";
import { newResponse, type ResponseHead } from "../../protocols/responses/response.ts";
import { createTally } from "../../protocols/tally.ts";
import type { ModelDirectory } from "../../routing/directory.ts";
import type { State } from "../../store/state.ts";
import type { HttpEnv } from "../context.ts";
import { CLIENT_CLOSED_REQUEST, describeFailure } from "../errors.ts";
import { eventStreamResponse } from "../event-stream.ts";
import { type ClientGeneration, startGeneration } from "../generation.ts";
import { readJson } from "../json-body.ts";
import type { BackgroundRuns } from "../responses/background.ts";
import { createEventLog, type EventLog, followResponse } from "../responses/event-log.ts";
import { generateFitting } from "../responses/fitting.ts";
import { createRun, type ResponseRun } from "../responses/run.ts";
import { loadTurn, toPrompt } from "../responses/turn.ts";

export type ResponsesDeps = {
  readonly generate: Generate;
  readonly models: ModelDirectory;
  readonly state: State;
  readonly runs: BackgroundRuns;
  readonly logger: Logger;
  /** The time in Unix ms. */
  readonly now: () => number;
};

type Work = {
  readonly request: ResponsesRequest;
  readonly head: ResponseHead;
  readonly run: ResponseRun;
  readonly generation: ClientGeneration;
  readonly describeError: (error: unknown) => WireError;
};

/** `POST /v1/responses`: whole, streamed, or in the background. */
export function createResponse({ generate, models, state, runs, logger, now }: ResponsesDeps): Handler<HttpEnv> {
  return async (c) => {
    // Taken before the body is read: reading a chunked body puts another Request in its place.
    const connection = c.req.raw.signal;
    const request = decodeResponsesRequest(await readJson(c));
    const model = models.resolve(request.model);
    c.get("facts").model = model.id;

    const turn = loadTurn(state, request);
    const prompt = toPrompt(request, turn.items);
    const head = newResponse(model.id, request.settings, now());
    const log = request.background && request.stream ? createEventLog() : undefined;
    const run = createRun({ request, head, turn, state, now, frames: log && (() => log.frames) });
    const fitting = generateFitting({
      generate,
      items: turn.items,
      toPrompt: (items) => toPrompt(request, items),
      mayTruncate: request.mayTruncate,
    });
    const id = c.get("requestId");
    const client = request.background ? new AbortController().signal : connection;
    const generation = startGeneration(fitting, { ...request.generation, prompt, id, model: model.id }, client);
    const work = { request, head, run, generation, describeError: createDescriber(c, logger) };

    if (request.background) {
      return startInBackground(c, work, runs, log);
    }
    try {
      return request.stream ? await sendStream(c, work) : await sendWhole(c, work);
    } catch (error) {
      if (generation.isCancelled()) {
        c.get("facts").clientGone = true;
        return new Response(null, { status: CLIENT_CLOSED_REQUEST });
      }
      throw error;
    }
  };
}

async function sendWhole(c: Context<HttpEnv>, { run, generation }: Work): Promise<Response> {
  const tally = createTally(1);
  run.open();
  try {
    for await (const event of { [Symbol.asyncIterator]: () => generation.events }) {
      tally.note(event);
      run.take(event);
    }
    run.close();
    return c.json(run.response());
  } finally {
    c.get("facts").tokens = tally.counts();
  }
}

async function sendStream(c: Context<HttpEnv>, { run, generation, describeError }: Work): Promise<Response> {
  const facts = c.get("facts");
  const tally = createTally(1);
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
    encoder: {
      open: () => run.open().join(""),
      encode(event) {
        tally.note(event);
        return run.take(event).join("");
      },
      close: () => run.close().join(""),
      fail: (error) => run.fail(error).join(""),
    },
    describeError,
    onEnd() {
      facts.tokens = tally.counts();
      facts.clientGone = generation.isCancelled();
      resolve();
    },
  });
}

function startInBackground(
  c: Context<HttpEnv>,
  work: Work,
  runs: BackgroundRuns,
  log: EventLog | undefined,
): Response {
  const { run, generation, head } = work;
  const queued = run.response();
  log?.append(run.open());
  runs.add(
    head.id,
    {
      response: run.response,
      log,
      cancel() {
        generation.cancel();
        log?.append(run.cancel());
        log?.end();
      },
    },
    runToItsEnd(work, log),
  );
  return log === undefined ? c.json(queued) : followResponse(log, 0);
}

/** Returns whether what became of the response was written down. */
async function runToItsEnd({ run, generation, describeError }: Work, log: EventLog | undefined): Promise<boolean> {
  try {
    for await (const event of { [Symbol.asyncIterator]: () => generation.events }) {
      if (generation.isCancelled()) {
        return true;
      }
      const frames = run.take(event);
      log?.append(frames);
    }
    if (!generation.isCancelled()) {
      const frames = run.close();
      log?.append(frames);
    }
    return true;
  } catch (error) {
    return generation.isCancelled() || failQuietly(run, describeError, error, log);
  } finally {
    log?.end();
  }
}

/** Nobody waits for the answer, so a failure that can't even be written down is only logged. */
function failQuietly(
  run: ResponseRun,
  describeError: (error: unknown) => WireError,
  error: unknown,
  log: EventLog | undefined,
): boolean {
  try {
    const frames = run.fail(describeError(error));
    log?.append(frames);
    return true;
  } catch (second) {
    describeError(second);
    return false;
  }
}

/** What to tell the client about a failure after the status was sent. What nobody foresaw goes to the log. */
function createDescriber(c: Context<HttpEnv>, logger: Logger): (error: unknown) => WireError {
  const requestId = c.get("requestId");
  const facts = c.get("facts");
  return (error) => {
    const failure = describeFailure(error, requestId);
    facts.error = failure.error.code ?? failure.error.type;
    if (failure.unexpected) {
      logger.error({ requestId, err: error }, "internal error after the answer began");
    }
    return failure.error;
  };
}
