import type { UpstreamModel } from "../config/upstreams.ts";
import type { Backend, BackendDetails, Workload } from "../generation/backend.ts";
import { generateTogether, type Start } from "../generation/batch.ts";
import type { CostOf } from "../generation/cost.ts";
import { dropImages } from "../generation/drop-images.ts";
import {
  type Embed,
  EmbeddingRefusedError,
  type EmbeddingRequest,
  type EmbeddingResult,
} from "../generation/embedding.ts";
import { LocalOnlyError } from "../generation/errors.ts";
import type { GenerationEvent } from "../generation/event.ts";
import { compose, type Generate, type Layer } from "../generation/layer.ts";
import type { GenerationRequest } from "../generation/request.ts";
import { OWN_TERMS } from "../generation/terms.ts";
import type { Verbatim } from "../generation/verbatim.ts";
import { replaceMembers } from "../json/members.ts";
import type { Reader, Target, WrittenRequest } from "./api.ts";
import { capabilitiesOf } from "./capabilities.ts";
import type { Reply } from "./channel.ts";
import { writeChoices } from "./choices.ts";
import { brokenAnswer } from "./failures.ts";
import { countInHand, type InHand } from "./in-hand.ts";
import { EVENT_STREAM, JSON_BODY, readMessages, readTexts, readWholeJson, readWholeJsonText } from "./messages.ts";
import type { ListedModel } from "./model-list.ts";
import { createPace, type Pace } from "./pace.ts";
import { passStream, passWhole, writePassed } from "./pass-on.ts";
import type { Passing } from "./passing.ts";
import { askerOf, replay } from "./replay.ts";
import type { UpstreamServer } from "./server.ts";
import { sessionOf } from "./session.ts";

export type UpstreamBackendOptions = {
  readonly server: UpstreamServer;
  /** The name that clients use, and others. */
  readonly id: string;
  readonly aliases: readonly string[];
  readonly model: UpstreamModel;
  /** What the upstream's list says of the model now. */
  readonly listed: () => ListedModel | undefined;
  /** The layers of the queue in front of the server. */
  readonly queue: {
    readonly gate: Layer;
    readonly turns: Layer;
    readonly workload: () => Workload;
    readonly list: NonNullable<Backend["queued"]>;
  };
  readonly createdUnixSeconds: number;
  readonly costOf: CostOf;
};

/** What answers for one model of an upstream. */
export function createUpstreamBackend(options: UpstreamBackendOptions): Backend {
  const { server, id, aliases, model, listed, queue, createdUnixSeconds, costOf } = options;
  const { settings, kind } = server;
  const can = capabilitiesOf(settings, model, listed()?.capabilities);
  const pace = createPace(settings.maxConcurrent, () => performance.now());
  const inHand = countInHand();

  function targetFor(session: string | undefined): Target {
    const contextTokens = model.contextTokens ?? settings.contextTokens;
    return { kind, model: model.name, contextTokens, session };
  }

  const refuseLocal: Layer = (request, next) => {
    assertMayLeave(request);
    return next(request);
  };

  function assertMayLeave({ terms = OWN_TERMS }: Pick<GenerationRequest, "terms">): void {
    if ((terms.localOnly === true && !settings.local) || terms.isWarmUp === true) throw new LocalOnlyError(id);
  }

  /** The time to the first token by what was measured here, and by when it may be asked again. */
  function firstTokenMs(): number | undefined {
    // The queue learns speeds by tokens, which an upstream tells of at the end.
    const predictedMs = pace.firstTokenMs(queue.workload());
    const restMs = server.restMs();
    return restMs === 0 ? predictedMs : Math.max(restMs, predictedMs ?? 0);
  }

  return {
    id,
    aliases,
    createdUnixSeconds,
    costOf,
    ownedBy: settings.name,
    upstream: {
      name: settings.name,
      kind: settings.kind,
      gatewayId: server.gatewayId,
      isLocal: settings.local,
      breaker: server.breaker,
      ...(server.batches && server.passing && { batch: batchWords(server.passing, targetFor(undefined)) }),
    },
    queued: queue.list,
    can,
    state: server.state,
    onStateChange: server.onStateChange,
    workload() {
      const { waiting, running } = queue.workload();
      const gauges = server.gauges(model.name);
      return {
        // Those of others too, where it tells.
        waiting: waiting + (gauges.waiting ?? 0),
        running: Math.max(running, gauges.running ?? 0),
        firstTokenMs: firstTokenMs(),
      };
    },
    occupancy: () => ({ ...inHand.counts(), firstTokenMs: firstTokenMs() }),
    identity: () =>
      settings.cache
        ? JSON.stringify(["upstream", settings.name, settings.baseUrl, model.name, listed()?.version ?? null])
        : undefined,
    details: () => detailsOf(options),
    passes(protocol, body) {
      const { passing } = server;
      if (settings.cache || passing?.paths[protocol] === undefined) return false;
      if (protocol === "completions" && !kind.can.completions) return false;
      if (protocol === "embeddings") return can.embeddings;
      return passing.needs(body).every((need) => can[need]);
    },
    ...(can.text && {
      generate: compose(
        [refuseLocal, ...(can.images ? [] : [dropImages])],
        generateAt(server, targetFor, { pace, costOf, inHand, layers: [queue.gate, queue.turns] }),
      ),
    }),
    ...(can.embeddings && { embed: embedAt(server, targetFor, { assertMayLeave, inHand }) }),
  };
}

