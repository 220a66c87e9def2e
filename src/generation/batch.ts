import type { GenerationEvent } from "./event.ts";
import type { Generate } from "./layer.ts";
import type { GenerationRequest, Prompt } from "./request.ts";

/**
 * Runs `request` once for each of `prompts` and interleaves what comes. There is a `started` for each prompt, and the choices of the
 * prompt at index i are numbered from i × `request.choices`. When one generation fails the others are cancelled, and its error is thrown.
 */
export function generateBatch(
  generate: Generate,
  request: Omit<GenerationRequest, "prompt">,
  prompts: readonly Prompt[],
): AsyncIterable<GenerationEvent> {
  const [only, ...others] = prompts;
  return only !== undefined && others.length === 0
    ? generate({ ...request, prompt: only })
    : runTogether(generate, request, prompts);
}

async function* runTogether(
  generate: Generate,
  request: Omit<GenerationRequest, "prompt">,
  prompts: readonly Prompt[],
): AsyncGenerator<GenerationEvent> {
  const left = new AbortController();
  const signal = AbortSignal.any([request.signal, left.signal]);
  const sources = prompts.map((prompt) => generate({ ...request, prompt, signal })[Symbol.asyncIterator]());
  try {
    for await (const { index, value } of interleave(sources)) {
      yield !("choice" in value) ? value : { ...value, choice: index * request.choices + value.choice };
    }
  } finally {
    left.abort();
    for (const source of sources) {
      // Nobody is left to hear what the clean-up has to complain about.
      source.return?.().catch(() => {});
    }
  }
}

type News<T> =
  | { readonly index: number; readonly result: IteratorResult<T> }
  | { readonly index: number; readonly error: unknown };

/** What `sources` give, in the order in which it comes. Each is asked for its next only after its last was taken. */
async function* interleave<T>(sources: readonly AsyncIterator<T>[]): AsyncGenerator<{ index: number; value: T }> {
  const arrived: News<T>[] = [];
  let wake = () => {};

  function arrive(news: News<T>): void {
    arrived.push(news);
    wake();
  }
  function ask(source: AsyncIterator<T>, index: number): void {
    source.next().then(
      (result) => arrive({ index, result }),
      (error: unknown) => arrive({ index, error }),
    );
  }

  sources.forEach(ask);
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
      if (source !== undefined) ask(source, news.index);
    }
  }
}
