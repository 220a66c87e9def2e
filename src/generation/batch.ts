import { mayChange } from "./errors.ts";
import type { GenerationEvent } from "./event.ts";
import type { Generate } from "./layer.ts";
import type { GenerationRequest, Prompt } from "./request.ts";

/** The maximum time that the refusal of one prompt waits for the results of the others. */
const MAX_WAIT_MS = 5_000;

/** Runs `request` once for each of `prompts`: `generateTogether`. */
export function generateBatch(
  generate: Generate,
  request: Omit<GenerationRequest, "prompt">,
  prompts: readonly Prompt[],
  maxWaitMs = MAX_WAIT_MS,
): AsyncIterable<GenerationEvent> {
  const [only, ...others] = prompts;
  if (only !== undefined && others.length === 0) return generate({ ...request, prompt: only });
  const starts = prompts.map(
    (prompt): Start =>
      (signal) =>
        generate({ ...request, prompt, signal }),
  );
  return generateTogether(starts, request, maxWaitMs);
}

/** Begins a generation, which ends when the signal is aborted. */
export type Start = (signal: AbortSignal) => AsyncIterable<GenerationEvent>;

/**
 * Runs generations of `choices` choices each, and interleaves their events. There is a `started` for each of them, and the choices of the
 * one at index i are numbered from i × `choices`. When one fails the others are cancelled, and its error is thrown. If that error is
 * temporary, such as a limit, a permanent error of another one is thrown instead.
 */
export async function* generateTogether(
  starts: readonly Start[],
  { choices, signal: outer }: Pick<GenerationRequest, "choices" | "signal">,
  maxWaitMs = MAX_WAIT_MS,
): AsyncGenerator<GenerationEvent> {
  const left = new AbortController();
  const signal = AbortSignal.any([outer, left.signal]);
  const sources = starts.map((start) => start(signal)[Symbol.asyncIterator]());
  const firsts = sources.map((source) => source.next());
  try {
    for await (const { index, value } of interleave(sources, firsts)) {
      yield !("choice" in value) ? value : { ...value, choice: index * choices + value.choice };
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
