import { mayChange } from "./errors.ts";
import type { GenerationEvent } from "./event.ts";
import type { Generate } from "./layer.ts";
import type { GenerationRequest, Prompt } from "./request.ts";

/** The maximum time that the refusal of one prompt waits for the results of the others. */
const MAX_WAIT_MS = 5_000;

/**
 * Runs `request` once for each of `prompts` and interleaves the events. There is a `started` for each prompt, and the choices of the
 * prompt at index i are numbered from i × `request.choices`. When one generation fails the others are cancelled, and its error is thrown.
 * If that error is temporary, such as a limit, a permanent error of another prompt is thrown instead.
 */
export function generateBatch(
  generate: Generate,
  request: Omit<GenerationRequest, "prompt">,
  prompts: readonly Prompt[],
  maxWaitMs = MAX_WAIT_MS,
): AsyncIterable<GenerationEvent> {
  const [only, ...others] = prompts;
  return only !== undefined && others.length === 0
    ? generate({ ...request, prompt: only })
    : runTogether(generate, request, prompts, maxWaitMs);
}

async function* runTogether(
  generate: Generate,
  request: Omit<GenerationRequest, "prompt">,
  prompts: readonly Prompt[],
  maxWaitMs: number,
): AsyncGenerator<GenerationEvent> {
  const left = new AbortController();
  const signal = AbortSignal.any([request.signal, left.signal]);
  const sources = prompts.map((prompt) => generate({ ...request, prompt, signal })[Symbol.asyncIterator]());
  const firsts = sources.map((source) => source.next());
  try {
    for await (const { index, value } of interleave(sources, firsts)) {
      yield !("choice" in value) ? value : { ...value, choice: index * request.choices + value.choice };
    }
  } catch (error) {
    throw mayChange(error) ? ((await firstFault(firsts, maxWaitMs, signal)) ?? error) : error;
  } finally {
    left.abort();
    for (const source of sources) {
      // Errors of the clean-up don't matter any more.
      source.return?.().catch(() => {});
    }
  }
}

/** Returns the first permanent error; undefined if there is none within `maxWaitMs`, or when `signal` is aborted. */
function firstFault(firsts: readonly Promise<unknown>[], maxWaitMs: number, signal: AbortSignal): Promise<unknown> {
  const faults = firsts.map((first) =>
    first.then(
      () => undefined,
      (error: unknown) => (mayChange(error) ? undefined : error),
    ),
  );
  return new Promise((resolve) => {
    const enough = AbortSignal.any([signal, AbortSignal.timeout(maxWaitMs)]);
    if (enough.aborted) resolve(undefined);
    enough.addEventListener("abort", () => resolve(undefined), { once: true });
    for (const fault of faults) void fault.then((error) => error !== undefined && resolve(error));
    void Promise.all(faults).then(() => resolve(undefined));
  });
}

type News<T> =
  | { readonly index: number; readonly result: IteratorResult<T> }
  | { readonly index: number; readonly error: unknown };

/** Yields the events of `sources` as they come. A source gets its next request only after its last event was consumed; the first was requested before. */
async function* interleave<T>(
  sources: readonly AsyncIterator<T>[],
  firsts: readonly Promise<IteratorResult<T>>[],
): AsyncGenerator<{ index: number; value: T }> {
  const arrived: News<T>[] = [];
  let wake = () => {};

  function arrive(news: News<T>): void {
    arrived.push(news);
    wake();
  }
  function arriveWith(next: Promise<IteratorResult<T>>, index: number): void {
    next.then(
      (result) => arrive({ index, result }),
      (error: unknown) => arrive({ index, error }),
    );
  }

  firsts.forEach(arriveWith);
  let unfinished = sources.length;
  while (unfinished > 0) {
    const news = arrived.shift();
    if (news === undefined) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    } else if ("error" in news) {
      throw news.error;
    } else if (news.result.done === true) {
      unfinished -= 1;
    } else {
      yield { index: news.index, value: news.result.value };
      const source = sources[news.index];
      if (source !== undefined) arriveWith(source.next(), news.index);
    }
  }
}
