import type { Backend } from "../../generation/backend.ts";
import type { Work } from "../../generation/cost.ts";
import type { EmbeddingRequest } from "../../generation/embedding.ts";
import {
  BeyondLimitError,
  EngineUnavailableError,
  GenerationError,
  LocalOnlyError,
  NoTargetError,
  NotCachedError,
  OverloadedError,
  RateLimitedError,
  SupersededError,
  UpstreamError,
} from "../../generation/errors.ts";
import type { GenerationEvent } from "../../generation/event.ts";
import { Foresight } from "../../generation/foresight.ts";
import { type Evaluation, type News, targetOf } from "../../generation/news.ts";
import type { GenerationRequest } from "../../generation/request.ts";
import type { Follow, Follower, FollowRepeat } from "../../generation/watch.ts";
import { GEN_AI, SLUICE } from "./families.ts";
import type { Metrics } from "./registry.ts";
import { addTokens, type From, findSeries, type ModelSeries, type Outcome } from "./series.ts";

/** Finds a model that is served. */
export type FindModel = (model: string) => Pick<Backend, "upstream" | "costOf"> | undefined;

/** So many models' series are kept at hand. */
const MAX_KNOWN = 1_000;

/** What all requests are counted in. */
type Books = {
  readonly metrics: Metrics;
  readonly seriesOf: (model: string) => ModelSeries;
  readonly find: FindModel;
};

/** What counts requests. */
export type RequestMeasure = { readonly follow: Follow; readonly followRepeat: FollowRepeat };

/** Counts requests to models. A token costs a comparison; all else happens once for a request. */
export function measureRequests(metrics: Metrics, find: FindModel): RequestMeasure {
  const known = new Map<string, ModelSeries>();

  function seriesOf(model: string): ModelSeries {
    const before = known.get(model);
    if (before !== undefined) return before;
    const made = findSeries(metrics, model);
    if (known.size < MAX_KNOWN) known.set(model, made);
    return made;
  }

  const books: Books = { metrics, seriesOf, find };
  return {
    follow: (request, startedMs) => new MeasuredRequest(books, request, startedMs),
    followRepeat({ model }, startedMs, endMs) {
      const { hits, outcomes, duration } = seriesOf(model);
      hits().add(1);
      outcomes.done.add(1);
      duration.cache.observe((endMs - startedMs) / 1_000);
    },
  };
}

/** One request. A class, since it is made for each request: its functions are not. */
class MeasuredRequest implements Follower {
  readonly #books: Books;
  readonly #request: GenerationRequest | EmbeddingRequest;
  readonly #startedMs: number;
  #model: string;
  #from: From = "model";
  #firstMs: number | undefined;
  /** Undefined unless anything was predicted. */
  #foresight: Foresight | undefined;
  /** Tokens. */
  #prompt = 0;
  #cached = 0;
  #completion = 0;
  #reasoning = 0;
  #left = 0;
  /** Events with something generated. */
  #pieces = 0;
  /** What the engine has spent, and what another server says that it costs. */
  #computeMs = 0;
  #joules: number | undefined;
  #told: number | undefined;
  /** Whether a choice has ended whose tokens nobody counted. */
  #hasUntold = false;
  #isUsageTold = false;

  constructor(books: Books, request: GenerationRequest | EmbeddingRequest, startedMs: number) {
    this.#books = books;
    this.#request = request;
    this.#startedMs = startedMs;
    this.#model = request.model;
  }

