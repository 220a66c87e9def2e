import type { Context } from "hono";
import type { GenerationEvent } from "../generation/event.ts";
import type { Observe } from "../generation/news.ts";
import type { Tally } from "../protocols/tally.ts";
import type { HttpEnv } from "./context.ts";

/** A generation that runs for one client. */
export type ClientGeneration = {
  readonly events: AsyncIterator<GenerationEvent>;
  /** Ends it at once: aborts the request's signal and leaves the iterator. Harmless when called again or too late. */
  readonly cancel: () => void;
  /** Whether it was cancelled. */
  readonly isCancelled: () => boolean;
};

/**
 * Runs `request` for the client whose connection `connection` stands for. When that is aborted the generation is cancelled, and so it
 * can be by hand: not every server tells of a lost client in both ways.
 */
export function startGeneration<Request extends object>(
  generate: (request: Request & { readonly signal: AbortSignal }) => AsyncIterable<GenerationEvent>,
  request: Request,
  connection: AbortSignal,
): ClientGeneration {
  const wanted = new AbortController();
  const events = generate({ ...request, signal: wanted.signal })[Symbol.asyncIterator]();

  function cancel(): void {
    if (!wanted.signal.aborted) {
      wanted.abort();
      // Nobody is left to hear what the clean-up has to complain about.
      events.return?.().catch(() => {});
    }
  }
  if (connection.aborted) {
    cancel();
  } else {
    connection.addEventListener("abort", cancel, { once: true });
  }
  return { events, cancel, isCancelled: () => wanted.signal.aborted };
}

/** Notes what happens to the request for its headers, its stream and the access log. @param onNews hears the same */
export function noteNews(c: Context<HttpEnv>, tally?: Tally, onNews?: Observe): Observe {
  const facts = c.get("facts");
  return (news) => {
    onNews?.(news);
    tally?.noteNews(news);
    switch (news.type) {
      case "waiting":
      case "admitted":
        facts.wait?.note(news);
        return;
      case "cache":
        facts.cache?.note(news.outcome);
        return;
      case "continued":
        facts.continuedBy = news.target;
        return;
      case "routed":
        facts.route = news;
        return;
    }
  };
}
