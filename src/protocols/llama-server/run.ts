import type { GenerationEvent } from "../../generation/event.ts";
import type { Generate } from "../../generation/layer.ts";
import type { Evaluation, News } from "../../generation/news.ts";
import type { GenerationRequest, Prompt } from "../../generation/request.ts";
import { createLineCut, type LineRules } from "./lines.ts";

/** The facts about a choice. */
export type ChoiceFacts = {
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** The prompt's tokens that were already evaluated. */
  readonly cachedTokens: number;
  readonly promptMs: number;
  readonly predictedMs: number;
  /** Whether a line rule ended it. */
  readonly isCut: boolean;
};

/** The generations of one request, and the facts that llama-server reports about them. */
export type Run = {
  readonly generate: Generate;
  /** @param choice the index over all prompts */
  readonly factsOf: (choice: number) => ChoiceFacts;
};

type Clock = () => number;

/**
 * Observes the generations of `prompts`, and ends them by `rules`.
 *
 * @param now a monotonic clock in ms
 */
export function createRun(
  generate: Generate,
  prompts: readonly Prompt[],
  choices: number,
  rules: LineRules,
  now: Clock = () => performance.now(),
): Run {
  const runs = new Map(prompts.map((prompt) => [prompt, new PromptRun(choices, rules, now)]));
  const ordered = [...runs.values()];

  return {
    generate(request) {
      const run = runs.get(request.prompt);
      if (run === undefined) throw new Error("The prompt is not one of the request's prompts.");
      return watch(generate, request, run);
    },
    factsOf(choice) {
      const run = ordered[Math.floor(choice / choices)];
      if (run === undefined) throw new Error(`there is no choice ${choice}`);
      return run.factsOf(choice % choices);
    },
  };
}

async function* watch(generate: Generate, request: GenerationRequest, run: PromptRun): AsyncGenerator<GenerationEvent> {
  const observe = (news: News) => {
    run.note(news);
    request.observe?.(news);
  };
  let last: readonly GenerationEvent[] = [];
  for await (const event of generate({ ...request, observe })) {
    const shown = run.take(event);
    // Leaving the loop reports the tokens spent, so the last `finished` event is sent after it.
    last = run.isLeft ? shown.splice(-1) : [];
    yield* shown;
    if (run.isLeft) break;
  }
  yield* last;
}

type Choice = {
  readonly cut: ReturnType<typeof createLineCut> | undefined;
  evaluation?: Evaluation;
  completionTokens?: number;
  endedMs?: number;
  /** The number of text events. */
  pieces: number;
  isCut: boolean;
};

/** The generation of one prompt. */
class PromptRun {
  readonly #choices: readonly Choice[];
  readonly #now: Clock;
  /** When it was admitted. */
  #begunMs: number;
  /** When its prompt was evaluated. */
  #startedMs: number;
  #promptTokens = 0;
  #cachedTokens = 0;
  #leftTokens: number | undefined;

  constructor(choices: number, { indent, maxMs }: LineRules, now: Clock) {
    const hasRules = indent > 0 || maxMs > 0;
    this.#choices = Array.from({ length: choices }, () => ({
      cut: hasRules ? createLineCut({ indent, maxMs }, now) : undefined,
      pieces: 0,
      isCut: false,
    }));
    this.#now = now;
    this.#begunMs = now();
    this.#startedMs = this.#begunMs;
  }

  /** Whether line rules ended all choices before the engine did, so that the generation can be cancelled. */
  get isLeft(): boolean {
    return this.#choices.some(({ isCut }) => isCut) && this.#choices.every(({ endedMs }) => endedMs !== undefined);
  }

  note(news: News): void {
    if (news.type === "admitted") this.#begunMs = this.#now();
    if (news.type === "left") this.#leftTokens = news.spent.completion;
    const choice = news.type === "evaluated" ? this.#choices[news.choice] : undefined;
    if (news.type === "evaluated" && choice !== undefined) choice.evaluation = news.evaluation;
  }

  /** Returns the events to pass on. */
  take(event: GenerationEvent): GenerationEvent[] {
    if (event.type === "started") {
      this.#promptTokens = event.promptTokens ?? 0;
      this.#cachedTokens = event.cachedTokens ?? 0;
      this.#startedMs = this.#now();
    }
    if (event.type === "usage") this.#promptTokens = event.promptTokens;
    const choice = "choice" in event ? this.#choices[event.choice] : undefined;
    if (choice === undefined) return [event];
    if (choice.isCut) return [];
    if (event.type === "finished") {
      choice.endedMs = this.#now();
      if (event.completionTokens !== undefined) choice.completionTokens = event.completionTokens;
    }
    return event.type === "text" ? this.#takeText(event, choice) : [event];
  }

  #takeText(event: Extract<GenerationEvent, { type: "text" }>, choice: Choice): GenerationEvent[] {
    choice.pieces += 1;
    const piece = choice.cut?.(event.text);
    if (piece?.isEnd !== true) return [event];
    choice.isCut = true;
    choice.endedMs = this.#now();
    return [
      { ...event, text: piece.text },
      { type: "finished", choice: event.choice, reason: "length" },
    ];
  }

  /** Uses the engine's measurements if there are any, else those made here. */
  factsOf(index: number): ChoiceFacts {
    const {
      evaluation,
      completionTokens,
      endedMs = this.#startedMs,
      pieces = 0,
      isCut = false,
    } = this.#choices[index] ?? {};
    const promptTokens = this.#promptTokens;
    const left = this.#choices.length === 1 ? this.#leftTokens : undefined;
    return {
      promptTokens,
      completionTokens: completionTokens ?? Math.max(left ?? 0, pieces),
      cachedTokens:
        evaluation === undefined ? this.#cachedTokens : Math.max(promptTokens - evaluation.prefillTokens, 0),
      promptMs: evaluation?.prefillMs ?? Math.max(this.#startedMs - this.#begunMs, 0),
      predictedMs: evaluation?.decodeMs ?? Math.max(endedMs - this.#startedMs, 0),
      isCut,
    };
  }
}
