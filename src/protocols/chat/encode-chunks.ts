import type { GenerationEvent } from "../../generation/event.ts";
import type { StreamEncoder } from "../stream.ts";
import type { Tally } from "../tally.ts";
import { encodeUsage } from "../usage.ts";
import { type Answer, encodeReason } from "./answer.ts";
import { encodeLogprobs } from "./encode-logprobs.ts";

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
    service_tier: answer.serviceTier,
    system_fingerprint: answer.systemFingerprint,
  }).slice(0, -1)},"choices":[`;
  const tail = `]${includeUsage ? ',"usage":null' : ""}}\n\n`;
  const prefixes = Array.from({ length: answer.choices }, (_, index) => `${head}{"index":${index},"delta":{`);
  const suffix = `},"logprobs":null,"finish_reason":null}${tail}`;

  function encodeText({ choice, text, logprobs }: Extract<GenerationEvent, { type: "text" }>): string {
    const delta = `${prefixes[choice]}"content":${JSON.stringify(text)}`;
    if (logprobs !== undefined && logprobs.length > 0) {
      return `${delta}},"logprobs":${JSON.stringify(encodeLogprobs(logprobs))},"finish_reason":null}${tail}`;
    }
    return text === "" ? "" : delta + suffix;
  }

  return {
    open: () => prefixes.map((prefix) => `${prefix}"role":"assistant","content":"","refusal":null${suffix}`).join(""),

    encode(event) {
      tally.note(event);
      switch (event.type) {
        case "started":
          return "";
        case "text":
          return encodeText(event);
        case "reasoning":
          return `${prefixes[event.choice]}"reasoning_content":${JSON.stringify(event.text)}${suffix}`;
        case "toolCall":
        case "toolArguments":
          return `${prefixes[event.choice]}${encodeCall(event, answer)}${suffix}`;
        case "finished":
          return `${prefixes[event.choice]}},"logprobs":null,"finish_reason":"${encodeReason(event.reason, answer)}"}${tail}`;
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

/** A delta's one field, without braces: the call with its id first, then only more of its arguments. */
function encodeCall(
  event: Extract<GenerationEvent, { type: "toolCall" | "toolArguments" }>,
  { tellsFunctionCall }: Answer,
): string {
  const called = event.type === "toolCall" ? { name: event.name, arguments: "" } : { arguments: event.text };
  if (tellsFunctionCall) {
    return `"function_call":${JSON.stringify(called)}`;
  }
  const { index } = event;
  const call =
    event.type === "toolCall"
      ? { index, id: event.id, type: "function", function: called }
      : { index, function: called };
  return `"tool_calls":[${JSON.stringify(call)}]`;
}
