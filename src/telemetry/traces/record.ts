import type { EmbeddingRequest } from "../../generation/embedding.ts";
import { GenerationError } from "../../generation/errors.ts";
import type { GenerationEvent } from "../../generation/event.ts";
import { type Evaluation, type RouteNews, type TryNews, targetOf } from "../../generation/news.ts";
import { type GenerationRequest, imagesOf, type Prompt, textsOfInfill } from "../../generation/request.ts";
import type { TraceContext } from "../../generation/trace.ts";
import type { Follow, Follower } from "../../generation/watch.ts";

/** What is known of the work for a request, once it has ended. Times are by a monotonic clock in ms. */
export type Work = {
  /** The place of its request in a trace; undefined if no client asked for it. */
  readonly trace?: TraceContext | undefined;
  readonly operation: "chat" | "text_completion" | "embeddings";
  readonly model: string;
  readonly class: string | undefined;
  readonly choices: number | undefined;
  readonly maxTokens: number | undefined;
  readonly startedMs: number;
  readonly wait: { readonly untilMs: number; readonly ms: number; readonly position: number } | undefined;
  readonly cache: string | undefined;
  readonly route: RouteNews | undefined;
  readonly firstMs: number | undefined;
  /** The work of each choice in the engine, with the time of its end. */
  readonly evaluations: readonly (Evaluation & { readonly choice: number; readonly endMs: number })[];
  /** Its tries at other servers, with the time when each was answered or over. */
  readonly tries: readonly (TryNews & { readonly atMs: number })[];
  readonly reasons: readonly string[];
  readonly tokens: {
    readonly prompt: number;
    readonly cached: number;
    readonly completion: number;
    readonly reasoning: number;
  };
  readonly endMs: number;
  /** `left`: its reader left. Otherwise a failure's code. */
  readonly error: string | undefined;
  /** The messages asked with, in JSON, and the text of the answer, if these are recorded. */
  readonly content: { readonly input: string; readonly output: string } | undefined;
};

/** More choices, and more tries, are not told one by one. */
const MAX_TOLD = 32;
/** Of prompt and answer, each, in characters. */
const MAX_CONTENT = 16 * 1024;

/**
 * Records the work for requests, and gives each record away at its end.
 *
 * @param withContent whether prompts and answers are recorded, too
 */
export function recordWork(take: (work: Work) => void, withContent: boolean): Follow {
  return (request, startedMs) => new Recorded(request, startedMs, take, withContent);
}

/** The work for one request. A class, since it is made for each request: its functions are not. */
class Recorded implements Follower {
  readonly #request: GenerationRequest | EmbeddingRequest;
  readonly #startedMs: number;
  readonly #take: (work: Work) => void;
  readonly #said: string[] | undefined;
  readonly #evaluations: Work["evaluations"][number][] = [];
  readonly #tries: Work["tries"][number][] = [];
  readonly #reasons = new Map<number, string>();
  #wait: Work["wait"];
  #cache: string | undefined;
  #route: RouteNews | undefined;
  #firstMs: number | undefined;
  #prompt = 0;
  #cached = 0;
  #completion = 0;
  #reasoning = 0;
  #saidLength = 0;

  constructor(
    request: GenerationRequest | EmbeddingRequest,
    startedMs: number,
    take: (work: Work) => void,
    withContent: boolean,
  ) {
    this.#request = request;
    this.#startedMs = startedMs;
    this.#take = take;
    this.#said = withContent ? [] : undefined;
  }

