import { randomUUID } from "node:crypto";
import type { FinishReason, GenerationEvent, PromptLogprob, SampledLogprob } from "../../generation/event.ts";
import { createChunkFrame, encodeUsage, systemFingerprint } from "../openai-answer.ts";
import { encodePromptLogprobs } from "../prompt-logprobs.ts";
import type { StreamEncoder } from "../stream.ts";
import type { Tally } from "../tally.ts";
import { createLogprobEncoder, meanLogprob, type WireLogprobs } from "./logprobs.ts";

/** The facts about an answer that its object or all its chunks repeat. */
export type Answer = {
  /** `cmpl-` and 29 hexadecimal digits. */
  readonly id: string;
  /** The model's id, aliases resolved. */
  readonly model: string;
  readonly systemFingerprint: string;
  readonly createdUnixSeconds: number;
};

/** The parts of a request that its answer depends on. */
export type Asked = {
  /** The text of each prompt; empty if it isn't needed. */
  readonly promptTexts: readonly string[];
  readonly echo: boolean;
  /** The number of choices generated for each prompt, and the number returned. */
  readonly generated: number;
  readonly returned: number;
  /** The number of tokens at each position; undefined for no log-probabilities. With `echo` they include the prompt. */
  readonly logprobs: number | undefined;
  /** Whether to return the prompt's log-probabilities in vLLM's form. */
  readonly promptLogprobs: boolean;
};

/** Creates an answer of `model` with a new id. */
export function newAnswer(
  model: { readonly id: string; readonly createdUnixSeconds: number },
  createdUnixSeconds: number,
  id = newId(),
): Answer {
  return {
    id,
    // The target of a route is known with the first event.
    get model() {
      return model.id;
    },
    systemFingerprint: systemFingerprint(model),
    createdUnixSeconds,
  };
}

/** Creates the id of an answer, with random digits if none are given. */
export function newId(digits = randomUUID().replaceAll("-", "")): string {
  return `cmpl-${digits.slice(0, 29)}`;
}

type Choice = { text: string; prompt: PromptLogprob[]; logprobs: SampledLogprob[]; reason: FinishReason };

/**
 * Reads all `events` and returns the `text_completion` object, with the choices in the order of the prompts. Rethrows their errors, and
 * throws if a choice has not finished.
 */
export async function encodeCompletion(
  answer: Answer,
  events: AsyncIterable<GenerationEvent>,
  tally: Tally,
  asked: Asked,
) {
  const choices = await collectChoices(events, tally, asked);
  const best = asked.promptTexts.flatMap((promptText, index) => {
    const own = choices.slice(index * asked.generated, (index + 1) * asked.generated);
    // The first choice has them for all choices of the prompt.
    const prompt = own[0]?.prompt ?? [];
    return pickBest(own, asked.returned).map((choice) => ({
      text: asked.echo ? promptText + choice.text : choice.text,
      logprobs: encodeLogprobs(promptText, asked, prompt, choice.logprobs),
      finish_reason: encodeReason(choice.reason),
      ...(asked.promptLogprobs && { prompt_logprobs: encodePromptLogprobs(prompt) }),
    }));
  });
  return {
    id: answer.id,
    object: "text_completion",
    created: answer.createdUnixSeconds,
    model: answer.model,
    choices: best.map((choice, index) => ({ index, ...choice })),
    usage: encodeUsage(tally.counts(), tally.cost()),
    system_fingerprint: answer.systemFingerprint,
  };
}

function encodeLogprobs(
  promptText: string,
  { echo, logprobs: top }: Asked,
  prompt: readonly PromptLogprob[],
  sampled: readonly SampledLogprob[],
): WireLogprobs | null {
  if (top === undefined) return null;
  return createLogprobEncoder(promptText, top, echo)(echo ? [...prompt, ...sampled] : sampled);
}

