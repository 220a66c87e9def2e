import type { GenerationEvent } from "../generation/event.ts";
import type { Generate } from "../generation/layer.ts";
import type { News } from "../generation/news.ts";
import type { GenerationRequest } from "../generation/request.ts";

/** A request on its way to one target. */
export type Attempt = {
  /** Resolves when the answer has begun: with the first event that says something. Rejects with what hindered it. */
  readonly begun: Promise<Begun>;
  /**
   * Whether its news are told to the request's observer. Those that are not told are kept until they are, and so are those of the cache until the
   * answer has begun, since an answer has one outcome there.
   */
  readonly setTelling: (isTelling: boolean) => void;
  /** Ends it. */
  readonly leave: () => Promise<void>;
};

/** An answer that has begun. */
export type Begun = {
  /** What it said so far. */
  readonly held: readonly IteratorResult<GenerationEvent>[];
  /** What it says next. */
  readonly events: AsyncIterator<GenerationEvent>;
};

/** Asks one target. Until its answer has begun none of its events is passed on, so that another target can still answer instead. */
export function startAttempt(request: GenerationRequest, generate: Generate): Attempt {
  const leaving = new AbortController();
  const signal = AbortSignal.any([request.signal, leaving.signal]);
  const untold: News[] = [];
  let isTelling = false;
  let hasBegun = false;
  let events: AsyncIterator<GenerationEvent> | undefined;

  function observe(news: News): void {
    // What another server was asked happened, whoever answers.
    const isDue = news.type === "tried" || (isTelling && (hasBegun || news.type !== "cache"));
    if (isDue) request.observe?.(news);
    else untold.push(news);
  }

  async function begin(): Promise<Begun> {
    events = generate({ ...request, signal, observe })[Symbol.asyncIterator]();
    const held: IteratorResult<GenerationEvent>[] = [];
    for (;;) {
      const result = await events.next();
      held.push(result);
      if (result.done !== true && !saysSomething(result.value)) continue;
      hasBegun = true;
      return { held, events };
    }
  }

  const begun = begin();
  // It may fail when nobody waits for it any more.
  begun.catch(() => {});
  return {
    begun,
    setTelling(wanted) {
      isTelling = wanted;
      if (isTelling) for (const news of untold.splice(0)) request.observe?.(news);
    },
    async leave() {
      leaving.abort();
      await events?.return?.();
    },
  };
}

/** Whether the client hears of it. How long the prompt is, each target can tell. */
function saysSomething({ type }: GenerationEvent): boolean {
  return type !== "started" && type !== "usage";
}
