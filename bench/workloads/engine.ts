import { configSchema } from "../../src/config/schema.ts";
import { createEngine, type Engine } from "../../src/engine/host/engine.ts";
import { PLAIN_SAMPLING } from "../../src/generation/sampling.ts";
import type { Measurement } from "../figures.ts";
import { createWriter, seedOf, type Writer } from "../load/text.ts";
import { perSecond } from "../load/timing.ts";
import { startEvaluator } from "../peers/evaluate.ts";
import type { Bench, Contestant, Workload } from "./workload.ts";

const STREAMS = 8;
const CONTEXT_TOKENS = 1024;
const PROMPT_TOKENS = 76;

/** One stream as the engine gave it, without HTTP. */
type EngineStream = {
  readonly startedMs: number;
  readonly promptTokens: number;
  /** When each token came. */
  readonly tokensMs: readonly number[];
};

type RunStreams = (prompts: readonly string[], newTokens: number) => Promise<readonly EngineStream[]>;

/** Compares the engine without HTTP to the binding's own loop. */
export const engine: Workload = {
  name: "engine",
  title:
    "The engine without HTTP against the binding's evaluate() as it comes: 1 and 8 streams with prompts of 76 tokens, 128 new ones (24 in " +
    "the quick run), and a prompt of 600 (300).",
  needsPeer: false,
  entries: (bench) => [
    { name: "sluice", open: () => openSluice(bench) },
    { name: "evaluate()", open: () => openEvaluate(bench) },
  ],
};

async function openSluice(bench: Bench): Promise<Contestant> {
  const { modelPath, threads, gpu } = bench.shared;
  const { flashAttention, prefillChunk, prefillPauseMs, prefillShare, prefixStoreBytes, drafts } = configSchema.parse(
    {},
  );
  const sluice = createEngine({
    options: {
      ...{ modelPath, threads, gpu, slots: STREAMS, contextTokens: CONTEXT_TOKENS },
      ...{ flashAttention, prefillChunkTokens: prefillChunk, prefillPauseMs, prefillShare, prefixStoreBytes, drafts },
    },
    logger: silentLogger,
  });
  const stop = () => void sluice.stop();
  bench.signal.addEventListener("abort", stop, { once: true });
  await sluice.start().catch(async (error: unknown) => {
    await sluice.stop();
    throw error;
  });
  return contestant(
    bench,
    (prompts, newTokens) => Promise.all(prompts.map((prompt) => generate(sluice, bench, prompt, newTokens))),
    () => sluice.stop(),
  );
}

async function openEvaluate(bench: Bench): Promise<Contestant> {
  const { modelPath, threads, gpu } = bench.shared;
  const options = { modelPath, threads, gpu, sequences: STREAMS, contextTokens: CONTEXT_TOKENS };
  const evaluator = await startEvaluator(options, bench.signal);
  return contestant(bench, (prompts, newTokens) => evaluator.run({ prompts, newTokens }), evaluator.stop);
}

function contestant(bench: Bench, run: RunStreams, stop: () => Promise<void>): Contestant {
  const newTokens = bench.quick ? 24 : 128;
  const prompts = (writer: Writer, count: number) => Array.from({ length: count }, () => writer.passage(PROMPT_TOKENS));
  const writerOf = (round: number) => createWriter(bench.lexicon, seedOf(`${bench.runSeed}/engine/${round}`));
  return {
    warmUp: async () => void (await run(prompts(writerOf(-1), bench.quick ? 1 : STREAMS), 8)),
    async measure(round) {
      const writer = writerOf(round);
      const alone = await run(prompts(writer, 1), newTokens);
      const together = await run(prompts(writer, STREAMS), newTokens);
      const [read] = await run([writer.passage(bench.quick ? 300 : 600)], 1);
      if (read === undefined) throw new Error("the engine gave no stream");
      return {
        figures: {
          decodeTokensPerSecond: decodeRate(alone),
          outputTokensPerSecond: outputRate(alone),
          decode8TokensPerSecond: decodeRate(together),
          output8TokensPerSecond: outputRate(together),
          prefillTokensPerSecond: perSecond(read.promptTokens, (read.tokensMs[0] ?? Number.NaN) - read.startedMs),
        } satisfies Measurement,
      };
    },
    async close() {
      await stop();
      return {};
    },
  };
}

async function generate(sluice: Engine, bench: Bench, prompt: string, newTokens: number): Promise<EngineStream> {
  const startedMs = performance.now();
  const eventsMs: number[] = [];
  let promptTokens = 0;
  let completionTokens = 0;
  const events = sluice.generate({
    id: "bench",
    model: bench.shared.modelId,
    prompt: { type: "chat", messages: [{ role: "user", content: prompt }] },
    choices: 1,
    maxTokens: newTokens,
    stop: [],
    sampling: { ...PLAIN_SAMPLING, temperature: 0, logitBias: bench.endTokens.map((token) => [token, -100] as const) },
    signal: bench.signal,
  });
  for await (const event of events) {
    if (event.type === "started") promptTokens = (event.promptTokens ?? 0) - (event.cachedTokens ?? 0);
    else if (event.type === "text") eventsMs.push(performance.now());
    else if (event.type === "finished") completionTokens = event.completionTokens ?? 0;
  }
  if (completionTokens !== newTokens)
    throw new Error(`${newTokens} tokens were asked for, and ${completionTokens} came`);
  return { startedMs, promptTokens, tokensMs: stretch(eventsMs, completionTokens) };
}

/** A text may hold several tokens: gives each token the time of the text that it was in, taking them as evenly spread. */
function stretch(eventsMs: readonly number[], tokens: number): readonly number[] {
  return Array.from(
    { length: tokens },
    (_, index) => eventsMs[Math.floor((index * eventsMs.length) / tokens)] ?? Number.NaN,
  );
}

/** Tokens a second of all streams, from the first token of the last to begin until the end. */
function decodeRate(streams: readonly EngineStream[]): number {
  const fromMs = Math.max(...streams.map(({ tokensMs }) => tokensMs[0] ?? Number.NaN));
  const later = streams.flatMap(({ tokensMs }) => tokensMs.filter((atMs) => atMs > fromMs));
  return perSecond(later.length, Math.max(...later) - fromMs);
}

function outputRate(streams: readonly EngineStream[]): number {
  const tokens = streams.flatMap(({ tokensMs }) => tokensMs);
  return perSecond(tokens.length, Math.max(...tokens) - Math.min(...streams.map(({ startedMs }) => startedMs)));
}

const silentLogger = { debug() {}, info() {}, warn() {}, error() {} };
