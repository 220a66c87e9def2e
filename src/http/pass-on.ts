import type { Context } from "hono";
import type { Logger } from "pino";
import type { Backend } from "../generation/backend.ts";
import type { GenerationEvent } from "../generation/event.ts";
import type { Generate } from "../generation/layer.ts";
import type { Terms } from "../generation/terms.ts";
import type { WireProtocol } from "../generation/verbatim.ts";
import { withDefaults } from "../generation/wish.ts";
import { isJsonObject } from "../json/exact-number.ts";
import { parseReference } from "../prompts/reference.ts";
import type { Peeked } from "../protocols/peek.ts";
import type { StreamEncoder } from "../protocols/stream.ts";
import { createTally, type Tally } from "../protocols/tally.ts";
import type { ModelDirectory } from "../routing/directory.ts";
import { answerClient, answerStreamed } from "./answer.ts";
import { makeCacheWish } from "./cache-control.ts";
import type { HttpEnv } from "./context.ts";
import { SERVER_SENT_EVENTS } from "./event-stream.ts";
import { noteNews, startGeneration } from "./generation.ts";
import { chooseModel, costsIn, namedByTarget } from "./model.ts";
import { sessionNamed } from "./session.ts";
import { OF_UPSTREAM, type StreamsDoor } from "./streams/door.ts";
import { makeTerms } from "./terms.ts";

type Body = Readonly<Record<string, unknown>>;

/** What an endpoint says of requests that a model takes as they came. */
export type PassingEndpoint = {
  readonly protocol: WireProtocol;
  /** What must be known of a body; undefined if it must be decoded. */
  readonly peek: (body: Body) => Peeked | undefined;
  /** The client's headers that belong to the body. */
  readonly headers?: (header: (name: string) => string | undefined) => Readonly<Record<string, string>>;
  /** How an answer is written that the upstream gives in another form than was asked for. */
  readonly begin: (model: Backend, peeked: Peeked, terms: Terms, requestId: string) => PassedAnswer;
  /** Puts an error in the protocol's words. */
  readonly explain?: (error: unknown) => unknown;
  /** What ends a stream, after the upstream's last message; `""` for nothing. */
  readonly ending: string;
};

type PassedAnswer = {
  readonly id: string;
  readonly whole: (events: AsyncIterable<GenerationEvent>, tally: Tally) => Promise<object>;
  readonly encoder: (tally: Tally) => StreamEncoder;
};

/** A request that is passed on. */
export type Passage = { readonly body: Body; readonly text: string; readonly peeked: Peeked; readonly model: Backend };

/** Whether a model takes this body as it came. Throws what `chooseModel` throws for such a model. */
export function findPassage(
  c: Context<HttpEnv>,
  models: ModelDirectory,
  { protocol, peek }: PassingEndpoint,
  { text, value: body }: { readonly text: string; readonly value: unknown },
): Passage | undefined {
  const passed = peekPassable(models, { protocol, peek }, body);
  return passed && { ...passed, text, model: namedByTarget(c, chooseModel(c, models, passed.name)) };
}

/** The name of the model that takes this body as it came, and what must be known of it; undefined if none does. */
export function peekPassable<Known>(
  models: Pick<ModelDirectory, "find">,
  { protocol, peek }: { readonly protocol: WireProtocol; readonly peek: (body: Body) => Known | undefined },
  body: unknown,
): { readonly body: Body; readonly name: string; readonly peeked: Known } | undefined {
  if (!isJsonObject(body) || typeof body.model !== "string" || body.variables !== undefined) return undefined;
  if (parseReference(body.model) !== undefined || models.find(body.model)?.passes?.(protocol, body) !== true)
    return undefined;
  const peeked = peek(body);
  return peeked && { body, name: body.model, peeked };
}

export type PassDeps = {
  readonly generate: Generate;
  readonly models: ModelDirectory;
  readonly logger: Logger;
  readonly streams: StreamsDoor;
  readonly connection: AbortSignal;
};

