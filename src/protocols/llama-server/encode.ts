import type { FinishReason, GenerationEvent, SampledLogprob, TokenLogprob } from "../../generation/event.ts";
import type { Sampling } from "../../generation/request.ts";
import type { StreamEncoder } from "../stream.ts";
import type { Tally } from "../tally.ts";
import type { NativeRequest } from "./decode.ts";
import { encodeError } from "./error.ts";
import type { ChoiceFacts, Run } from "./run.ts";
import { encodeSettings, type Settings } from "./settings.ts";

/** The facts that all choices of an answer share. */
export type NativeAnswer = {
  /** The model's id. */
  readonly model: string;
  /** The length of the context in tokens; undefined if unknown. */
  readonly contextTokens: number | undefined;
  /** The text of each prompt; empty if the prompt is not plain text. */
  readonly promptTexts: readonly string[];
  /** The number of choices per prompt. */
  readonly choices: number;
  readonly maxTokens: number | undefined;
  readonly stop: readonly string[];
  readonly sampling: Sampling;
  readonly request: Pick<NativeRequest, "stream" | "returnTokens" | "probabilities" | "fields" | "lines">;
};

/** llama-server's value for any slot. Clients can't choose a slot here. */
const ANY_SLOT = -1;

type Choice = {
  content: string;
  tokens: number[];
  logprobs: SampledLogprob[];
  reason: FinishReason;
  stopString: string | undefined;
  hasNewLine: boolean;
};

/** Collects the choices of an answer. */
function createChoices(count: number) {
  const choices = Array.from({ length: count }, (): Choice => {
    return { content: "", tokens: [], logprobs: [], reason: "stop", stopString: undefined, hasNewLine: false };
  });

  return {
    all: choices,
    /** Adds an event to its choice and returns the choice; undefined if the event has none. */
    note(event: GenerationEvent, keeps: boolean): Choice | undefined {
      if (!("choice" in event)) return undefined;
      const choice = choices[event.choice];
      if (choice === undefined) throw new Error(`there is no choice ${event.choice}`);
      switch (event.type) {
        case "text":
          if (keeps) {
            choice.content += event.text;
            for (const one of event.logprobs ?? []) choice.logprobs.push(one);
          }
          choice.hasNewLine ||= event.text.includes("\n");
          break;
        // Completions have no field for refusals.
        case "refusal":
          if (keeps) choice.content += event.text;
          break;
        case "finished":
          choice.reason = event.reason;
          choice.stopString = event.stopString;
          break;
        default:
          throw new Error(`a completion was answered with an event of the type ${event.type}`);
      }
      return choice;
    },
  };
}

/** Reads all `events`. Returns an object for one choice, else a list. Rethrows their errors, and throws if a choice has not finished. */
export async function encodeNative(
  answer: NativeAnswer,
  events: AsyncIterable<GenerationEvent>,
  tally: Tally,
  run: Run,
): Promise<object> {
  const choices = createChoices(answer.promptTexts.length * answer.choices);
  for await (const event of events) {
    tally.note(event);
    choices.note(event, true);
  }
  tally.assertComplete();
  const finals = choices.all.map((choice, index) =>
    pick(
      {
        ...finalOf(answer, index, choice, run.factsOf(index)),
        ...(answer.request.probabilities !== undefined && {
          completion_probabilities: choice.logprobs.map((one) => encodeProbability(one, answer.request.probabilities)),
        }),
      },
      answer.request.fields,
    ),
  );
  const [only, ...others] = finals;
  return only !== undefined && others.length === 0 ? only : finals;
}

/** Encodes the answer as events with `content`. The last event of each choice has all its facts. */
export function createNativeEncoder(answer: NativeAnswer, tally: Tally, run: Run): StreamEncoder {
  const choices = createChoices(answer.promptTexts.length * answer.choices);
  const { probabilities } = answer.request;
  const ended = new Set<number>();
  const frame = (data: object) => `data: ${JSON.stringify(data)}\n\n`;

  function part(index: number, content: string, logprobs: readonly SampledLogprob[] = []): string {
    const { promptTokens, completionTokens } = run.factsOf(index);
    return frame({
      index,
      content,
      tokens: answer.request.returnTokens ? tokensOf(logprobs) : [],
      stop: false,
      id_slot: ANY_SLOT,
      tokens_predicted: completionTokens,
      tokens_evaluated: promptTokens,
      ...(probabilities !== undefined && {
        completion_probabilities: logprobs.map((one) => encodeProbability(one, probabilities)),
      }),
    });
  }

  return {
    open: () => "",
    encode(event) {
      tally.note(event);
      const choice = choices.note(event, false);
      if (choice === undefined || !("choice" in event)) return "";
      if (event.type === "finished") {
        ended.add(event.choice);
        return frame(pick(finalOf(answer, event.choice, choice, run.factsOf(event.choice)), answer.request.fields));
      }
      if (event.type !== "text" && event.type !== "refusal") return "";
      const logprobs = event.type === "text" ? event.logprobs : undefined;
      return event.text === "" && (logprobs ?? []).length === 0 ? "" : part(event.choice, event.text, logprobs);
    },
    beat() {
      const open = choices.all.findIndex((_, index) => !ended.has(index));
      return open < 0 ? "" : part(open, "");
    },
    close() {
      tally.assertComplete();
      return "";
    },
    fail: (error) => frame(encodeError(error)),
  };
}

