import type { Clock } from "../clock.ts";
import type { UpstreamSettings } from "../config/upstreams.ts";
import type { BackendState, BreakerView } from "../generation/backend.ts";
import { UpstreamError } from "../generation/errors.ts";
import type { Observe, TryOutcome } from "../generation/news.ts";
import { placeBelow, type TraceContext } from "../generation/trace.ts";
import { anthropicApi } from "./anthropic.ts";
import type { Api } from "./api.ts";
import { createUpstreamBatches, type UpstreamBatches } from "./batches.ts";
import { type Attempt, createBreaker } from "./breaker.ts";
import { type Channel, createChannel } from "./channel.ts";
import { brokenAnswer, connectionError, isLoad, isUnwell, type Source, UpstreamTimeout } from "./failures.ts";
import { fetchMetrics, type Gauges, LOAD_FORMAT_HEADER, LOAD_HEADER, readGauges, readLoadReport } from "./gauges.ts";
import { KINDS, type Kind } from "./kinds.ts";
import { type ListedModel, listPath, readModelList } from "./model-list.ts";
import { ollamaApi } from "./ollama.ts";
import { openAiApi } from "./openai.ts";
import { PASSING, type Passing } from "./passing.ts";

/** Another server: its connections, its health, and the list of its models. */
export type UpstreamServer = {
  readonly settings: UpstreamSettings;
  readonly kind: Kind;
  readonly api: Api;
  /** How it gets requests as they came; undefined where they are always written anew. */
  readonly passing: Passing | undefined;
  readonly source: Source;
  readonly state: () => BackendState;
  /** Calls `listener` after each change of the state, until the function that it returns is called. */
  readonly onStateChange: (listener: (state: BackendState) => void) => () => void;
  /** The id of the gateway that it is, if it is one and has told. */
  readonly gatewayId: () => string | undefined;
  readonly breaker: () => BreakerView;
  /** How long it asked to be left alone, in ms from now; 0 where it did not. */
  readonly restMs: () => number;
  /**
   * Asks it by POST, again where that may help, until `begin` resolves: then an answer has begun, and nothing is asked again. `path` comes after
   * the prefix. Rejects with `UpstreamError`, and with the reason of `signal`.
   */
  readonly ask: <Begun>(asked: Asked, begin: Begin<Begun>) => Promise<Begun>;
  /** Notes that an answer broke off after it had begun. */
  readonly noteBroken: (error: unknown) => void;
  /** What it said of its load lately. Asks again in the background, where that is long ago. */
  readonly gauges: (model: string) => Gauges;
  /** Its own batches; undefined if its settings don't allow them. */
  readonly batches: UpstreamBatches | undefined;
  /** The models that it lists now. */
  readonly listModels: () => Promise<readonly ListedModel[]>;
  /** Finds out how it is. */
  readonly check: () => Promise<void>;
  readonly close: () => Promise<void>;
};

type Asked = {
  /** Its own name of the model. */
  readonly model: string;
  readonly path: string;
  /** A text is JSON. */
  readonly body: object | string;
  readonly headers: Readonly<Record<string, string>>;
  /** The ids of the gateways before this one. */
  readonly via?: readonly string[] | undefined;
  readonly trace?: TraceContext | undefined;
  /** Hears of each try. */
  readonly observe?: Observe | undefined;
  readonly signal: AbortSignal;
  /** No wait before another try is longer. */
  readonly maxWaitMs?: number | undefined;
  /** Told after which status it is asked again, if it had one, and after which pause. */
  readonly onRetry?: (status: number | undefined, pauseMs: number) => void;
};

type Begin<Begun> = (reply: Awaited<ReturnType<Channel["ask"]>>) => Promise<Begun>;

