import type { GenerationEvent } from "../../generation/event.ts";
import { createChunkFrame } from "../openai-answer.ts";
import type { StreamEncoder } from "../stream.ts";
import type { Tally } from "../tally.ts";
import { createInputReader, type InputReader } from "../tools/input-reader.ts";
import { type Answer, encodeReason, labelOf } from "./answer.ts";
import { encodeLogprobs } from "./encode-logprobs.ts";

/**
 * Encodes the answer as `chat.completion.chunk` objects, one frame each. The constant parts of a chunk are encoded only once, so that a
 * token costs one `JSON.stringify` of its text.
 */
export function createChunkEncoder(answer: Answer, tally: Tally, includeUsage: boolean): StreamEncoder {
  const { head, tail, close, fail } = createChunkFrame(
    {
      id: answer.id,
      object: "chat.completion.chunk",
      created: answer.createdUnixSeconds,
      model: answer.model,
      service_tier: answer.serviceTier,
      system_fingerprint: answer.systemFingerprint,
    },
    tally,
    includeUsage,
  );
  const prefixes = Array.from({ length: answer.choices }, (_, index) => `${head}{"index":${index},"delta":{`);
  /** The choices that have ended. */
  const ended = new Set<number>();
  const suffix = `},"logprobs":null,"finish_reason":null}${tail}`;

  function encodeText({ choice, text, logprobs }: Extract<GenerationEvent, { type: "text" }>): string {
    const delta = `${prefixes[choice]}"content":${JSON.stringify(text)}`;
    if (logprobs !== undefined && logprobs.length > 0) {
      return `${delta}},"logprobs":${JSON.stringify(encodeLogprobs(logprobs))},"finish_reason":null}${tail}`;
    }
    return text === "" ? "" : delta + suffix;
  }

  const calls = Array.from({ length: answer.choices }, () => createCallWriter(answer));

  return {
    open: () => prefixes.map((prefix) => `${prefix}"role":"assistant","content":"","refusal":null${suffix}`).join(""),

    encode(event) {
      tally.note(event);
      switch (event.type) {
        case "started":
        case "usage":
        case "frames":
        case "prompt":
          return "";
        case "text":
          return encodeText(event);
        case "reasoning":
          return `${prefixes[event.choice]}"reasoning_content":${JSON.stringify(event.text)}${suffix}`;
        case "refusal":
          return `${prefixes[event.choice]}"refusal":${JSON.stringify(event.text)}${suffix}`;
        case "toolCall":
        case "toolArguments": {
          const field = calls[event.choice]?.(event) ?? "";
          return field === "" ? "" : prefixes[event.choice] + field + suffix;
        }
        case "finished":
          ended.add(event.choice);
          return `${prefixes[event.choice]}},"logprobs":null,"finish_reason":"${encodeReason(event.reason, answer)}"}${tail}`;
      }
    },

    beat() {
      const prefix = prefixes.find((_, choice) => !ended.has(choice));
      return prefix === undefined ? "" : prefix + suffix;
    },

    close,
    fail,
  };
}

type CallEvent = Extract<GenerationEvent, { type: "toolCall" | "toolArguments" }>;

/** Encodes the calls of one choice. Returns the one field of a delta, without braces; "" if there is nothing to send yet. */
function createCallWriter(answer: Answer): (event: CallEvent) => string {
  /** Reads the input of the current call, if it is a custom tool's. */
  let input: InputReader | undefined;

  return (event) => {
    const { index } = event;
    if (event.type === "toolArguments") {
      if (input === undefined) return writeCall({ index }, { arguments: event.text });
      const piece = input.push(event.text);
      return piece === "" ? "" : `"tool_calls":[${JSON.stringify({ index, custom: { input: piece } })}]`;
    }
    const { type, name } = labelOf(event.name, answer);
    input = type === "custom" ? createInputReader() : undefined;
    return type === "custom"
      ? `"tool_calls":[${JSON.stringify({ index, id: event.id, type, custom: { name, input: "" } })}]`
      : writeCall({ index, id: event.id, type }, { name, arguments: "" });
  };

  function writeCall(head: object, called: object): string {
    return answer.tellsFunctionCall
      ? `"function_call":${JSON.stringify(called)}`
      : `"tool_calls":[${JSON.stringify({ ...head, function: called })}]`;
  }
}