  event(event: GenerationEvent, now: () => number): void {
    switch (event.type) {
      case "started":
        this.#prompt += event.promptTokens ?? 0;
        this.#cached += event.cachedTokens ?? 0;
        return;
      case "usage":
        this.#prompt += event.promptTokens;
        this.#cached += event.cachedTokens;
        this.#completion += event.completionTokens;
        this.#reasoning += event.reasoningTokens ?? 0;
        return;
      case "finished":
        this.#completion += event.completionTokens ?? 0;
        this.#reasoning += event.reasoningTokens ?? 0;
        if (this.#reasons.size < MAX_TOLD) this.#reasons.set(event.choice, event.reason);
        return;
      case "prompt":
        return;
      default:
        this.#firstMs ??= now();
        if (this.#said !== undefined && "text" in event) this.#say(this.#said, event.text);
    }
  }

  note(sighting: Parameters<Follower["note"]>[0], now: () => number): void {
    switch (sighting.type) {
      case "admitted":
        this.#wait = { untilMs: now(), ms: sighting.waitedMs, position: sighting.position };
        return;
      case "cache":
        this.#cache = sighting.outcome.type;
        return;
      case "routed":
        this.#route = sighting;
        return;
      case "evaluated": {
        const { choice, evaluation } = sighting;
        if (this.#evaluations.length < MAX_TOLD) this.#evaluations.push({ ...evaluation, choice, endMs: now() });
        return;
      }
      case "tried":
        if (this.#tries.length < MAX_TOLD) this.#tries.push({ ...sighting, atMs: now() });
        return;
      case "left":
        this.#prompt += sighting.spent.prompt;
        this.#completion += sighting.spent.completion;
        return;
      case "embedded":
        this.#prompt += sighting.tokens;
        return;
      case "ended":
        this.#end(now(), sighting.outcome === "left" ? "left" : undefined);
        return;
      case "failed":
        this.#end(now(), codeOf(sighting.error));
    }
  }

  #say(said: string[], text: string): void {
    const room = MAX_CONTENT - this.#saidLength;
    if (room <= 0) return;
    said.push(text.slice(0, room));
    this.#saidLength += text.length;
  }

  #end(endMs: number, error: string | undefined): void {
    const request = this.#request;
    const route = this.#route;
    const prompt = "prompt" in request ? request.prompt : undefined;
    this.#take({
      trace: request.terms?.trace,
      operation: prompt === undefined ? "embeddings" : prompt.type === "chat" ? "chat" : "text_completion",
      model: (route && targetOf(route)) ?? request.model,
      class: request.terms?.priority,
      choices: "choices" in request ? request.choices : undefined,
      maxTokens: "maxTokens" in request ? request.maxTokens : undefined,
      startedMs: this.#startedMs,
      wait: this.#wait,
      cache: this.#cache,
      route,
      firstMs: this.#firstMs,
      evaluations: this.#evaluations,
      tries: this.#tries,
      reasons: [...this.#reasons.values()],
      tokens: {
        ...{ prompt: this.#prompt, cached: this.#cached },
        ...{ completion: this.#completion, reasoning: this.#reasoning },
      },
      endMs,
      error,
      content: this.#said && { input: prompt === undefined ? "" : inputOf(prompt), output: this.#said.join("") },
    });
  }
}

function codeOf(error: unknown): string {
  return error instanceof GenerationError ? error.code : "internal_error";
}

/** The newest messages of a prompt in the convention's form, as many as there is room for. */
function inputOf(prompt: Prompt): string {
  let room = MAX_CONTENT;
  const told: object[] = [];
  for (const { role, content, images } of messagesOf(prompt).toReversed()) {
    if (room <= 0) break;
    const parts = [{ type: "text", content: content.slice(0, room) }, ...Array.from({ length: images }, () => IMAGE)];
    told.unshift({ role, parts });
    room -= content.length;
  }
  return JSON.stringify(told);
}

const IMAGE = { type: "image" };

function messagesOf(prompt: Prompt): readonly { role: string; content: string; images: number }[] {
  switch (prompt.type) {
    case "chat":
      return prompt.messages.map((message) => ({ ...message, images: imagesOf(message).length }));
    case "text":
      return [{ role: "user", content: prompt.text, images: 0 }];
    case "infill":
      return textsOfInfill(prompt).map((content) => ({ role: "user", content, images: 0 }));
    case "tokens":
      return [];
  }
}
