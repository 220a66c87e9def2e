import type { Backend, BackendState } from "../../../src/generation/backend.ts";
import type { GenerationEvent } from "../../../src/generation/event.ts";
import { compose, type Generate } from "../../../src/generation/layer.ts";
import type { Evaluation, News } from "../../../src/generation/news.ts";
import type { GenerationRequest } from "../../../src/generation/request.ts";
import { createWatch } from "../../../src/generation/watch.ts";
import { createModelDirectory } from "../../../src/routing/directory.ts";
import { createRequestBook, type RequestBookOptions } from "../../../src/telemetry/requests/book.ts";
import type { RequestRecord } from "../../../src/telemetry/requests/record.ts";
import { durationOf } from "../../../src/telemetry/requests/timeline.ts";
import { reasonsOf, whySlow } from "../../../src/telemetry/requests/why.ts";
import { collect, generationRequest } from "../../fixtures/generation.ts";
import { servedModel } from "../../fixtures/served-model.ts";

/** What happens to a request, one after the other, on a clock that stands still in between. */
export type Step =
  | GenerationEvent
  | { readonly news: News }
  | { readonly passMs: number }
  | { readonly error: Error }
  | { readonly state: BackendState }
  /** Another request begins in between, and does what its steps say. */
  | { readonly other: readonly Step[] };

/** A book of requests whose model does as it is told. */
export function openBook(options: Partial<RequestBookOptions> = {}) {
  let ms = 1_000;
  const listeners = new Set<(state: BackendState) => void>();
  const model: Partial<Backend> = {
    id: "m",
    onStateChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  const directory = createModelDirectory([servedModel(model)]);
  const book = createRequestBook({ models: directory, limit: 10, now: () => ms, ...options });
  const watch = createWatch(() => ms);
  watch.follow(book.follow, book.followRepeat);
  let requests = 0;
  const play = (steps: readonly Step[]): Generate =>
    async function* ({ observe }) {
      for (const step of steps) {
        if ("passMs" in step) ms += step.passMs;
        else if ("state" in step) for (const listener of listeners) listener(step.state);
        else if ("news" in step) observe?.(step.news);
        else if ("error" in step) throw step.error;
        else if ("other" in step) others.push(run({}, ...step.other));
        else yield step;
      }
    };
  const others: Promise<unknown>[] = [];

  /** Runs a request to its end. */
  async function run(overrides: Partial<GenerationRequest>, ...steps: readonly Step[]): Promise<RequestRecord> {
    requests += 1;
    const id = `req_${requests}`;
    await collect(compose([watch.layer], play(steps))(generationRequest({ id, model: "m", ...overrides }))).catch(
      () => {},
    );
    const record = book.find(overrides.id ?? id);
    if (record === undefined) throw new Error(`There is no record of ${id}.`);
    return record;
  }

  function answered(record: RequestRecord, facts: { readonly status?: number; readonly keyName?: string } = {}): void {
    book.answered(
      {
        ...{ method: "POST", path: "/v1/chat/completions", model: "m", status: 200, error: undefined },
        ...{ keyId: facts.keyName && "key_1", keyName: undefined, preset: undefined, ...facts },
      },
      record.id,
      ms - record.startedMs,
    );
  }

  return {
    book,
    run,
    /** Resolves when all have ended that began within others. */
    rest: async () => {
      for (let other = others.shift(); other !== undefined; other = others.shift()) await other;
    },
    answered,
    pass: (passedMs: number) => {
      ms += passedMs;
    },
    why: (record: RequestRecord) => whySlow(record, durationOf(record, ms)),
    causes: (record: RequestRecord) => reasonsOf(record).map(({ cause, ms: took }) => [cause, Math.round(took)]),
  };
}

export const waiting = (position: number): Step => ({ news: { type: "waiting", position, etaMs: 100 } });
export const admitted = (waitedMs: number, position = 0): Step => ({ news: { type: "admitted", waitedMs, position } });
export const started = (promptTokens: number, cachedTokens = 0): Step => ({
  type: "started",
  promptTokens,
  cachedTokens,
});
export const text: Step = { type: "text", choice: 0, text: "word " };
export const finished = (completionTokens: number): Step => ({
  type: "finished",
  choice: 0,
  reason: "stop",
  completionTokens,
});
export const evaluated = (evaluation: Partial<Evaluation>): Step => ({
  news: {
    type: "evaluated",
    choice: 0,
    evaluation: {
      ...{ waitingMs: 0, prefillMs: 0, prefillTokens: 0, decodeMs: 0, decodeTokens: 0, computeMs: 0 },
      ...evaluation,
    },
  },
});
