import type { Spent } from "../../generation/news.ts";
import { SLUICE, VLLM } from "./families.ts";
import type { Distribution, Metrics, Value } from "./registry.ts";

/** Where an answer came from. */
export type From = "model" | "cache";
/** What became of a request. */
export type Outcome = "done" | "left" | "refused" | "failed";

/** The series of one model, each found when it is first needed. */
export type ModelSeries = {
  readonly tokens: Readonly<Record<"prompt" | "cached" | "completion" | "reasoning" | "queries" | "hits", Value>>;
  readonly outcomes: Readonly<Record<Outcome, Value>>;
  readonly firstToken: Readonly<Record<From, Distribution>>;
  readonly duration: Readonly<Record<From, Distribution>>;
  readonly queueWait: Distribution;
  /** Answers from the response cache's memory. */
  readonly hits: () => Value;
  readonly cost: Value;
  readonly energy: Value;
  readonly stages: () => Stages;
};

/** The series of a model on this machine. */
type Stages = {
  readonly prefill: Distribution;
  readonly prefillTokens: Value;
  readonly decode: Distribution;
  readonly decodeTokens: Value;
};

/** Counts the tokens of one model's work for a request. */
export function addTokens(
  { tokens }: ModelSeries,
  { prompt, cached, completion, reasoning }: Spent & { readonly reasoning: number },
): void {
  tokens.prompt.add(prompt);
  tokens.queries.add(prompt);
  tokens.cached.add(cached);
  tokens.hits.add(cached);
  tokens.completion.add(completion);
  tokens.reasoning.add(reasoning);
}

/** Finds the series of a model. */
export function findSeries(metrics: Metrics, model: string): ModelSeries {
  const both = (family: (typeof SLUICE)["firstToken" | "duration"]) => ({
    model: metrics.distribution(family, model, "model"),
    cache: metrics.distribution(family, model, "cache"),
  });
  let stages: Stages | undefined;
  let hits: Value | undefined;
  const outcome = (word: Outcome) => metrics.value(SLUICE.generations, model, word);
  return {
    tokens: {
      prompt: metrics.value(SLUICE.promptTokens, model),
      cached: metrics.value(SLUICE.cachedTokens, model),
      completion: metrics.value(SLUICE.completionTokens, model),
      reasoning: metrics.value(SLUICE.reasoningTokens, model),
      queries: metrics.value(VLLM.prefixQueries, model),
      hits: metrics.value(VLLM.prefixHits, model),
    },
    outcomes: { done: outcome("done"), left: outcome("left"), refused: outcome("refused"), failed: outcome("failed") },
    firstToken: both(SLUICE.firstToken),
    duration: both(SLUICE.duration),
    queueWait: metrics.distribution(SLUICE.queueWait, model),
    cost: metrics.value(SLUICE.cost, model),
    energy: metrics.value(SLUICE.energy, model),
    hits() {
      hits ??= metrics.value(SLUICE.cacheAnswers, model, "hit", "memory");
      return hits;
    },
    stages() {
      stages ??= findStages(metrics, model);
      return stages;
    },
  };
}

function findStages(metrics: Metrics, model: string): Stages {
  return {
    prefill: metrics.distribution(SLUICE.prefill, model),
    prefillTokens: metrics.value(SLUICE.prefillTokens, model),
    decode: metrics.distribution(SLUICE.decode, model),
    decodeTokens: metrics.value(SLUICE.decodeTokens, model),
  };
}
