import {
  type Confidence,
  confidenceOf,
  createConfidenceMeter,
  isSure,
  type Thresholds,
} from "../generation/confidence.ts";
import type { GenerationEvent, SampledLogprob } from "../generation/event.ts";
import type { GenerationRequest } from "../generation/request.ts";
import { createTokenCount, type TokenCounts } from "../generation/token-count.ts";
import type { Begun } from "./attempt.ts";

/** The first target answers first, and the others are asked only if it isn't sure. */
export type Cascade = Thresholds & {
  /** After so many tokens it is decided; undefined means at the end of the answer. */
  readonly decideAfter?: number | undefined;
};

/** What an answer has come to when it is decided about. */
export type Judged = Begun & {
  readonly isSure: boolean;
  /** Undefined if no token of it says anything. */
  readonly confidence: Confidence | undefined;
  /** Whether it has ended. */
  readonly isWhole: boolean;
  readonly counts: TokenCounts;
};

/** Longer answers are decided about before their end, since they are held in memory until then. */
const MAX_HELD_CHARACTERS = 1_048_576;

/** The request as the first target gets it: with log-probabilities. */
export function toJudge(request: GenerationRequest): GenerationRequest {
  const { logprobs = 0, tools, cache } = request;
  return {
    ...request,
    logprobs,
    // Stored answers have no log-probabilities of calls.
    ...(tools !== undefined && { cache: { ...cache, noStore: true } }),
  };
}

/** Takes an answer up to the point where it is decided about, and decides. */
export async function judge(
  { held: first, events }: Begun,
  request: Pick<GenerationRequest, "choices" | "output" | "tools" | "logprobs">,
  { decideAfter = Number.POSITIVE_INFINITY, ...thresholds }: Cascade,
): Promise<Judged> {
  const { choices, output, tools, logprobs } = request;
  const isStructured = tools !== undefined || output?.type === "json" || output?.type === "schema";
  const meters = Array.from({ length: choices }, () => createConfidenceMeter(isStructured));
  const count = createTokenCount();
  const held: IteratorResult<GenerationEvent>[] = [];
  let characters = 0;
  let isRefused = false;
  let isWhole = false;

  function note(result: IteratorResult<GenerationEvent>): void {
    held.push(result);
    if (result.done === true) {
      isWhole = true;
      return;
    }
    const { value } = result;
    count.note(value);
    isRefused ||= value.type === "refusal" || (value.type === "finished" && value.reason === "content_filter");
    if ("text" in value) characters += value.text.length;
    if ("choice" in value) meters[value.choice]?.note(scoresOf(value));
  }

  for (const result of first) note(result);
  const isOpen = () => !isWhole && !isRefused && characters < MAX_HELD_CHARACTERS;
  while (isOpen() && meters.some(({ noted }) => noted() < decideAfter)) note(await events.next());
  const confidence = confidenceOf(meters);
  const withScores = logprobs !== undefined;
  return {
    held: withScores ? held : held.flatMap(withoutScores),
    events: withScores ? events : dropScores(events),
    isSure: !isRefused && confidence !== undefined && isSure(confidence, thresholds),
    ...{ confidence, isWhole },
    counts: count.counts(),
  };
}

function scoresOf(event: GenerationEvent): readonly SampledLogprob[] {
  return event.type === "text" || event.type === "toolCall" || event.type === "toolArguments"
    ? (event.logprobs ?? [])
    : [];
}

/** Nothing for an event that has only log-probabilities. */
function withoutScores(result: IteratorResult<GenerationEvent>): readonly IteratorResult<GenerationEvent>[] {
  if (result.done === true || result.value.type !== "text" || result.value.logprobs === undefined) return [result];
  const { logprobs, ...value } = result.value;
  return value.text === "" ? [] : [{ done: false, value }];
}

function dropScores(events: AsyncIterator<GenerationEvent>): AsyncIterator<GenerationEvent> {
  async function next(): Promise<IteratorResult<GenerationEvent>> {
    for (;;) {
      const [result] = withoutScores(await events.next());
      if (result !== undefined) return result;
    }
  }
  return {
    next,
    return: async () => (await events.return?.()) ?? { done: true, value: undefined },
  };
}