async function collectChoices(
  events: AsyncIterable<GenerationEvent>,
  tally: Tally,
  { promptTexts, generated }: Asked,
): Promise<readonly Choice[]> {
  const choices = Array.from({ length: promptTexts.length * generated }, (): Choice => {
    return { text: "", prompt: [], logprobs: [], reason: "stop" };
  });
  for await (const event of events) {
    tally.note(event);
    if (!("choice" in event)) continue;
    const choice = choices[event.choice];
    if (choice === undefined) throw new Error(`there is no choice ${event.choice}`);
    switch (event.type) {
      case "prompt":
        choice.prompt.push(...event.logprobs);
        break;
      case "text":
        choice.text += event.text;
        choice.logprobs.push(...(event.logprobs ?? []));
        break;
      // Completions have no field for refusals.
      case "refusal":
        choice.text += event.text;
        break;
      case "finished":
        choice.reason = event.reason;
        break;
      default:
        throw unasked(event.type);
    }
  }
  tally.assertComplete();
  return choices;
}

/** Returns the `count` choices with the highest mean log-probability, best first; all in their order if there are no more. */
function pickBest(choices: readonly Choice[], count: number): readonly Choice[] {
  if (choices.length === count) return choices;
  const ranked = choices.map((choice) => ({ choice, mean: meanLogprob(choice.logprobs) }));
  // −∞ minus −∞ is NaN.
  ranked.sort((one, other) => (one.mean === other.mean ? 0 : other.mean - one.mean));
  return ranked.slice(0, count).map(({ choice }) => choice);
}

/**
 * Encodes the answer as `text_completion` objects, one frame each. The constant parts of a chunk are encoded only once, so that a token
 * costs little more than one `JSON.stringify` of its text.
 */
export function createChunkEncoder(answer: Answer, tally: Tally, includeUsage: boolean, asked: Asked): StreamEncoder {
  const { head, tail, close, fail } = createChunkFrame(
    {
      id: answer.id,
      object: "text_completion",
      created: answer.createdUnixSeconds,
      model: answer.model,
      system_fingerprint: answer.systemFingerprint,
    },
    tally,
    includeUsage,
  );
  const owners = asked.promptTexts.flatMap((promptText) => Array.from({ length: asked.generated }, () => promptText));
  const { echo, generated, logprobs: top } = asked;
  /** The choices that have ended. */
  const ended = new Set<number>();
  const encoders = top === undefined ? [] : owners.map((promptText) => createLogprobEncoder(promptText, top, echo));

  function chunk(index: number, text: string, logprobs: WireLogprobs | null, reason: FinishReason | null): string {
    const finish = reason === null ? null : encodeReason(reason);
    return `${head}${JSON.stringify({ index, text, logprobs, finish_reason: finish })}${tail}`;
  }

  return {
    open: () => (echo ? owners.map((promptText, index) => chunk(index, promptText, null, null)).join("") : ""),

    encode(event) {
      tally.note(event);
      switch (event.type) {
        case "started":
        case "usage":
          return "";
        case "prompt": {
          if (!echo) return "";
          // The prompt's text is already sent. All choices of a prompt share these log-probabilities.
          const sharing = Array.from({ length: generated }, (_, index) => event.choice + index);
          return sharing.map((index) => chunk(index, "", encoders[index]?.(event.logprobs) ?? null, null)).join("");
        }
        case "text": {
          const logprobs = encoders[event.choice]?.(event.logprobs ?? []) ?? null;
          return event.text === "" && (event.logprobs ?? []).length === 0
            ? ""
            : chunk(event.choice, event.text, logprobs, null);
        }
        case "refusal":
          return chunk(event.choice, event.text, null, null);
        case "finished":
          ended.add(event.choice);
          return chunk(event.choice, "", null, event.reason);
        default:
          throw unasked(event.type);
      }
    },

    beat() {
      const choice = owners.findIndex((_, index) => !ended.has(index));
      return choice < 0 ? "" : chunk(choice, "", null, null);
    },

    close,
    fail,
  };
}

/** A completion makes no calls, so `tool_calls` can't be its reason. */
function encodeReason(reason: FinishReason): Exclude<FinishReason, "tool_calls"> {
  return reason === "tool_calls" ? "stop" : reason;
}

function unasked(type: string): Error {
  return new Error(`a completion was answered with an event of the type ${type}`);
}