function finalOf(answer: NativeAnswer, index: number, choice: Choice, facts: ChoiceFacts) {
  const { request, promptTexts, choices } = answer;
  return {
    index,
    content: choice.content,
    tokens: request.returnTokens ? tokensOf(choice.logprobs) : [],
    id_slot: ANY_SLOT,
    stop: true,
    model: answer.model,
    tokens_predicted: facts.completionTokens,
    tokens_evaluated: facts.promptTokens,
    generation_settings: encodeSettings(settingsOf(answer)),
    prompt: promptTexts[Math.floor(index / choices)] ?? "",
    has_new_line: choice.hasNewLine,
    truncated: isTruncated(answer, choice, facts),
    stop_type: stopTypeOf(choice),
    stopping_word: choice.stopString ?? "",
    tokens_cached: facts.promptTokens + facts.completionTokens,
    timings: encodeTimings(facts),
  };
}

function settingsOf({ contextTokens, maxTokens, stop, sampling, request }: NativeAnswer): Settings {
  const { stream, probabilities, lines } = request;
  return { contextTokens, maxTokens, stop, sampling, stream, probabilities: probabilities ?? 0, lines };
}

/** Whether a full context ended the answer. */
function isTruncated(
  { maxTokens }: NativeAnswer,
  { reason }: Choice,
  { isCut, completionTokens }: ChoiceFacts,
): boolean {
  return reason === "length" && !isCut && (maxTokens === undefined || completionTokens < maxTokens);
}

function stopTypeOf({ reason, stopString }: Choice): "limit" | "word" | "eos" {
  if (reason === "length") return "limit";
  return stopString === undefined ? "eos" : "word";
}

function encodeTimings({ promptTokens, cachedTokens, completionTokens, promptMs, predictedMs }: ChoiceFacts) {
  const evaluated = Math.max(promptTokens - cachedTokens, 0);
  return {
    cache_n: cachedTokens,
    prompt_n: evaluated,
    prompt_ms: promptMs,
    prompt_per_token_ms: ratio(promptMs, evaluated),
    prompt_per_second: ratio(evaluated * 1_000, promptMs),
    predicted_n: completionTokens,
    predicted_ms: predictedMs,
    predicted_per_token_ms: ratio(predictedMs, completionTokens),
    predicted_per_second: ratio(completionTokens * 1_000, predictedMs),
  };
}

/** Returns 0 instead of NaN, which JSON shows as `null`: clients compute with these numbers. */
function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

/** Picks fields as llama-server does: missing ones are left out, and nested ones are keyed by their whole path. */
function pick(answer: object, fields: readonly string[] | undefined): object {
  if (fields === undefined) return answer;
  return Object.fromEntries(
    fields.flatMap((path) => {
      const value = valueAt(answer, path.split("/"));
      return value === undefined ? [] : [[path, value] as const];
    }),
  );
}

function valueAt(answer: unknown, [key, ...rest]: readonly string[]): unknown {
  if (key === undefined) return answer;
  return typeof answer === "object" && answer !== null && Object.hasOwn(answer, key)
    ? valueAt(Object.getOwnPropertyDescriptor(answer, key)?.value, rest)
    : undefined;
}

/** Leaves out tokens without a known id. */
function tokensOf(logprobs: readonly SampledLogprob[]): number[] {
  return logprobs.flatMap(({ token }) => token ?? []);
}

const utf8 = new TextDecoder();

function encodeProbability({ top, ...own }: SampledLogprob, count = 0) {
  return { ...encodeToken(own), top_logprobs: top.slice(0, count).map(encodeToken) };
}

function encodeToken({ token, bytes, logprob }: TokenLogprob) {
  // JSON can't hold −∞.
  const finite = Math.max(logprob, -Number.MAX_VALUE);
  return {
    ...(token !== undefined && { id: token }),
    token: utf8.decode(Uint8Array.from(bytes)),
    bytes,
    logprob: finite,
  };
}
