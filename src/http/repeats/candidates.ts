import type { IncomingMessage, ServerResponse } from "node:http";
import type { Context } from "hono";
import type { Backend } from "../../generation/backend.ts";
import type { News, Observe } from "../../generation/news.ts";
import { incomingOf } from "../arrival.ts";
import type { HttpEnv } from "../context.ts";
import { capture } from "./capture.ts";
import type { Served, Shown } from "./form.ts";
import type { Marks } from "./template.ts";

/** A request whose answer may be sent again as it was sent. */
type Candidate = {
  readonly outgoing: ServerResponse;
  readonly maxBytes: number;
  readonly keep: (shown: Shown) => void;
  /** What the request has failed with already. */
  readonly failure?: { readonly error: unknown };
};

const candidates = new WeakMap<IncomingMessage, Candidate>();

/** From now on the app may tell how it answers the request. */
export function nominate(incoming: IncomingMessage, candidate: Candidate): void {
  candidates.set(incoming, candidate);
}

/** What the request has failed with before the app had it; undefined if it has not. */
export function failureOf(c: Context<HttpEnv>): { readonly error: unknown } | undefined {
  const incoming = incomingOf(c);
  return incoming && candidates.get(incoming)?.failure;
}

/**
 * Hears the news of a request whose answer depends on nothing but the request and what the cache has stored. Undefined if nobody wants its answer
 * for later.
 */
export function recorderOf(c: Context<HttpEnv>, model: Backend, marks: () => Marks | undefined): Observe | undefined {
  const incoming = incomingOf(c);
  const candidate = incoming && candidates.get(incoming);
  if (candidate === undefined || candidate.failure !== undefined) return undefined;
  const { outgoing, maxBytes, keep } = candidate;
  let served: Served | undefined;
  let isSpoilt = false;

  function begin(by: Served): void {
    served = by;
    capture(outgoing, maxBytes, (captured) => {
      const { error, clientGone } = c.get("facts");
      if (isSpoilt || captured?.status !== 200 || error !== undefined || clientGone === true) return;
      const marked = marks();
      if (marked !== undefined) keep({ c, model, marks: marked, served: by, captured });
    });
  }

  return (news: News) => {
    if (news.type !== "cache") return;
    // Several generations make one answer, or not all of it was stored.
    if (news.served === undefined || served !== undefined || outgoing.headersSent) isSpoilt = true;
    if (!isSpoilt && news.served !== undefined) begin(news.served);
  };
}