function batchWords(passing: Passing, target: Target) {
  return {
    model: target.model,
    write: (verbatim: Verbatim, maxTokens: number | undefined) =>
      writePassed(passing, { maxTokens }, verbatim, target).body,
  };
}

/** What a request comes to, written before it waits: what has no word is refused at once. */
type Prepared = Pick<GenerationRequest, "id"> & {
  /** The upstream's name of the model. */
  readonly model: string;
  readonly session: string;
  /** One, or one for each choice. */
  readonly written: readonly WrittenRequest[];
  readonly costOf: CostOf;
};

/** The same of one request to the server. */
type Single = Omit<Prepared, "written"> & { readonly written: WrittenRequest };

function generateAt(
  server: UpstreamServer,
  targetFor: (session: string) => Target,
  {
    pace,
    costOf,
    inHand,
    layers,
  }: {
    readonly pace: Pace;
    readonly costOf: CostOf;
    readonly inHand: InHand;
    readonly layers: readonly Layer[];
  },
): Generate {
  return (request) => ({
    [Symbol.asyncIterator]() {
      const answered = request.terms?.replay;
      if (answered !== undefined) return replay(server, request, answered, costOf);
      const session = sessionOf(request);
      const { verbatim } = request;
      const { passing } = server;
      const target = targetFor(session);
      const written =
        verbatim === undefined || passing === undefined
          ? writeChoices(server.api, request, target)
          : [writePassed(passing, request, verbatim, target)];
      const prepared = { id: request.id, model: target.model, session, written, costOf };
      const ask: Generate = (admitted) => runAll(server, admitted, prepared, pace);
      return inHand
        .through(
          (next) => compose(layers, next),
          ask,
        )(request)
        [Symbol.asyncIterator]();
    },
  });
}

function runAll(
  server: UpstreamServer,
  request: GenerationRequest,
  { written, ...common }: Prepared,
  pace: Pace,
): AsyncIterable<GenerationEvent> {
  const [only, ...others] = written;
  if (only !== undefined && others.length === 0) return run(server, request, { ...common, written: only }, pace);
  const starts = written.map(
    (one): Start =>
      (signal) => {
        const single = { ...request, choices: 1, signal };
        return run(server, single, { ...common, written: one }, pace);
      },
  );
  return generateTogether(starts, { choices: 1, signal: request.signal });
}

