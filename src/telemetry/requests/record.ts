import type { CacheNews } from "../../generation/cache.ts";
import type { EmbeddingRequest } from "../../generation/embedding.ts";
import { GenerationError, refusalOf } from "../../generation/errors.ts";
import type { GenerationEvent } from "../../generation/event.ts";
import { type Evaluation, type RouteNews, targetOf } from "../../generation/news.ts";
import type { GenerationRequest } from "../../generation/request.ts";
import type { Priority } from "../../generation/terms.ts";
import type { Follower } from "../../generation/watch.ts";
import {
  type Arrival,
  areaAt,
  awayMs,
  type ModelLoad,
  notePace,
  noteRunning,
  noteWaited,
  noteWaiting,
} from "./load.ts";
import type { PrefixReport } from "./prefix/report.ts";
import { Steps } from "./steps.ts";
import type { RequestState } from "./wire.ts";

/** The work for one choice, with the time of its end. */
export type Stage = Evaluation & { readonly choice: number; readonly endMs: number };

/** An upstream that was asked again. */
export type Retry = { readonly upstream: string; readonly status: number | undefined; readonly pauseMs: number };

/** What the answer over HTTP was. */
export type AnswerFacts = {
  readonly path: string;
  readonly status: number;
  readonly error: string | undefined;
  /** As of `RequestRecord`. */
  readonly refusal?: string | undefined;
  readonly key: { readonly id: string; readonly name: string } | undefined;
  readonly preset: string | undefined;
  /** From the request's arrival until its last byte was sent. */
  readonly durationMs: number;
  /** When that was. */
  readonly sentMs: number;
};

/** A target of a route that was asked. */
export type Try = { readonly target: string; readonly fromMs: number };

/** What records share. */
export type Books = {
  readonly loadOf: (model: string) => ModelLoad;
  /** The work for a request has ended. The request itself is not kept: it has the prompt. */
  readonly ended: (record: RequestRecord, request: GenerationRequest | EmbeddingRequest) => void;
};

/** More choices are not told one by one. */
const MAX_STAGES = 32;
const MAX_RETRIES = 8;
const MAX_SESSION_CHARS = 256;
const NONE: readonly never[] = [];

/**
 * One request, as far as it is told of: figures and names, nothing of its prompt or answer. It is filled in while the request runs. Times are by a
 * monotonic clock in ms. A class, since one is made for each request: its functions are not.
 */
export class RequestRecord implements Follower {
  readonly id: string;
  readonly startedMs: number;
  /** Undefined for a request that was answered before any model was asked. */
  readonly operation: "chat" | "text_completion" | "embeddings" | undefined;
  readonly class: Priority | undefined;
  readonly tenant: string | undefined;
  readonly session: string | undefined;
  readonly choices: number;
  readonly maxTokens: number | undefined;
  model: string | undefined;
  state: RequestState = "waiting";
  answer: AnswerFacts | undefined = undefined;
  route: RouteNews | undefined = undefined;
  tries: readonly Try[] = NONE;
  retries: readonly Retry[] = NONE;
  cache: string | undefined = undefined;
  isReplay = false;
  /** Who was there when it came to wait; undefined if it did not wait. */
  arrival: Arrival | undefined = undefined;
  wait: { readonly untilMs: number; readonly ms: number; readonly position: number } | undefined = undefined;
  /** The times of its wait in which its model was loaded, and of its life in which its engine was started again. */
  loadMs = 0;
  restartMs = 0;
  firstMs: number | undefined = undefined;
  stages: readonly Stage[] = NONE;
  steps: Steps | undefined = undefined;
  /** The mean number of other requests that ran while it was decoded. */
  others: number | undefined = undefined;
  /** The pace of its model while nothing else ran. */
  aloneMsPerToken: number | undefined = undefined;
  promptTokens = 0;
  cachedTokens = 0;
  completionTokens = 0;
  reasoningTokens = 0;
  /** What an upstream says that it costs, in US dollars. */
  toldCost: number | undefined = undefined;
  endMs: number | undefined = undefined;
  /** A failure's code. */
  error: string | undefined = undefined;
  /** What the client was told of the limit because of which it was refused. */
  refusal: string | undefined = undefined;
  prefix: PrefixReport | undefined = undefined;
  /** How many requests of its model had had their turns when it had its own, itself included. */
  turns = 0;
  /** Whether it has made room for a later one. */
  isDropped = false;

  readonly #books: Books | undefined;
  #request: GenerationRequest | EmbeddingRequest | undefined;
  /** The model at which it waits or runs. */
  #at: ModelLoad | undefined = undefined;
  #isWaiting = false;
  #isRunning = false;
  /** The sum of running requests over time when its first piece came. */
  #areaAtFirst = 0;
  #hasUntold = false;

  /** @param request undefined if no model was asked */
  constructor(
    id: string,
    startedMs: number,
    request: GenerationRequest | EmbeddingRequest | undefined,
    books: Books | undefined,
  ) {
    const terms = request?.terms;
    this.id = id;
    this.startedMs = startedMs;
    this.operation = request && operationOf(request);
    this.class = terms?.priority;
    this.tenant = terms?.tenant;
    this.session = terms?.session?.slice(0, MAX_SESSION_CHARS);
    this.choices = request !== undefined && "choices" in request ? request.choices : 1;
    this.maxTokens = request !== undefined && "maxTokens" in request ? request.maxTokens : undefined;
    this.model = request?.model;
    this.#request = request;
    this.#books = books;
  }