  event(event: GenerationEvent, now: () => number): void {
    switch (event.type) {
      case "started":
        if (event.isReplay === true) this.#from = "cache";
        this.#prompt += event.promptTokens ?? 0;
        this.#cached += event.cachedTokens ?? 0;
        return;
      case "usage":
        this.#isUsageTold = true;
        this.#prompt += event.promptTokens;
        this.#cached += event.cachedTokens;
        this.#completion += event.completionTokens;
        this.#reasoning += event.reasoningTokens ?? 0;
        if (event.cost !== undefined) this.#told = (this.#told ?? 0) + event.cost;
        return;
      case "finished":
        if (this.#firstMs === undefined) this.#begin(now());
        if (event.completionTokens === undefined) this.#hasUntold = true;
        this.#completion += event.completionTokens ?? 0;
        this.#reasoning += event.reasoningTokens ?? 0;
        return;
      case "prompt":
        return;
      default:
        if (this.#firstMs === undefined) this.#begin(now());
        this.#pieces += 1;
    }
  }

  note(sighting: Parameters<Follower["note"]>[0], now: () => number): void {
    const { metrics, seriesOf } = this.#books;
    switch (sighting.type) {
      case "routed":
        this.#model = targetOf(sighting) ?? this.#model;
        this.#foresee(sighting, now);
        return;
      case "waiting":
        this.#foresee(sighting, now);
        return;
      case "admitted":
        seriesOf(this.#model).queueWait.observe(sighting.waitedMs / 1_000);
        return;
      case "cache": {
        const { outcome } = sighting;
        const word = outcome.type === "forward" ? outcome.reason : outcome.type;
        const tier = outcome.type === "hit" ? (outcome.detail?.toLowerCase() ?? "memory") : "";
        metrics.value(SLUICE.cacheAnswers, this.#model, word, tier).add(1);
        return;
      }
      case "evaluated":
        this.#noteEvaluation(sighting.evaluation);
        return;
      case "discarded":
        this.#discard(sighting);
        return;
      case "left":
        this.#prompt += sighting.spent.prompt;
        this.#cached += sighting.spent.cached;
        this.#left += this.#completion + sighting.spent.completion;
        return;
      case "embedded":
        this.#prompt += sighting.tokens;
        return;
      case "ended":
        this.#end(now(), sighting.outcome);
        return;
      case "failed":
        this.#fail(sighting.error, now());
        return;
      default:
        return;
    }
  }

  #foresee(news: News, now: () => number): void {
    if (this.#firstMs !== undefined) return;
    this.#foresight ??= new Foresight();
    this.#foresight.note(news, now);
  }

  #begin(atMs: number): void {
    this.#firstMs = atMs;
    // Nobody has waited for a stored answer.
    if (this.#foresight === undefined || this.#from === "cache") return;
    const { metrics } = this.#books;
    const { priority = "default" } = this.#request.terms ?? {};
    this.#foresight.fulfil(atMs, (by, ratio) =>
      metrics.distribution(SLUICE.foresight, this.#model, priority, by).observe(ratio),
    );
    this.#foresight = undefined;
  }

  #noteEvaluation({ prefillMs, prefillTokens, decodeMs, decodeTokens, computeMs, joules }: Evaluation): void {
    const stages = this.#books.seriesOf(this.#model).stages();
    stages.prefill.observe(prefillMs / 1_000);
    stages.prefillTokens.add(prefillTokens);
    stages.decode.observe(decodeMs / 1_000);
    stages.decodeTokens.add(decodeTokens);
    this.#computeMs += computeMs;
    if (joules !== undefined) this.#joules = (this.#joules ?? 0) + joules;
  }

  /** Another target's answer is used, and this one has done its work. */
  #discard({ target, spent, told }: Extract<News, { readonly type: "discarded" }>): void {
    const series = this.#books.seriesOf(target);
    addTokens(series, { ...spent, reasoning: 0 });
    this.#addCost(series, target, { ...spent, ...(told !== undefined && { told }) });
    this.#computeMs = 0;
    this.#joules = undefined;
  }

  #addCost({ cost, energy }: ModelSeries, model: string, work: Work): void {
    const costs = this.#books.find(model)?.costOf?.({
      ...work,
      ...(this.#computeMs > 0 && { computeMs: this.#computeMs }),
      ...(this.#joules !== undefined && { joules: this.#joules }),
    });
    if (costs?.money !== undefined) cost.add(costs.money);
    if (costs?.energy !== undefined) energy.add(costs.energy.joules);
  }

  #fail(error: unknown, atMs: number): void {
    const { metrics } = this.#books;
    const reason = refusalOf(error);
    if (reason !== undefined) metrics.value(SLUICE.refusals, this.#model, reason).add(1);
    else metrics.value(SLUICE.failures, this.#model, codeOf(error)).add(1);
    this.#end(atMs, reason === undefined ? "failed" : "refused", reason ?? codeOf(error));
  }

  #end(atMs: number, outcome: Outcome, error?: string): void {
    const from = this.#from;
    const series = this.#books.seriesOf(this.#model);
    series.outcomes[outcome].add(1);
    if (from === "model") this.#addWork(series);
    // How long another server took in a batch, nobody knows here.
    if (outcome === "refused" || this.#isBatch()) return;
    if (outcome === "done") series.duration[from].observe((atMs - this.#startedMs) / 1_000);
    if (this.#firstMs !== undefined) series.firstToken[from].observe((this.#firstMs - this.#startedMs) / 1_000);
    if (from === "model") this.#tellConventions(atMs, error);
  }

  #isBatch(): boolean {
    return this.#request.terms?.replay !== undefined;
  }

  #completionTokens(): number {
    // An answer whose tokens nobody has counted has about as many as pieces.
    const isCounted = this.#completion > 0 && (this.#isUsageTold || !this.#hasUntold);
    return Math.max(this.#completion, this.#left, isCounted ? 0 : this.#pieces);
  }

  #addWork(series: ModelSeries): void {
    const spent = { prompt: this.#prompt, cached: this.#cached, completion: this.#completionTokens() };
    addTokens(series, { ...spent, reasoning: this.#reasoning });
    // Nothing was done for a request that was refused.
    if (spent.prompt + spent.completion + this.#computeMs === 0) return;
    const told = this.#told === undefined ? {} : { told: this.#told };
    this.#addCost(series, this.#model, { ...spent, ...told, ...(this.#isBatch() && { isBatch: true as const }) });
  }

  /** OpenTelemetry's three metrics of a server. */
  #tellConventions(atMs: number, error = ""): void {
    const { metrics, find } = this.#books;
    const attributes = [
      ...[operationOf(this.#request), find(this.#model)?.upstream?.kind ?? "sluice"],
      ...[this.#request.model, this.#model],
    ];
    metrics.distribution(GEN_AI.duration, ...attributes, error).observe((atMs - this.#startedMs) / 1_000);
    if (this.#firstMs === undefined) return;
    const afterMs = this.#firstMs - this.#startedMs;
    metrics.distribution(GEN_AI.firstToken, ...attributes).observe(afterMs / 1_000);
    const further = this.#completionTokens() - 1;
    if (further > 0) {
      metrics.distribution(GEN_AI.eachToken, ...attributes).observe((atMs - this.#firstMs) / 1_000 / further);
    }
  }
}

function operationOf(request: GenerationRequest | EmbeddingRequest): string {
  if (!("prompt" in request)) return "embeddings";
  return request.prompt.type === "chat" ? "chat" : "text_completion";
}

/** Why a request was refused before a model worked on it; undefined for a failure. */
function refusalOf(error: unknown): string | undefined {
  if (error instanceof OverloadedError) return error.why;
  if (error instanceof RateLimitedError || error instanceof BeyondLimitError) return `limit_of_${error.limited}`;
  if (error instanceof UpstreamError) {
    const { status } = error.failure;
    return status === 429 || status === 503 ? "upstream_busy" : undefined;
  }
  const isRefusal =
    error instanceof NoTargetError ||
    error instanceof LocalOnlyError ||
    error instanceof SupersededError ||
    error instanceof NotCachedError ||
    error instanceof EngineUnavailableError;
  return isRefusal ? error.code : undefined;
}

/** A bounded set of words: what an upstream calls its errors is for it to choose. */
function codeOf(error: unknown): string {
  if (error instanceof UpstreamError) return `upstream_${error.failure.status ?? "unreachable"}`;
  return error instanceof GenerationError ? error.code : "other";
}
