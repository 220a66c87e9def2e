import { randomBytes } from "node:crypto";
import type { FinishReason, GenerationEvent } from "../../generation/event.ts";
import { systemFingerprint } from "../fingerprint.ts";
import type { StreamEncoder } from "../stream.ts";
import type { Tally } from "../tally.ts";
import { encodeUsage } from "../usage.ts";

/** What all chunks of an answer, or the whole of it, have in common. */
export type Answer = {
  /** `chatcmpl-` and 29 hexadecimal digits. */
  readonly id: string;
  /** The model's id, aliases resolved. */
  readonly model: string;
  /** Stays the same as long as the same model answers, so that answers of one seed can be compared. */
  readonly systemFingerprint: string;
  readonly createdUnixSeconds: number;
  readonly choices: number;
};

/** A new answer of `model`, with an id of its own, created now. */
export function newAnswer(
  model: { readonly id: string; readonly createdUnixSeconds: number },
  createdUnixSeconds: number,
  choices: number,
): Answer {
  return {
    id: `chatcmpl-${randomBytes(15).toString("hex").slice(0, 29)}`,
    model: model.id,
    systemFingerprint: systemFingerprint(model),
    createdUnixSeconds,
    choices,
  };
}

/** Reads `events` to their end and returns the `chat.completion` object. Throws what they throw, and when a choice has not finished. */
export async function encodeCompletion(answer: Answer, events: AsyncIterable<GenerationEvent>, tally: Tally) {
  const texts = Array.from({ length: answer.choices }, () => "");
  const reasons = new Map<number, FinishReason>();
  for await (const event of events) {
    tally.note(event);
    if (event.type === "text") {
      texts[event.choice] += event.text;
    } else if (event.type === "finished") {
      reasons.set(event.choice, event.reason);
    }
  }
  tally.assertComplete();

  return {
    id: answer.id,
    object: "chat.completion",
    created: answer.createdUnixSeconds,
    model: answer.model,
    choices: texts.map((content, index) => ({
      index,
      message: { role: "assistant", content, refusal: null, annotations: [] },
      logprobs: null,
      finish_reason: reasons.get(index) ?? "stop",
    })),
    usage: encodeUsage(tally.counts()),
    service_tier: "default",
    system_fingerprint: answer.systemFingerprint,
  };
}

/**
 * Encodes the answer as `chat.completion.chunk` objects, one frame each. What is the same in every chunk of a choice is written once,
 * so that a token costs one `JSON.stringify` of its text.
 */
export function createChunkEncoder(answer: Answer, tally: Tally, includeUsage: boolean): StreamEncoder {
  const head = `data: ${JSON.stringify({
    id: answer.id,
    object: "chat.completion.chunk",
    created: answer.createdUnixSeconds,
    model: answer.model,
    service_tier: "default",
    system_fingerprint: answer.systemFingerprint,
  }).slice(0, -1)},"choices":[`;
  const tail = `]${includeUsage ? ',"usage":null' : ""}}\n\n`;
  const prefixes = Array.from({ length: answer.choices }, (_, index) => `${head}{"index":${index},"delta":{`);
  const textSuffix = `},"logprobs":null,"finish_reason":null}${tail}`;

  return {
    open: () =>
      prefixes.map((prefix) => `${prefix}"role":"assistant","content":"","refusal":null${textSuffix}`).join(""),

    encode(event) {
      tally.note(event);
      switch (event.type) {
        case "started":
          return "";
        case "text":
          return event.text === ""
            ? ""
            : `${prefixes[event.choice]}"content":${JSON.stringify(event.text)}${textSuffix}`;
        case "reasoning":
          return `${prefixes[event.choice]}"reasoning_content":${JSON.stringify(event.text)}${textSuffix}`;
        case "toolCall":
        case "toolArguments":
          throw new Error("a request without tools was answered with a call");
        case "finished":
          return `${prefixes[event.choice]}},"logprobs":null,"finish_reason":"${event.reason}"}${tail}`;
      }
    },

    close() {
      tally.assertComplete();
      const usage = includeUsage ? `${head}],"usage":${JSON.stringify(encodeUsage(tally.counts()))}}\n\n` : "";
      return `${usage}data: [DONE]\n\n`;
    },

    fail: (error) => `data: ${JSON.stringify({ error })}\n\n`,
  };
}
