import { type News, targetOf } from "./news.ts";

/**
 * Who predicted when a request's first token would come. `queue`: the queue, when it came to wait. `load`: the same, while its model was being
 * loaded. `route`: its route, when it chose the target.
 */
type Foreteller = "queue" | "load" | "route";

/** How long requests take to their first tokens, as a share of what was predicted: 2 is twice as long. */
export type NoteForesight = (by: Foreteller, ratio: number) => void;

/** Nobody feels less than this, so waits that were shorter, or predicted so, count as this long. */
const LEAST_MS = 100;

/** The predictions for one request. A class, since it is made for each request: its functions are not. */
export class Foresight {
  #target: string | undefined;
  #route: Prediction | undefined;
  #wait: (Prediction & { readonly by: "queue" | "load" }) | undefined;

  /** Hears the request's news, before its first token. */
  note(news: News, now: () => number): void {
    if (news.type === "routed") {
      const target = targetOf(news);
      if (target === undefined || target === this.#target) return;
      this.#target = target;
      // What another target has predicted is no longer true of anything.
      this.#wait = undefined;
      const { firstTokenMs } = news.steps.find((step) => step.target === target) ?? {};
      this.#route = predict(firstTokenMs, now);
    } else if (news.type === "waiting" && this.#wait === undefined) {
      const told = predict(news.etaMs, now);
      this.#wait = told && { ...told, by: news.isLoading === true ? "load" : "queue" };
    }
  }

  /** Its first token has come. */
  fulfil(atMs: number, note: NoteForesight): void {
    if (this.#wait !== undefined) note(this.#wait.by, ratioOf(this.#wait, atMs));
    if (this.#route !== undefined) note("route", ratioOf(this.#route, atMs));
    this.#wait = this.#route = undefined;
  }
}

type Prediction = { readonly ms: number; readonly madeMs: number };

function predict(ms: number | undefined, now: () => number): Prediction | undefined {
  return ms === undefined || !Number.isFinite(ms) ? undefined : { ms, madeMs: now() };
}

function ratioOf({ ms, madeMs }: Prediction, firstMs: number): number {
  return Math.max(LEAST_MS, firstMs - madeMs) / Math.max(LEAST_MS, ms);
}
