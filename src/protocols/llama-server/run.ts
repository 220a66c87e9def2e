import type { GenerationEvent } from "../../generation/event.ts";
import type { Generate } from "../../generation/layer.ts";
import type { Evaluation, News } from "../../generation/news.ts";
import type { GenerationRequest, Prompt } from "../../generation/request.ts";
import { createLineCut, type LineRules } from "./lines.ts";

/** What is known of a choice that has ended. */
export type ChoiceFacts = {
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Of the prompt, those that needed no evaluation. */
  readonly cachedTokens: number;
  readonly promptMs: number;
  readonly predictedMs: number;
  /** Whether a rule about its lines ended it. */
  readonly isCut: boolean;
};

/** The generations of one request, each prompt's watched for what llama-server tells of it. */
export type Run = {
  readonly generate: Generate;
  /** @param choice counted over all prompts */
  readonly factsOf: (choice: number) => ChoiceFacts;
};

type Clock = () => number;

/**
 * Watches the generations of `prompts`, and ends them by `rules`.
 *
 * @param now a clock in ms that never goes back
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
      if (run === undefined) throw new Error("A prompt is generated for that is none of the request's.");
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
    // What was spent on a generation is told while it is left: the last end comes after that.
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
  /** Pieces of text that came. */
  pieces: number;
  isCut: boolean;
};

/** The generation of one prompt. */
class PromptRun {
  readonly #choices: readonly Choice[];
  readonly #now: Clock;
  /** When its turn came. */
  #begunMs: number;
  /** When its first token came. */
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

  /** Whether all has ended and the engine does not know: the generation is to be left. */
  get isLeft(): boolean {
    return this.#choices.some(({ isCut }) => isCut) && this.#choices.every(({ endedMs }) => endedMs !== undefined);
  }

  note(news: News): void {
    if (news.type === "admitted") this.#begunMs = this.#now();
    if (news.type === "left") this.#leftTokens = news.spent.completion;
    const choice = news.type === "evaluated" ? this.#choices[news.choice] : undefined;
    if (news.type === "evaluated" && choice !== undefined) choice.evaluation = news.evaluation;
  }

  /** What of an event goes on to the client. */
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

  /** The engine's own measure; where it has none, what was seen of it here. */
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