export type UpstreamServerOptions = {
  readonly settings: UpstreamSettings;
  /** The gateway's own id, which tells a request that comes back to it; not sent if absent. */
  readonly gatewayId?: string;
  /** The key that it is shown. */
  readonly key: string | undefined;
  readonly clock: Clock;
  readonly log: {
    readonly warn: (fields: object, message: string) => void;
    readonly info: (fields: object, message: string) => void;
  };
  /** Hears of each try of a request. */
  readonly onTry?: (outcome: TryOutcome) => void;
  /** A number in [0, 1) at each call. */
  readonly random?: () => number;
};

const NO_GAUGES: Gauges = { waiting: undefined, running: undefined };
/** Metrics are read again after so long, and after a failure much later. */
const GAUGES_MS = 2_000;
const NO_GAUGES_MS = 60_000;

const APIS: Readonly<Record<Kind["api"], Api>> = { openai: openAiApi, anthropic: anthropicApi, ollama: ollamaApi };

const PROBE_MS = 5_000;

/** As many models as a list has. */
const MAX_REPORTS = 1_000;

/** Tries of one request, the first included. */
const MAX_TRIES = 3;
/** The pause before another try, doubled each time. A random half of it is left out. */
const PAUSE_MS = 200;
/** The longest pause that is waited out for a `retry-after`. */
const MAX_PAUSE_MS = 2_000;
/** Each request earns a share of a further try, so that a server that fails is not asked much more than one that doesn't. */
const TRIES_EARNED = 0.1;
const MAX_EARNED = 10;

