import type { GenerationEvent } from "./event.ts";
import type { Spent } from "./news.ts";

/** The tokens of a request so far. */
export type TokenCounts = {
  readonly prompt: number;
  /** The prompt's tokens that a slot still held. */
  readonly cached: number;
  readonly completion: number;
  /** The completion's reasoning tokens. */
  readonly reasoning: number;
};

/** Counts the tokens of a generation, or of several that make one answer, from their events. */
export type TokenCount = {
  readonly note: (event: GenerationEvent) => void;
  /** Adds tokens that were in no event, from news of the type `left`. */
  readonly noteLeft: (spent: Spent) => void;
  /** A choice whose tokens weren't counted counts as one token per event. */
  readonly counts: () => TokenCounts;
};

export function createTokenCount(): TokenCount {
  const told = { prompt: 0, cached: 0, completion: 0, reasoning: 0 };
  const left = { prompt: 0, cached: 0, completion: 0 };
  /** The number of events of each choice whose tokens weren't counted. */
  const heard = new Map<number, number>();
  /** Those of these choices that have finished. */
  const untold = new Set<number>();
  /** `usage` may come before the choices' ends. */
  let isUsageTold = false;

  function forget(choice: number): void {
    heard.delete(choice);
    untold.delete(choice);
  }

  return {
    note(event) {
      if (event.type === "started") {
        told.prompt += event.promptTokens ?? 0;
        told.cached += event.cachedTokens ?? 0;
      } else if (event.type === "usage") {
        told.prompt += event.promptTokens;
        told.cached += event.cachedTokens;
        told.completion += event.completionTokens;
        told.reasoning += event.reasoningTokens ?? 0;
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
    noteLeft({ prompt, cached, completion }) {
      left.prompt += prompt;
      left.cached += cached;
      left.completion += completion;
    },
    counts() {
      const unfinished = [...heard.values()].reduce((sum, events) => sum + events, 0);
      return {
        prompt: told.prompt + left.prompt,
        cached: told.cached + left.cached,
        completion: told.completion + Math.max(unfinished, left.completion),
        reasoning: told.reasoning,
      };
    },
  };
}