async function* run(
  server: UpstreamServer,
  request: GenerationRequest,
  { id, model, session, written, costOf }: Single,
  pace: Pace,
): AsyncGenerator<GenerationEvent, undefined> {
  const { settings } = server;
  const left = new AbortController();
  const asked = {
    ...written,
    model,
    headers: { ...request.verbatim?.headers, ...headersFor(server, session, id) },
    signal: AbortSignal.any([request.signal, left.signal]),
    via: request.terms?.via,
    trace: request.terms?.trace,
    observe: request.observe,
    maxWaitMs: request.terms?.maxWaitMs,
    onRetry: (status: number | undefined, pauseMs: number) =>
      request.observe?.({ type: "retrying", upstream: settings.name, status, pauseMs }),
  };
  const timing = pace.begin();
  let isAtEnd = false;
  let reading: Pick<Reader, "end"> | undefined;
  let pieces: AsyncGenerator<readonly GenerationEvent[]> | undefined;
  /** What was used of an answer that nobody hears to its end: an estimate, told at once, since who leaves is charged then. */
  const tellLeft = () => {
    const usage = reading?.end().find((event) => event.type === "usage");
    reading = undefined;
    if (usage === undefined) return;
    const { promptTokens: prompt, cachedTokens: cached, completionTokens: completion } = usage;
    request.observe?.({ type: "left", spent: { prompt, cached, completion } });
  };
  request.signal.addEventListener("abort", tellLeft, { once: true });
  try {
    const begun = await server.ask(asked, (reply) => begin(server, request, reply, costOf));
    const { reader, first } = begun;
    reading = reader;
    pieces = begun.pieces;
    timing.first();
    yield* first;
    if (!reader.isLast()) {
      for await (const events of keepOpen(pieces)) {
        yield* events;
        if (reader.isLast()) break;
      }
    }
    if (!reader.isComplete()) throw brokenAnswer(settings.name, "broke off in the middle of its answer");
    isAtEnd = true;
    reading = undefined;
    void finish(pieces, left);
    yield* reader.end();
  } catch (error) {
    const told = error instanceof Error && error.name === "ZodError" ? unreadable(settings.name) : error;
    if (!request.signal.aborted) server.noteBroken(told);
    throw told;
  } finally {
    timing.end();
    request.signal.removeEventListener("abort", tellLeft);
    tellLeft();
    // Ends the upstream's request where it was left before its end.
    if (!isAtEnd) {
      left.abort();
      await pieces?.return(undefined);
    }
  }
  return undefined;
}

/** Reads the beginning of an answer, up to the first event that says anything. */
async function begin(server: UpstreamServer, request: GenerationRequest, reply: Reply, costOf: CostOf) {
  const { reader, pieces } = readReply(server, request, reply, costOf);
  try {
    const first: GenerationEvent[] = [];
    // What only begins an answer, such as a role, is no answer yet.
    for (let isBegun = false; !isBegun && !reader.isLast(); ) {
      const next = await pieces.next();
      if (next.done === true) break;
      isBegun = next.value.some(({ type }) => type !== "started");
      first.push(...next.value);
    }
    if (first.length === 0) throw brokenAnswer(server.settings.name, "gave an empty answer");
    return { reader, pieces, first };
  } catch (error) {
    await pieces.return(undefined);
    throw error;
  }
}

/** The events of an answer: as it came where the client wants it in the form in which it comes. */
function readReply(
  { api, passing, settings, source }: UpstreamServer,
  request: GenerationRequest,
  reply: Reply,
  costOf: CostOf,
) {
  const { name: upstream } = settings;
  const { verbatim } = request;
  const reader = api.read(request, source);
  const isStream = reply.contentType === EVENT_STREAM;
  const isFit = isStream ? verbatim?.stream === true : verbatim?.stream === false && reply.contentType === JSON_BODY;
  if (verbatim === undefined || passing === undefined || !isFit) {
    return { reader, pieces: mapEach(readMessages(upstream, reply), reader.note) };
  }
  const options = { passing, request, verbatim, reader, upstream, costOf };
  const passer = isStream ? passStream(options) : passWhole(options);
  return { reader: passer, pieces: mapEach(readTexts(upstream, reply), passer.note) };
}

async function* mapEach<From, To>(source: AsyncGenerator<From>, change: (from: From) => To): AsyncGenerator<To> {
  for await (const each of source) yield change(each);
}