/** Has the model answer a request in the client's own words, and sends on what it says. */
export async function passOn(
  c: Context<HttpEnv>,
  endpoint: PassingEndpoint,
  { body, text, peeked, model }: Passage,
  { generate, models, logger, streams, connection }: PassDeps,
): Promise<Response> {
  const { stream, includeUsage, serviceTier, choices, maxTokens, prompt } = peeked;
  const header = (name: string) => c.req.header(name);
  const terms = makeTerms(c, serviceTier, true, { session: sessionNamed(header, body) });
  const cache = makeCacheWish(c);
  const requestId = c.get("requestId");
  const answer = endpoint.begin(model, peeked, terms, requestId);
  const tally = createTally(choices, costsIn(models, model.id));
  const { protocol, headers, explain } = endpoint;
  const verbatim = {
    ...{ protocol, text, body, stream, includeUsage, maxTokens },
    ...{ headers: headers?.(header) ?? {}, answerId: answer.id },
  };
  const wish = { prompt, choices, sampling: {}, ...(maxTokens !== undefined && { maxTokens }) };
  const sent = { ...withDefaults(wish), id: requestId, model: model.id, verbatim, terms, cache };
  const holding = stream ? streams.hold(c, connection, text) : undefined;
  const hold = holding && (await holding);
  hold?.journal?.lose(OF_UPSTREAM);
  const generation = startGeneration(generate, { ...sent, observe: noteNews(c, tally) }, hold?.signal ?? connection);
  const respond = () =>
    stream
      ? answerStreamed(c, {
          ...{ generation, tally, logger, framing: SERVER_SENT_EVENTS, ...(explain && { explain }) },
          hold,
          encoder: passingEncoder(tally, () => answer.encoder(tally), endpoint),
        })
      : answerPassed(c, tally, generation.events, answer);
  return answerClient(c, generation, respond, explain);
}

async function answerPassed(
  c: Context<HttpEnv>,
  tally: Tally,
  events: AsyncIterator<GenerationEvent>,
  answer: PassedAnswer,
): Promise<Response> {
  c.get("facts").tokens = tally.counts;
  const begun: GenerationEvent[] = [];
  let text: string | undefined;
  for (let next = await events.next(); next.done !== true; next = await events.next()) {
    begun.push(next.value);
    if (next.value.type === "frames") text = next.value.text;
    // It is in another form than was asked for.
    else if (next.value.type !== "started" && text === undefined)
      return c.json(await answer.whole(join(begun, events), tally));
  }
  for (const event of begun) tally.note(event);
  tally.assertComplete();
  return c.body(text ?? "", 200, { "content-type": "application/json" });
}

async function* join(
  begun: readonly GenerationEvent[],
  rest: AsyncIterator<GenerationEvent>,
): AsyncGenerator<GenerationEvent> {
  yield* begun;
  yield* { [Symbol.asyncIterator]: () => rest };
}

/** Sends frames as they are, and encodes what comes in another form. */
function passingEncoder(tally: Tally, make: () => StreamEncoder, { ending, protocol }: PassingEndpoint): StreamEncoder {
  let made: StreamEncoder | undefined;
  let started: GenerationEvent | undefined;
  let isPassing = false;
  let isOpen = false;
  const inner = () => {
    made ??= make();
    return made;
  };
  /** What an answer in another form begins with. */
  function open(): string {
    if (isOpen) return "";
    isOpen = true;
    return inner().open() + (started === undefined ? "" : inner().encode(started));
  }
  return {
    open: () => "",
    encode(event) {
      if (event.type === "started" && !isOpen) {
        started = event;
        return "";
      }
      if (event.type === "frames") {
        if (!isPassing && started !== undefined && made === undefined) tally.note(started);
        isPassing = true;
        return event.text;
      }
      if (!isPassing) return open() + inner().encode(event);
      tally.note(event);
      return "";
    },
    beat() {
      // Anthropic's clients take only one beginning, which the upstream sends.
      if (protocol === "messages" || isOpen) return inner().beat();
      isOpen = true;
      return inner().open();
    },
    close() {
      if (!isPassing) return open() + inner().close();
      tally.assertComplete();
      return ending;
    },
    fail: (error) => inner().fail(error),
  };
}
