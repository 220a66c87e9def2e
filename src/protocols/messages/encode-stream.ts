import type { GenerationEvent } from "../../generation/event.ts";
import type { WireError } from "../errors.ts";
import type { StreamEncoder } from "../stream.ts";
import type { Tally } from "../tally.ts";
import { type Answer, encodeMessage, encodeStop, encodeUsage, type Finished, signThinking } from "./answer.ts";
import { encodeError } from "./error.ts";

/** The current block. */
type OpenBlock = {
  readonly type: "text" | "thinking" | "tool_use";
  /** The constant text around a delta's JSON, so that a token costs one `JSON.stringify`. */
  readonly before: string;
  readonly after: string;
  /** A thinking block's text so far, for its signature. */
  thinking: string;
};

const NO_STOP = { stop_reason: null, stop_sequence: null };

/** Encodes the answer as Anthropic's named events. A failure is an `error` event with `requestId`. */
export function createMessageEncoder(answer: Answer, tally: Tally, requestId: string): StreamEncoder {
  let open: OpenBlock | undefined;
  let nextIndex = 0;
  /** The number of calls so far. Only the last one can still receive arguments. */
  let calls = 0;
  let hasRefused = false;
  /** The end of the answer, until its usage is known. */
  let ending: Finished | undefined;
  let thinkingTokens: number | undefined;

  /** Ends the current block and begins a new one. */
  function begin(type: OpenBlock["type"], contentBlock: object, deltaType: string, field: string): string {
    const ended = endBlock();
    const index = nextIndex++;
    open = {
      type,
      before: `event: content_block_delta\ndata: {"type":"content_block_delta","index":${index},"delta":{"type":"${deltaType}","${field}":`,
      after: "}}\n\n",
      thinking: "",
    };
    return ended + frame({ type: "content_block_start", index, content_block: contentBlock });
  }

  function endBlock(): string {
    if (open === undefined) {
      return "";
    }
    const index = nextIndex - 1;
    const delta = { type: "signature_delta", signature: signThinking(open.thinking) };
    const signature = open.type === "thinking" ? frame({ type: "content_block_delta", index, delta }) : "";
    open = undefined;
    return signature + frame({ type: "content_block_stop", index });
  }

  function delta(text: string): string {
    return open === undefined || text === "" ? "" : `${open.before}${JSON.stringify(text)}${open.after}`;
  }

  function encodeText(text: string): string {
    if (text === "") {
      return "";
    }
    const begun =
      open?.type === "text" ? "" : begin("text", { type: "text", text: "", citations: null }, "text_delta", "text");
    return begun + delta(text);
  }

  function encodeThinking(text: string): string {
    if (text === "") {
      return "";
    }
    const block = { type: "thinking", thinking: "", signature: "" };
    const begun = open?.type === "thinking" ? "" : begin("thinking", block, "thinking_delta", "thinking");
    if (open !== undefined) {
      open.thinking += text;
    }
    return begun + (answer.showThinking ? delta(text) : "");
  }

  function encodeCall({ id, name }: Extract<GenerationEvent, { type: "toolCall" }>): string {
    calls += 1;
    const block = { type: "tool_use", id, name, input: {}, caller: { type: "direct" } };
    return begin("tool_use", block, "input_json_delta", "partial_json");
  }

  function encodeEnd(finished: Finished): string {
    const counts = tally.counts();
    const stop = { ...encodeStop({ finished, counts, hasRefused }, answer), stop_details: null, container: null };
    const usage = encodeUsage(counts, finished.reasoningTokens ?? thinkingTokens, tally.cost());
    return frame({ type: "message_delta", delta: stop, usage });
  }

  return {
    // The first frame needs the prompt's length from the first event.
    open: () => "",

    encode(event) {
      tally.note(event);
      switch (event.type) {
        case "started": {
          const usage = encodeUsage(tally.counts(), undefined);
          const message = encodeMessage(answer, [], NO_STOP, usage);
          return frame({ type: "message_start", message }) + frame({ type: "ping" });
        }
        case "frames":
        case "prompt":
          return "";
        case "usage":
          thinkingTokens = event.reasoningTokens;
          return "";
        case "refusal":
          hasRefused = true;
          return encodeText(event.text);
        case "text":
          return encodeText(event.text);
        case "reasoning":
          return encodeThinking(event.text);
        case "toolCall":
          return encodeCall(event);
        case "toolArguments":
          if (open?.type !== "tool_use" || event.index !== calls - 1) {
            throw new Error(`Arguments arrived for call ${event.index}, which is not the current one.`);
          }
          return delta(event.text);
        case "finished":
          if (event.completionTokens !== undefined) return endBlock() + encodeEnd(event);
          ending = event;
          return endBlock();
      }
    },

    beat: () => frame({ type: "ping" }),

    close() {
      tally.assertComplete();
      return (ending === undefined ? "" : encodeEnd(ending)) + frame({ type: "message_stop" });
    },

    fail: (error: WireError) => `event: error\ndata: ${JSON.stringify(encodeError(error, requestId))}\n\n`,
  };
}

/** Formats a server-sent event named by its type. */
function frame(data: { readonly type: string; readonly [field: string]: unknown }): string {
  return `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
}
