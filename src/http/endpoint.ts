import type { Context, Handler } from "hono";
import type { Logger } from "pino";
import type { Backend } from "../generation/backend.ts";
import type { GenerationEvent } from "../generation/event.ts";
import type { Generate } from "../generation/layer.ts";
import type { Observe } from "../generation/news.ts";
import type { GenerationRequest } from "../generation/request.ts";
import type { Terms } from "../generation/terms.ts";
import type { Generation, Unprompted } from "../generation/wish.ts";
import { isJsonObject } from "../json/exact-number.ts";
import { type Destination, decodeFor } from "../protocols/destination.ts";
import type { ServiceTier } from "../protocols/service-tier.ts";
import type { StreamEncoder } from "../protocols/stream.ts";
import { createTally, type Tally } from "../protocols/tally.ts";
import type { ModelDirectory } from "../routing/directory.ts";
import { answerClient, answerStreamed, answerWhole } from "./answer.ts";
import { makeCacheWish } from "./cache-control.ts";
import type { HttpEnv } from "./context.ts";
import { atPlaces, noteDroppedKeywords, type SchemaPlaces } from "./dropped-keywords.ts";
import { type Framing, SERVER_SENT_EVENTS } from "./event-stream.ts";
import { type ClientGeneration, noteNews, startGeneration } from "./generation.ts";
import { prepareBody, readJsonText } from "./json-body.ts";
import { chooseModel, costsIn, namedByTarget } from "./model.ts";
import { findPassage, type PassingEndpoint, passOn } from "./pass-on.ts";
import { type Conversation, type OpenPreset, type PresetUse, refusePreset } from "./preset.ts";
import { failureOf, recorderOf } from "./repeats/candidates.ts";
import type { Marks } from "./repeats/template.ts";
import { sessionNamed } from "./session.ts";
import { readPlace } from "./streams/asked.ts";
import { OF_UPSTREAM, type StreamsDoor } from "./streams/door.ts";
import type { StreamJournal } from "./streams/journal.ts";
import { makeTerms } from "./terms.ts";

/** What every endpoint's requests say. */
export type Asked = {
  /** The model as the client named it: an id or an alias; undefined where it named none. */
  readonly model: string | undefined;
  readonly stream: boolean;
  /** Undefined is as good as `auto`. */
  readonly serviceTier?: ServiceTier | undefined;
  /** Whether nobody waits for the answer: it is fetched later. */
  readonly background?: boolean;
};

/** What is to be generated for a request; of completions all but the prompts. */
export type Ordered = {
  readonly generation: Omit<Generation, "prompt">;
  /** What is asked for, together with what its preset says. */
  readonly wish: Unprompted;
  /** Where the schemas of its format and of its tools stand. */
  readonly places: SchemaPlaces;
  /** What it offers that the model is not told of, in the client's words. */
  readonly dropped: readonly string[];
};

/** A request on its way to the model. */
type Call<Request, Order> = {
  readonly c: Context<HttpEnv>;
  readonly request: Request;
  readonly order: Order;
  readonly use: PresetUse | undefined;
  readonly model: Backend;
  readonly terms: Terms;
  /** Stands for the client's connection. */
  readonly connection: AbortSignal;
  /** When it began, in Unix ms, which may have been in an earlier process. */
  readonly createdMs: number;
  /** Makes the digits of ids if another process must be able to make the same. */
  readonly digits: ((name: string) => string) | undefined;
};

/** What is to be generated, for whom, and on which terms. */
type Sent<Order extends Ordered> = Order["generation"] &
  Pick<GenerationRequest, "id" | "model" | "terms" | "cache" | "journal" | "observe">;

/** How a call is answered. */
type Answering<Order extends Ordered> = {
  /** How many choices end, of all generations together. */
  readonly choices: number;
  readonly generate: (request: Sent<Order> & { readonly signal: AbortSignal }) => AsyncIterable<GenerationEvent>;
  /** Hears what happens to the request, such as that the limits of its key have let it in. */
  readonly onNews?: Observe;
} & (ByEvents | ByItself<Order>);