/** So that leaving a loop over it does not end it. */
function keepOpen<T>(source: AsyncGenerator<T>): AsyncIterable<T> {
  return { [Symbol.asyncIterator]: () => ({ next: () => source.next() }) };
}

/** How long the end of the connection may come after the end of the answer. */
const MAX_FINISH_MS = 1_000;

/** Reads to the end of the connection's answer, so that it can be used again; what does not end is cut off. */
async function finish(messages: AsyncGenerator<unknown>, left: AbortController): Promise<void> {
  const timer = setTimeout(() => left.abort(), MAX_FINISH_MS);
  try {
    while ((await messages.next()).done !== true);
  } catch {
    // The answer is whole.
  } finally {
    clearTimeout(timer);
  }
}

function unreadable(upstream: string) {
  return brokenAnswer(upstream, "sent what can't be read");
}

function headersFor({ settings, kind }: UpstreamServer, session: string, requestId: string): Record<string, string> {
  const names = settings.sessionHeaders ?? kind.sessionHeaders;
  return { "x-request-id": requestId, ...Object.fromEntries(names.map((name) => [name, session])) };
}

function embedAt(
  server: UpstreamServer,
  targetFor: (session: undefined) => Target,
  { assertMayLeave, inHand }: { readonly assertMayLeave: (request: EmbeddingRequest) => void; readonly inHand: InHand },
): Embed {
  const { api, settings } = server;
  return async (request) => {
    assertMayLeave(request);
    return inHand.during(() => embed(request));
  };

  async function embed(request: EmbeddingRequest): Promise<EmbeddingResult> {
    const { items, id, signal, terms, passedBody } = request;
    if (passedBody !== undefined) return passEmbedding(server, targetFor(undefined), request, passedBody);
    const pair = items.findIndex(({ type }) => type === "pair");
    if (pair >= 0) throw new EmbeddingRefusedError(pair, { code: "not_a_reranker" });
    const target = targetFor(undefined);
    const written = api.writeEmbedding?.(items, target);
    if (written === undefined) throw brokenAnswer(settings.name, "makes no embeddings");
    const asked = {
      ...{ ...written, model: target.model, headers: { "x-request-id": id } },
      ...{ via: terms?.via, trace: terms?.trace, observe: request.observe, signal },
    };
    const read = await askerOf(server, terms)(asked, async (reply) =>
      api.readEmbedding?.(await readWholeJson(settings.name, reply)),
    );
    if (read === undefined || read.vectors.length !== items.length)
      throw brokenAnswer(settings.name, "gave another number of embeddings than was asked for");
    return { vectors: read.vectors.map((vector) => Float32Array.from(vector)), tokens: read.tokens };
  }
}

/** Asks for vectors in the client's own words, and returns the answer as it came. */
async function passEmbedding(
  server: UpstreamServer,
  { model }: Target,
  { id, model: ownName, terms, observe, signal }: EmbeddingRequest,
  text: string,
): Promise<EmbeddingResult> {
  const { api, passing, settings } = server;
  const body = replaceMembers(text, { model: JSON.stringify(model) });
  const asked = {
    model,
    path: passing?.paths.embeddings ?? "",
    body,
    headers: { "x-request-id": id },
    via: terms?.via,
    trace: terms?.trace,
    observe,
    signal,
  };
  return askerOf(server, terms)(asked, async (reply) => {
    const answer = await readWholeJsonText(settings.name, reply);
    const tokens = api.countEmbedded?.(answer.value) ?? 0;
    return { vectors: [], tokens, text: replaceMembers(answer.text, { model: JSON.stringify(ownName) }) };
  });
}

function detailsOf({ server, model, listed }: UpstreamBackendOptions): BackendDetails {
  const { contextTokens: told, family, quantization, sizeBytes } = listed() ?? {};
  const contextTokens = model.contextTokens ?? server.settings.contextTokens ?? told;
  return {
    ...(contextTokens !== undefined && { contextTokens, slots: server.settings.maxConcurrent }),
    ...(family !== undefined && { family }),
    ...(quantization !== undefined && { quantization }),
    ...(sizeBytes !== undefined && { sizeBytes }),
  };
}
