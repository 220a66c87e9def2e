import type { EmbeddingRequest } from "../generation/embedding.ts";
import type { GenerationEvent } from "../generation/event.ts";
import { Foresight } from "../generation/foresight.ts";
import { targetOf } from "../generation/news.ts";
import type { GenerationRequest } from "../generation/request.ts";
import type { Follow, Follower, Sighting } from "../generation/watch.ts";
import { createSpread, type Spread } from "./spread.ts";

/** What happened in the last second, and how fast the last quarter of a minute was. */
export type Beat = {
  readonly generatedTokens: number;
  readonly promptTokens: number;
  /** Requests that ended, in whatever way, and those of them that failed or were refused. */
  readonly ended: number;
  readonly failed: number;
  /** At 50, 95 and 99 %, in ms; undefined without any. */
  readonly firstTokenMs: readonly number[] | undefined;
  readonly betweenTokensMs: readonly number[] | undefined;
  readonly tokensByModel: ReadonlyMap<string, number>;
  /** The times to the first token as shares of what was predicted, of a model's last requests: at 10, 50 and 90 %. */
  readonly waitRatios: ReadonlyMap<string, readonly number[]>;
};

export type Tempo = {
  readonly follow: Follow;
  /** To be called once a second. */
  readonly beat: () => Beat;
};

const LOOK_BACK_SECONDS = 15;
const SHARES = [0.5, 0.95, 0.99];
const RATIO_SHARES = [0.1, 0.5, 0.9];
/** So many of a model's last predictions are remembered. */
const MAX_RATIOS = 100;

/** So many models are told apart; the tokens of others are counted in the sum alone. */
const MAX_MODELS = 256;

/** How many tokens a piece of an answer has: with drafts, and from other servers, more than one. */
type Density = { pieces: number; tokens: number };

type Second = { prompt: number; ended: number; failed: number; readonly pieces: Map<string, number> };

type Books = {
  readonly second: () => Second;
  readonly densityOf: (model: string) => Density;
  readonly noteRatio: (model: string, ratio: number) => void;
  readonly first: Spread;
  readonly between: Spread;
};

/** Measures requests while they run. Tokens are known when an answer ends; until then each of its pieces counts as many as pieces of its model have had. */
export function createTempo(): Tempo {
  const [first, between] = [createSpread(LOOK_BACK_SECONDS), createSpread(LOOK_BACK_SECONDS)];
  const densities = new Map<string, Density>();
  const ratios = new Map<string, number[]>();
  let second = newSecond();

  function densityOf(model: string): Density {
    const known = densities.get(model);
    if (known !== undefined) return known;
    const made = { pieces: 0, tokens: 0 };
    if (densities.size < MAX_MODELS) densities.set(model, made);
    return made;
  }

  function noteRatio(model: string, ratio: number): void {
    const own = ratios.get(model) ?? [];
    if (own.length === 0 && ratios.size >= MAX_MODELS) return;
    own.push(ratio);
    if (own.length > MAX_RATIOS) own.shift();
    ratios.set(model, own);
  }

  const books: Books = { second: () => second, densityOf, noteRatio, first, between };
  return {
    follow: (request, startedMs) => new TimedRequest(books, request, startedMs),
    beat() {
      const { prompt: promptTokens, ended, failed, pieces } = second;
      const tokensByModel = new Map(
        Array.from(pieces, ([model, number]) => [model, number * tokensPerPiece(densityOf(model))]),
      );
      const beat = {
        ...{ promptTokens, ended, failed, tokensByModel },
        waitRatios: new Map(Array.from(ratios, ([model, own]) => [model, sharesOf(own)])),
        generatedTokens: [...tokensByModel.values()].reduce((sum, tokens) => sum + tokens, 0),
        firstTokenMs: first.quantiles(SHARES),
        betweenTokensMs: between.quantiles(SHARES),
      };
      first.step();
      between.step();
      second = newSecond();
      return beat;
    },
  };
}

/** @param values at least one */
function sharesOf(values: readonly number[]): readonly number[] {
  const sorted = values.toSorted((a, b) => a - b);
  return RATIO_SHARES.map((share) => sorted[Math.round(share * (sorted.length - 1))] ?? 0);
}

function newSecond(): Second {
  return { prompt: 0, ended: 0, failed: 0, pieces: new Map() };
}

function tokensPerPiece({ pieces, tokens }: Density): number {
  return pieces === 0 ? 1 : Math.max(1, tokens / pieces);
}

/** One request. A class, since it is made for each request: its functions are not. */
class TimedRequest implements Follower {
  readonly #books: Books;
  readonly #startedMs: number;
  #model: string;
  #isReplay = false;
  #hasSpoken = false;
  #pieces = 0;
  /** Undefined unless anything was predicted. */
  #foresight: Foresight | undefined;
  /** When each choice spoke last. */
  readonly #spokeMs: number[] = [];

  constructor(books: Books, { model }: GenerationRequest | EmbeddingRequest, startedMs: number) {
    this.#books = books;
    this.#model = model;
    this.#startedMs = startedMs;
  }

  event(event: GenerationEvent, now: () => number): void {
    switch (event.type) {
      case "started":
        this.#isReplay = event.isReplay === true;
        if (!this.#isReplay) this.#books.second().prompt += (event.promptTokens ?? 0) - (event.cachedTokens ?? 0);
        return;
      case "usage":
        this.#learn(event.completionTokens);
        return;
      case "finished":
        if (event.completionTokens !== undefined) this.#learn(event.completionTokens);
        return;
      case "prompt":
        return;
      default:
        // What is replayed from the cache was not generated now.
        if (!this.#isReplay) this.#speak("choice" in event ? event.choice : 0, now());
    }
  }

  note(sighting: Exclude<Sighting, { readonly type: "began" | "event" }>, now: () => number): void {
    const second = this.#books.second();
    if ((sighting.type === "routed" || sighting.type === "waiting") && !this.#hasSpoken) {
      this.#foresight ??= new Foresight();
      this.#foresight.note(sighting, now);
    }
    if (sighting.type === "routed") this.#model = targetOf(sighting) ?? this.#model;
    else if (sighting.type === "embedded") second.prompt += sighting.tokens;
    else if (sighting.type === "ended") second.ended += 1;
    else if (sighting.type === "failed") {
      second.ended += 1;
      second.failed += 1;
    }
  }

  #speak(choice: number, atMs: number): void {
    const { second, first, between } = this.#books;
    const before = this.#spokeMs[choice];
    if (!this.#hasSpoken) {
      first.add(atMs - this.#startedMs);
      this.#foresight?.fulfil(atMs, (_, ratio) => this.#books.noteRatio(this.#model, ratio));
    } else if (before !== undefined) between.add(atMs - before);
    this.#hasSpoken = true;
    this.#spokeMs[choice] = atMs;
    this.#pieces += 1;
    const { pieces } = second();
    const sum = pieces.get(this.#model);
    if (sum !== undefined || pieces.size < MAX_MODELS) pieces.set(this.#model, (sum ?? 0) + 1);
  }

  #learn(tokens: number): void {
    if (this.#pieces === 0) return;
    const density = this.#books.densityOf(this.#model);
    density.pieces += this.#pieces;
    density.tokens += tokens;
    this.#pieces = 0;
  }
}