type ByEvents = {
  /** The whole answer, when the last event has come. */
  readonly whole: (events: AsyncIterable<GenerationEvent>, tally: Tally) => Promise<object>;
  readonly encoder: (tally: Tally) => StreamEncoder;
  /**
   * What differs in the answer each time, once it was sent, if all else in it depends on the events and the request alone. Only then it may be sent again as it
   * was sent before.
   */
  readonly marks?: () => Marks | undefined;
  /** Puts an error of the generation in the protocol's words; unless given, only the places of schemas are. */
  readonly explain?: (error: unknown) => unknown;
  /** What else is done with the events, before the client has them. */
  readonly keep?: (generation: ClientGeneration) => ClientGeneration;
};

type ByItself<Order extends Ordered> = {
  readonly respond: (generation: ClientGeneration, sent: Sent<Order>, tally: Tally) => Promise<Response>;
};

/** An endpoint that generates: what its protocol says of it. `answerCalls` does the rest. */
export type Endpoint<Request extends Asked, Order extends Ordered> = {
  /** The field of its requests in which the conversation is, to which a preset adds; undefined where it takes no presets. */
  readonly conversation: Conversation | undefined;
  /** How its streams are framed; server-sent events unless given. */
  readonly framing?: Framing;
  /** Understands a body. Throws `InvalidRequestError`. */
  readonly decode: (body: unknown, use: PresetUse | undefined) => Request;
  /** What is to be generated, defaults and all. Throws `InvalidRequestError` for what doesn't go together. */
  readonly order: (request: Request, use: PresetUse | undefined, c: Context<HttpEnv>) => Order;
  /** For models that take requests as they came. */
  readonly passing?: PassingEndpoint;
  readonly begin: (call: Call<Request, Order>) => Answering<Order> | Promise<Answering<Order>>;
};

/** What answers the calls of endpoints. */
export type EndpointDeps = {
  readonly generate: Generate;
  readonly models: ModelDirectory;
  readonly openPreset: OpenPreset;
  readonly streams: StreamsDoor;
  readonly logger: Logger;
  /** The time in Unix ms. */
  readonly now: () => number;
};

