import { pino } from "pino";
import { expect } from "vitest";
import type { EngineOptions, SequenceRequest } from "../../../src/engine/contract/messages.ts";
import { createEngine, type Engine } from "../../../src/engine/host/engine.ts";
import type { SupervisionPolicy } from "../../../src/engine/host/policy.ts";
import type { GenerationEvent } from "../../../src/generation/event.ts";
import type { GenerationRequest, Prompt } from "../../../src/generation/request.ts";
import { PLAIN_SAMPLING } from "../../../src/generation/sampling.ts";
import { createFakeClock, type FakeClock } from "../../fake-clock.ts";
import { FakeVocabularyWorker } from "./fake-vocabulary.ts";
import { FakeWorker } from "./fake-worker.ts";

export const OPTIONS: EngineOptions = {
  modelPath: "/models/fake.gguf",
  slots: 4,
  contextTokens: "auto",
  threads: "auto",
  gpu: "off",
  prefillChunkTokens: 64,
  prefillPauseMs: 50,
  prefillShare: 1,
  prefixStoreBytes: 0,
  flashAttention: "auto",
  drafts: "off",
};

export const silentLogger = pino({ level: "silent" });

/** A logger whose lines can be looked at. */
export function createLogSpy() {
  const lines: Record<string, unknown>[] = [];
  const logger = pino({ level: "debug" }, { write: (line: string) => lines.push(JSON.parse(line)) });
  return { logger, lines };
}

/** A conversation of one message. */
export function userPrompt(content: string): Prompt {
  return { type: "chat", messages: [{ role: "user", content }] };
}

/** A conversation's first message. */
export function contentOf(prompt: Prompt): string | undefined {
  return prompt.type === "chat" ? prompt.messages[0]?.content : undefined;
}

/** A request with nothing special but what is given. */
export function requestOf(given: Partial<GenerationRequest> & { readonly seed?: number } = {}): GenerationRequest {
  const { seed, ...rest } = given;
  return {
    id: "req-1",
    model: "fake",
    prompt: userPrompt("hi"),
    choices: 1,
    maxTokens: undefined,
    stop: [],
    sampling: { ...PLAIN_SAMPLING, temperature: 0, seed },
    signal: new AbortController().signal,
    ...rest,
  };
}

/** Lets everything that is ready to run do so: promises and what they set off. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** What one reader saw of a generation. */
export type Reading = {
  readonly events: GenerationEvent[];
  outcome: "running" | "done" | { readonly error: unknown };
  /** Resolves when the generation has ended, however it did. */
  readonly ended: Promise<void>;
};

/** Reads a generation to its end, as it comes. */
export function read(generation: AsyncIterable<GenerationEvent>): Reading {
  const events: GenerationEvent[] = [];
  async function run(): Promise<void> {
    try {
      for await (const event of generation) events.push(event);
      reading.outcome = "done";
    } catch (error) {
      reading.outcome = { error };
    }
  }
  const reading: Reading = { events, outcome: "running", ended: Promise.resolve().then(run) };
  return reading;
}

export function textOf(events: readonly GenerationEvent[], choice = 0): string {
  return events.flatMap((event) => (event.type === "text" && event.choice === choice ? [event.text] : [])).join("");
}

export function errorOf({ outcome }: Reading): unknown {
  return typeof outcome === "object" ? outcome.error : undefined;
}

export type Bench = {
  readonly engine: Engine;
  readonly clock: FakeClock;
  /** Every worker that was spawned, the latest last. */
  readonly workers: FakeWorker[];
  /** The latest. */
  readonly worker: FakeWorker;
  /** Every process for long texts that was spawned, the latest last. */
  readonly vocabularies: FakeVocabularyWorker[];
  /** The latest. */
  readonly vocabulary: FakeVocabularyWorker;
};

/** An engine over fake workers and a fake clock, not started. */
export function createBench(
  policy: Partial<SupervisionPolicy> = {},
  logger = silentLogger,
  given: Partial<Pick<Parameters<typeof createEngine>[0], "room" | "isKept">> = {},
): Bench {
  const clock = createFakeClock();
  const workers: FakeWorker[] = [];
  const vocabularies: FakeVocabularyWorker[] = [];
  const engine = createEngine({
    options: OPTIONS,
    ...given,
    logger,
    clock,
    policy,
    spawn() {
      const worker = new FakeWorker();
      workers.push(worker);
      return worker;
    },
    spawnVocabulary() {
      const worker = new FakeVocabularyWorker();
      vocabularies.push(worker);
      return worker;
    },
  });
  return {
    engine,
    clock,
    workers,
    get worker() {
      return at(workers, -1);
    },
    vocabularies,
    get vocabulary() {
      return at(vocabularies, -1);
    },
  };
}

/** A bench whose first worker has loaded. */
export async function createReadyBench(policy: Partial<SupervisionPolicy> = {}, logger = silentLogger): Promise<Bench> {
  const bench = createBench(policy, logger);
  const started = bench.engine.start();
  bench.worker.load();
  await started;
  return bench;
}

/** The element, which must be there; a negative index counts from the end. */
export function at<T>(list: readonly T[], index: number): T {
  const element = list.at(index);
  if (element === undefined) expect.fail(`nothing at ${index} of ${list.length}`);
  return element;
}

/** The latest submission whose first message says `content`. */
export function submissionOf(worker: FakeWorker, content: string): SequenceRequest {
  const found = worker.submitted.findLast(({ prompt }) => contentOf(prompt) === content);
  if (found === undefined) expect.fail(`${content} was not submitted`);
  return found;
}

export function saying(content: string, given: Parameters<typeof requestOf>[0] = {}): GenerationRequest {
  return requestOf({ id: content, prompt: userPrompt(content), ...given });
}

/** The contents of what the worker was given, in order. */
export function contentsOf(worker: FakeWorker): (string | undefined)[] {
  return worker.submitted.map(({ prompt }) => contentOf(prompt));
}
