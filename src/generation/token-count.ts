import type { Work } from "./cost.ts";
import type { GenerationEvent } from "./event.ts";
import { type News, targetOf } from "./news.ts";

/** The tokens of a request so far. */
export type TokenCounts = {
  readonly prompt: number;
  /** The prompt's tokens that a slot still held. */
  readonly cached: number;
  readonly completion: number;
  /** The completion's reasoning tokens. */
  readonly reasoning: number;
};

/** The work of one model for a request. */
export type WorkOf = {
  /** The target of a route that did it; undefined if the request names the model. */
  readonly target: string | undefined;
  readonly work: Work;
};

/** Counts the tokens of a generation, or of several that make one answer, from their events. */
export type TokenCount = {
  readonly note: (event: GenerationEvent) => void;
  /** Notes which target works on it, what its engine has spent, and the tokens that were in no event. */
  readonly noteNews: (news: News) => void;
  /** A choice whose tokens weren't counted counts as one token per event. */
  readonly counts: () => TokenCounts;
  /** What was done for it, by each model: the one that answers comes first, without tokens if its answer was stored. */
  readonly works: () => readonly WorkOf[];
};

const NO_TOKENS = { prompt: 0, cached: 0, completion: 0 };

export function createTokenCount(): TokenCount {
  const told = { prompt: 0, cached: 0, completion: 0, reasoning: 0 };
  const left = { prompt: 0, cached: 0, completion: 0 };
  /** The number of events of each choice whose tokens weren't counted. */
  const heard = new Map<number, number>();
  /** Those of these choices that have finished. */
  const untold = new Set<number>();
  /** `usage` may come before the choices' ends. */
  let isUsageTold = false;
  let isReplay = false;
  let cost: number | undefined;
  let isBatch = false;
  let target: string | undefined;
  let engine = { computeMs: 0, joules: 0, isMeasured: true };
  const discarded: WorkOf[] = [];

  function forget(choice: number): void {
    heard.delete(choice);
    untold.delete(choice);
  }

  function counts(): TokenCounts {
    const unfinished = [...heard.values()].reduce((sum, events) => sum + events, 0);
    return {
      prompt: told.prompt + left.prompt,
      cached: told.cached + left.cached,
      completion: told.completion + Math.max(unfinished, left.completion),
      reasoning: told.reasoning,
    };
  }

  /** What the engine has spent on what is not discarded. */
  function ofEngine(): Pick<Work, "computeMs" | "joules"> {
    const { computeMs, joules, isMeasured } = engine;
    return computeMs === 0 ? {} : { computeMs, ...(isMeasured && { joules }) };
  }

  return {
    note(event) {
      if (event.type === "started") {
        told.prompt += event.promptTokens ?? 0;
        told.cached += event.cachedTokens ?? 0;
        isReplay ||= event.isReplay ?? false;
      } else if (event.type === "usage") {
        told.prompt += event.promptTokens;
        told.cached += event.cachedTokens;
        told.completion += event.completionTokens;
        told.reasoning += event.reasoningTokens ?? 0;
        isBatch ||= event.isBatch ?? false;
        if (event.cost !== undefined) cost = (cost ?? 0) + event.cost;
        for (const choice of untold) forget(choice);
        isUsageTold = true;
      } else if (event.type === "finished") {
        told.completion += event.completionTokens ?? 0;
        told.reasoning += event.reasoningTokens ?? 0;
        if (event.completionTokens === undefined && !isUsageTold) untold.add(event.choice);
        else forget(event.choice);
      } else if (event.type !== "prompt" && event.type !== "frames") {
        heard.set(event.choice, (heard.get(event.choice) ?? 0) + 1);
      }
    },
    noteNews(news) {
      switch (news.type) {
        case "left":
          left.prompt += news.spent.prompt;
          left.cached += news.spent.cached;
          left.completion += news.spent.completion;
          return;
        case "routed":
          target = targetOf(news);
          return;
        case "evaluated":
          engine.computeMs += news.evaluation.computeMs;
          engine.joules += news.evaluation.joules ?? 0;
          engine.isMeasured &&= news.evaluation.joules !== undefined;
          return;
        case "discarded":
          discarded.push({
            target: news.target,
            work: { ...news.spent, ...ofEngine(), ...(news.told !== undefined && { told: news.told }) },
          });
          engine = { computeMs: 0, joules: 0, isMeasured: true };
          return;
      }
    },
    counts,
    works() {
      const { prompt, cached, completion } = isReplay ? NO_TOKENS : counts();
      const told = { ...(cost !== undefined && { told: cost }), ...(isBatch && { isBatch: true as const }) };
      const work = { prompt, cached, completion, ...ofEngine(), ...told };
      return [{ target, work }, ...discarded];
    },
  };
}