  event(event: GenerationEvent, now: () => number): void {
    switch (event.type) {
      case "started":
        this.isReplay ||= event.isReplay ?? false;
        this.promptTokens += event.promptTokens ?? 0;
        this.cachedTokens += event.cachedTokens ?? 0;
        return;
      case "usage":
        this.promptTokens += event.promptTokens;
        this.cachedTokens += event.cachedTokens;
        this.completionTokens += event.completionTokens;
        this.reasoningTokens += event.reasoningTokens ?? 0;
        if (event.cost !== undefined) this.toldCost = (this.toldCost ?? 0) + event.cost;
        return;
      case "finished":
        this.completionTokens += event.completionTokens ?? 0;
        this.reasoningTokens += event.reasoningTokens ?? 0;
        if (event.completionTokens === undefined) this.#hasUntold = true;
        return;
      case "prompt":
        return;
      default:
        this.#piece(now());
    }
  }

  note(sighting: Parameters<Follower["note"]>[0], now: () => number): void {
    switch (sighting.type) {
      case "waiting":
        if (!this.#isWaiting && !this.#isRunning) this.#wait();
        return;
      case "admitted":
        this.#run(now(), sighting.waitedMs, sighting.position);
        return;
      case "cache":
        this.cache = cacheWord(sighting.outcome);
        return;
      case "routed":
        this.#try(sighting, now());
        return;
      case "retrying": {
        const { upstream, status, pauseMs } = sighting;
        if (this.retries.length < MAX_RETRIES) this.retries = [...this.retries, { upstream, status, pauseMs }];
        return;
      }
      case "evaluated":
        if (this.stages.length < MAX_STAGES) {
          this.stages = [...this.stages, { ...sighting.evaluation, choice: sighting.choice, endMs: now() }];
        }
        return;
      case "left":
        this.promptTokens = Math.max(this.promptTokens, sighting.spent.prompt);
        this.cachedTokens = Math.max(this.cachedTokens, sighting.spent.cached);
        this.completionTokens += sighting.spent.completion;
        return;
      case "embedded":
        this.promptTokens += sighting.tokens;
        return;
      case "ended":
        this.#end(now(), sighting.outcome);
        return;
      case "failed":
        this.error = sighting.error instanceof GenerationError ? sighting.error.code : "internal_error";
        this.refusal = refusalOf(sighting.error);
        this.#end(now(), "failed");
        return;
      default:
        return;
    }
  }

  #try(news: RouteNews, nowMs: number): void {
    this.route = news;
    const target = targetOf(news);
    if (target === undefined) return;
    this.model = target;
    if (target === this.tries.at(-1)?.target || this.tries.length >= MAX_RETRIES) return;
    this.tries = [...this.tries, { target, fromMs: nowMs }];
  }

  #wait(): void {
    if (this.#books === undefined) return;
    this.#at = this.#books.loadOf(this.model ?? "");
    this.#isWaiting = true;
    this.arrival = noteWaiting(this.#at, this.class);
  }

  #run(nowMs: number, waitedMs: number, position: number): void {
    if (this.#books === undefined) return;
    this.#leave(nowMs);
    const at = this.#books.loadOf(this.model ?? "");
    this.#at = at;
    this.#isRunning = true;
    noteRunning(at, 1, nowMs);
    this.turns = at.turns;
    this.state = "running";
    this.wait = { untilMs: nowMs, ms: (this.wait?.ms ?? 0) + waitedMs, position };
    this.loadMs += awayMs(at, "load", nowMs - waitedMs, nowMs);
    this.restartMs += awayMs(at, "restart", nowMs - waitedMs, nowMs);
  }

  /** It neither waits nor runs any more where it did. */
  #leave(nowMs: number): void {
    if (this.#at === undefined) return;
    if (this.#isWaiting) noteWaited(this.#at, this.class);
    if (this.#isRunning) noteRunning(this.#at, -1, nowMs);
    this.#isWaiting = this.#isRunning = false;
  }

  #piece(nowMs: number): void {
    if (this.firstMs === undefined) {
      this.firstMs = nowMs;
      this.state = "running";
      if (this.#at !== undefined) this.#areaAtFirst = areaAt(this.#at, nowMs);
    }
    // The pieces of a stored answer are of no step.
    if (this.isReplay) return;
    this.steps ??= new Steps();
    this.steps.note(nowMs - this.startedMs);
  }

  #end(endMs: number, outcome: "done" | "left" | "failed"): void {
    const request = this.#request;
    this.#request = undefined;
    if (this.completionTokens === 0 && (this.#hasUntold || outcome !== "done")) {
      this.completionTokens = this.steps?.pieces ?? 0;
    }
    if (this.#at !== undefined) {
      if (this.#isRunning) this.#learn(this.#at, endMs);
      else this.loadMs += awayMs(this.#at, "load", this.startedMs, endMs);
    }
    this.#leave(endMs);
    this.#at = undefined;
    this.endMs = endMs;
    this.state = outcome;
    if (request !== undefined) this.#books?.ended(this, request);
  }

  #learn(load: ModelLoad, endMs: number): void {
    const { firstMs, wait, stages } = this;
    if (firstMs !== undefined && endMs > firstMs) {
      this.others = Math.max(0, (areaAt(load, endMs) - this.#areaAtFirst) / (endMs - firstMs) - 1);
    }
    this.restartMs += awayMs(load, "restart", wait?.untilMs ?? this.startedMs, endMs);
    this.aloneMsPerToken = load.aloneMsPerToken;
    for (const stage of stages) notePace(load, stage, (this.others ?? 0) + this.choices - 1);
  }
}

function operationOf(request: GenerationRequest | EmbeddingRequest): RequestRecord["operation"] {
  if (!("prompt" in request)) return "embeddings";
  return request.prompt.type === "chat" ? "chat" : "text_completion";
}

function cacheWord(news: CacheNews): string {
  if (news.type !== "forward") return news.type;
  return news.collapsed ? "collapsed" : news.reason;
}