/** Answers the calls of an endpoint, whole and streamed: from the request's body to the last byte. */
export function answerCalls<Request extends Asked, Order extends Ordered>(
  endpoint: Endpoint<Request, Order>,
  { models, openPreset, streams, logger, generate, now }: EndpointDeps,
): Handler<HttpEnv> {
  const { conversation, framing = SERVER_SENT_EVENTS, passing } = endpoint;
  return async (c) => {
    // Taken before the body is read: reading a chunked body puts another Request in its place.
    const connection = c.req.raw.signal;
    const read = await readJsonText(c);
    const place = readPlace(c);
    if (place !== undefined) return streams.read(c, place);
    const passage = passing && findPassage(c, models, passing, read);
    const failure = failureOf(c);
    if (passing !== undefined && passage !== undefined && failure === undefined) {
      return passOn(c, passing, passage, { generate, models, logger, streams, connection });
    }
    const json = read.value;
    if (conversation === undefined) refusePreset(json);
    const { body, use } =
      conversation === undefined ? { body: json, use: undefined } : openPreset(c, json, conversation);
    const destination = destinationOf(models, body);
    if (!destination.isElsewhere) await prepareBody(c, json);
    const request = decodeFor(destination, () => endpoint.decode(body, use));
    const model = namedByTarget(c, chooseModel(c, models, request.model));
    const order = endpoint.order(request, use, c);
    const { wish, places } = order;
    c.get("facts").droppedTools = order.dropped;
    // Of another server it is not known what it enforces.
    if (model.upstream === undefined) noteDroppedKeywords(c, order.generation, places);
    const isAwaited = request.background !== true;
    const terms = makeTerms(c, request.serviceTier, isAwaited, {
      localOnly: use?.preset.localOnly,
      session: sessionNamed((name) => c.req.header(name), json),
    });
    const cache = { ...makeCacheWish(c, wish.cache, isAwaited), isWhole: !request.stream };

    const holding = request.stream && isAwaited ? streams.hold(c, connection, read.text) : undefined;
    const hold = holding && (await holding);
    const journal = hold?.journal;
    const answering = await endpoint.begin({
      ...{ c, request, order, use, model, terms, connection, digits: journal?.digits },
      createdMs: journal?.createdMs ?? now(),
    });
    if (journal !== undefined) loseUnlessAlone(journal, model, answering.choices === order.generation.choices);
    const tally = createTally(answering.choices, costsIn(models, model.id));
    const recorder = hold === undefined ? recorderFor(c, model, answering) : undefined;
    const observe = noteNews(c, tally, hearAlso(answering.onNews, recorder));
    const sent: Sent<Order> = {
      ...order.generation,
      id: c.get("requestId"),
      model: model.id,
      terms,
      cache,
      observe,
      ...(journal?.isOn() === true && { journal }),
    };
    const wanted = isAwaited ? (hold?.signal ?? connection) : new AbortController().signal;
    const started = startGeneration(failure === undefined ? answering.generate : () => fail(failure), sent, wanted);
    if ("respond" in answering) return answering.respond(started, sent, tally);
    const { explain = (error: unknown) => atPlaces(error, places) } = answering;
    const generation = answering.keep?.(started) ?? started;
    const respond = () =>
      request.stream
        ? answerStreamed(c, {
            generation,
            encoder: encoderOf(model, () => answering.encoder(tally)),
            tally,
            logger,
            explain,
            framing,
            hold,
          })
        : answerWhole(c, tally, answering.whole({ [Symbol.asyncIterator]: () => generation.events }, tally));
    return answerClient(c, generation, respond, explain);
  };
}

/** Only what one engine of this machine does by itself can go on in another process. */
function loseUnlessAlone(journal: StreamJournal, model: Backend, isOne: boolean): void {
  if (model.answerThrough !== undefined) journal.lose("Its model is a route, which may decide otherwise now.");
  else if (model.upstream !== undefined) journal.lose(OF_UPSTREAM);
  else if (!isOne) journal.lose("It has several prompts.");
}

/** What is known of the model that a body names, or of the only one. Nothing of the body is checked yet. */
function destinationOf(models: ModelDirectory, body: unknown): Destination {
  const { model: name } = isJsonObject(body) ? body : {};
  const served = models.list();
  const only = served.length === 1 ? served[0] : undefined;
  const model = typeof name === "string" && name !== "" ? (models.find(name) ?? only) : only;
  return { isElsewhere: model?.upstream !== undefined, readsImages: model?.can.images === true };
}

function recorderFor(c: Context<HttpEnv>, model: Backend, answering: Answering<Ordered>): Observe | undefined {
  if ("respond" in answering || answering.keep !== undefined || answering.marks === undefined) return undefined;
  // A route decides anew about each request.
  if (model.answerThrough !== undefined) return undefined;
  return recorderOf(c, model, answering.marks);
}

function hearAlso(onNews: Observe | undefined, record: Observe | undefined): Observe | undefined {
  if (onNews === undefined || record === undefined) return record ?? onNews;
  return (news) => {
    onNews(news);
    record(news);
  };
}

function fail({ error }: { readonly error: unknown }): AsyncIterable<GenerationEvent> {
  return { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }) };
}

/** The encoder of an answer by a route is made when its stream begins: the target that answers is known by then, and named in every chunk. */
function encoderOf({ answerThrough }: Backend, make: () => StreamEncoder): StreamEncoder {
  if (answerThrough === undefined) return make();
  let made: StreamEncoder | undefined;
  const encoder = () => {
    made ??= make();
    return made;
  };
  return {
    open: () => encoder().open(),
    encode: (event) => encoder().encode(event),
    beat: () => encoder().beat(),
    close: () => encoder().close(),
    fail: (error) => encoder().fail(error),
  };
}