export function createUpstreamServer(options: UpstreamServerOptions): UpstreamServer {
  const { settings, clock, log, onTry = () => {}, random = Math.random } = options;
  const { name } = settings;
  const kind = KINDS[settings.kind];
  const channel = createChannel(settings, options.key, options.gatewayId);
  const { root, prefix } = placesOf(settings, kind);
  const listener = new Set<(state: BackendState) => void>();
  const closed = new AbortController();
  const breaker = createBreaker({ clock, probe });
  let isKnown = false;
  let restUntilMs = 0;
  let metrics = { text: "", untilMs: Number.NEGATIVE_INFINITY };
  /** What it told of its load with its last answers, by its names of models. */
  const reports = new Map<string, { readonly gauges: Gauges; readonly untilMs: number }>();
  let peerId: string | undefined;
  let earned = MAX_EARNED;
  let lastState = stateNow();
  breaker.onChange(() => {
    const state = breaker.state();
    log[state === "open" ? "warn" : "info"]({ upstream: name, state }, `upstream ${name} ${WORDS[state]}`);
    tellState();
  });

  function stateNow(): BackendState {
    if (breaker.state() === "open") return isKnown ? "restarting" : "loading";
    // A probe has said so.
    return isKnown || breaker.state() === "trying" ? "ready" : "loading";
  }

  function tellState(): void {
    const state = stateNow();
    if (state === lastState) return;
    lastState = state;
    for (const hear of listener) hear(state);
  }

  /** Whether it answers at all: a path of its own that wakes no model, else the list of its models. */
  async function probe(): Promise<boolean> {
    const path = kind.health === undefined ? `${prefix}${listPath(kind)}` : kind.health;
    const signal = AbortSignal.any([closed.signal, AbortSignal.timeout(PROBE_MS)]);
    try {
      const { chunks, header } = await channel.ask({ method: "GET", path: `${root}${path}`, headers: {}, signal });
      notePeer(header("sluice-gateway"));
      for await (const _ of chunks) break;
      return true;
    } catch (error) {
      const status = error instanceof UpstreamError ? error.failure.status : undefined;
      if (status === 401 || status === 403) log.warn({ upstream: name, status }, `upstream ${name} refuses the key`);
      return status !== undefined && status < 500;
    }
  }

  /** A 503 names no gateway here, and needs not: what is not ready is no reason to be. */
  function notePeer(id: string | undefined): void {
    if (id !== undefined && /^[\w-]{1,64}$/.test(id)) peerId = id;
  }

  function noteLoad(model: string, report: string | undefined): void {
    const gauges = report === undefined ? undefined : readLoadReport(report);
    if (gauges !== undefined && (reports.has(model) || reports.size < MAX_REPORTS)) {
      reports.set(model, { gauges, untilMs: clock.now() + GAUGES_MS });
    }
  }

  function letIn(): Attempt {
    const attempt = breaker.begin();
    if (attempt !== undefined) return attempt;
    throw new UpstreamError({
      status: 503,
      message: `The upstream '${name}' has failed several times in a row and is not asked for the moment.`,
      code: "upstream_unavailable",
      retryAfterMs: Math.max(FIRST_RETRY_MS, breaker.retryAfterMs()),
    });
  }

  async function askOnce<Begun>(
    { model, path, body, headers, via, trace, observe, signal }: Asked,
    begin: Begin<Begun>,
    earlier: number,
  ): Promise<Begun> {
    const attempt = letIn();
    const startedMs = clock.now();
    const place = trace && placeBelow(trace);
    const tell = (outcome: TryOutcome, status?: number) => {
      onTry(outcome);
      const tookMs = clock.now() - startedMs;
      const spanId = place === trace ? undefined : place?.spanId;
      observe?.({ type: "tried", upstream: name, outcome, status, earlier, tookMs, spanId });
    };
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new UpstreamTimeout("first byte")), settings.timeouts.firstByteMs);
    try {
      const wanted = AbortSignal.any([signal, late.signal, closed.signal]);
      const reply = await channel.ask({
        method: "POST",
        path: `${root}${prefix}${path}`,
        body,
        headers: kind.reportsLoad === true ? { ...headers, [LOAD_FORMAT_HEADER]: "TEXT" } : headers,
        via,
        trace: place,
        signal: wanted,
      });
      noteLoad(model, reply.header(LOAD_HEADER));
      const begun = await begin(reply);
      attempt.succeeded();
      tell("answered");
      isKnown = true;
      tellState();
      return begun;
    } catch (thrown) {
      const error = signal.aborted ? signal.reason : readable(thrown);
      tell(outcomeOf(error, signal), error instanceof UpstreamError ? error.failure.status : undefined);
      if (!signal.aborted && isUnwell(error)) attempt.failed();
      else if (error instanceof UpstreamError) attempt.succeeded();
      else attempt.saidNothing();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** What is neither the server's error nor ours is an answer that can't be read. */
  function readable(error: unknown): unknown {
    if (error instanceof UpstreamTimeout) return connectionError(name, error);
    if (closed.signal.aborted) return brokenAnswer(name, "is no longer in use");
    return error instanceof Error && error.name === "ZodError" ? brokenAnswer(name, "sent what can't be read") : error;
  }

  /** How long to wait before another try; undefined where none would help, or none may be made. */
  function pauseBefore(error: unknown, tries: number, { signal, maxWaitMs = MAX_PAUSE_MS }: Asked): number | undefined {
    if (!(error instanceof UpstreamError) || signal.aborted || tries >= MAX_TRIES || earned < 1) return undefined;
    const { status, retryAfterMs } = error.failure;
    if (isLoad(status)) {
      const isShort = retryAfterMs !== undefined && retryAfterMs <= Math.min(MAX_PAUSE_MS, maxWaitMs);
      return isShort && breaker.state() === "closed" ? retryAfterMs : undefined;
    }
    // After a timeout there is no time for another.
    if (!isUnwell(error) || status === 504) return undefined;
    return PAUSE_MS * 2 ** (tries - 1) * (1 - random() / 2);
  }

  async function ask<Begun>(asked: Asked, begin: Begin<Begun>): Promise<Begun> {
    earned = Math.min(MAX_EARNED, earned + TRIES_EARNED);
    for (let tries = 1; ; tries++) {
      try {
        return await askOnce(asked, begin, tries - 1);
      } catch (error) {
        noteRest(error);
        const pauseMs = pauseBefore(error, tries, asked);
        if (pauseMs === undefined) throw error;
        earned -= 1;
        asked.onRetry?.(error instanceof UpstreamError ? error.failure.status : undefined, pauseMs);
        await pause(pauseMs, asked.signal);
      }
    }
  }

  function noteRest(error: unknown): void {
    if (!(error instanceof UpstreamError) || !isLoad(error.failure.status)) return;
    restUntilMs = Math.max(restUntilMs, clock.now() + (error.failure.retryAfterMs ?? 0));
  }

  function pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        cancel();
        reject(signal.reason);
      };
      const cancel = clock.after(ms, () => {
        signal.removeEventListener("abort", leave);
        resolve();
      });
      signal.addEventListener("abort", leave, { once: true });
    });
  }

  async function readMetrics(): Promise<void> {
    const signal = AbortSignal.any([closed.signal, AbortSignal.timeout(PROBE_MS)]);
    try {
      metrics = { text: await fetchMetrics(channel, `${root}/metrics`, signal), untilMs: clock.now() + GAUGES_MS };
    } catch {
      // Many are started without metrics.
      metrics = { text: "", untilMs: clock.now() + NO_GAUGES_MS };
    }
  }

  function gaugesOf(model: string): Gauges {
    const report = reports.get(model);
    // Fresher than a page of metrics, and free.
    if (report !== undefined && clock.now() < report.untilMs) return report.gauges;
    if (kind.gauges === undefined) return NO_GAUGES;
    if (clock.now() >= metrics.untilMs) {
      metrics = { ...metrics, untilMs: Number.POSITIVE_INFINITY };
      void readMetrics();
    }
    return readGauges(metrics.text, kind.gauges, model);
  }

  return {
    settings,
    kind,
    gauges: gaugesOf,
    api: APIS[kind.api],
    passing: PASSING[kind.api],
    source: channel.source,
    state: stateNow,
    onStateChange(hear) {
      const own = (state: BackendState) => hear(state);
      listener.add(own);
      return () => void listener.delete(own);
    },
    gatewayId: () => peerId,
    restMs: () => Math.max(0, restUntilMs - clock.now()),
    breaker: () => ({ state: breaker.state(), retryAfterMs: breaker.retryAfterMs() }),
    ask,
    noteBroken(error) {
      if (isUnwell(error)) breaker.begin()?.failed();
    },
    batches: settings.batch ? createUpstreamBatches(name, channel, `${root}${prefix}`) : undefined,
    listModels: () =>
      readModelList(name, channel, {
        path: `${root}${prefix}${listPath(kind)}`,
        signal: AbortSignal.any([closed.signal, AbortSignal.timeout(PROBE_MS)]),
      }),
    async check() {
      const isWell = await probe();
      if (closed.signal.aborted) return;
      if (isWell) isKnown = true;
      breaker.note(isWell);
      tellState();
    },
    async close() {
      closed.abort();
      breaker.close();
      await channel.close();
    },
  };
}

function outcomeOf(error: unknown, { aborted }: AbortSignal): TryOutcome {
  if (aborted) return "left";
  if (!(error instanceof UpstreamError) || isUnwell(error)) return "failed";
  return isLoad(error.failure.status) ? "busy" : "refused";
}

const FIRST_RETRY_MS = 1_000;

const WORDS = {
  closed: "answers again",
  open: "fails, and is not asked for a while",
  trying: "is tried again",
} as const;

/** The base path without the API's prefix, and the prefix: the kind's, unless the base URL or the settings have another. */
function placesOf(
  { baseUrl, pathPrefix }: UpstreamSettings,
  kind: Kind,
): { readonly root: string; readonly prefix: string } {
  const path = new URL(baseUrl).pathname.replace(/\/+$/, "");
  const own = pathPrefix ?? (path.endsWith(kind.prefix) ? kind.prefix : /\/v\d+(\w*\/openai)?$/.exec(path)?.[0]);
  if (own === undefined) return { root: path, prefix: kind.prefix };
  return { root: path.endsWith(own) ? path.slice(0, path.length - own.length) : path, prefix: own };
}
