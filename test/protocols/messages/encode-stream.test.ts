import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { GenerationEvent } from "../../../src/generation/event.ts";
import { newAnswer } from "../../../src/protocols/messages/answer.ts";
import { encodeWholeMessage } from "../../../src/protocols/messages/encode.ts";
import { createMessageEncoder } from "../../../src/protocols/messages/encode-stream.ts";
import { createTally } from "../../../src/protocols/tally.ts";
import { type AnyStreamEvent, error } from "../../fixtures/anthropic/schemas.ts";
import { messageOf, parseStream } from "../../fixtures/anthropic/stream.ts";
import { call, finished, reasoning, started, text } from "./events.ts";

const REQUEST_ID = `req_${"0".repeat(32)}`;

function encode(events: readonly GenerationEvent[], showThinking = true, answer = newAnswer("one", 50, showThinking)) {
  const encoder = createMessageEncoder(answer, createTally(1), REQUEST_ID);
  return parseStream([encoder.open(), ...events.map((event) => encoder.encode(event)), encoder.close()].join(""));
}

function deltas(events: readonly AnyStreamEvent[]) {
  return events.flatMap((event) => (event.type === "content_block_delta" ? [event.delta] : []));
}

describe("a streamed message", () => {
  it("is framed by Anthropic's events", () => {
    const events = encode([started(), text("Hel"), text(""), text("lo"), finished()]);
    expect(events.map(({ type }) => type)).toEqual([
      "message_start",
      "ping",
      "content_block_start",
      "content_block_delta",
      "content_block_delta",
      "content_block_stop",
      "message_delta",
      "message_stop",
    ]);
    expect(events[0]).toMatchObject({
      message: {
        model: "one",
        content: [],
        stop_reason: null,
        usage: { input_tokens: 8, cache_read_input_tokens: 4, output_tokens: 0 },
      },
    });
    expect(events[6]).toMatchObject({
      delta: { stop_reason: "end_turn", stop_sequence: null },
      usage: { input_tokens: 8, cache_read_input_tokens: 4, output_tokens: 3 },
    });
  });

  it("begins and ends a block for each text, thought and call", () => {
    const events = encode([
      started(),
      reasoning("Hm"),
      text("So."),
      ...call(0, "a", ['{"x"', ":1}"]),
      ...call(1, "b", ["{}"]),
      finished({ reason: "tool_calls", reasoningTokens: 1 }),
    ]);
    const begun = events.flatMap((event) => (event.type === "content_block_start" ? [event] : []));
    expect(begun.map(({ index, content_block: { type } }) => [index, type])).toEqual([
      [0, "thinking"],
      [1, "text"],
      [2, "tool_use"],
      [3, "tool_use"],
    ]);
    expect(deltas(events)).toEqual([
      { type: "thinking_delta", thinking: "Hm" },
      { type: "signature_delta", signature: expect.stringMatching(/./) },
      { type: "text_delta", text: "So." },
      { type: "input_json_delta", partial_json: '{"x"' },
      { type: "input_json_delta", partial_json: ":1}" },
      { type: "input_json_delta", partial_json: "{}" },
    ]);
    expect(events.at(-2)).toMatchObject({
      delta: { stop_reason: "tool_use" },
      usage: { output_tokens_details: { thinking_tokens: 1 } },
    });
  });

  it("signs the thinking without showing it, if the client omits thinking", () => {
    const events = encode([started(), reasoning("Hm."), text("Yes."), finished()], false);
    expect(deltas(events)).toEqual([
      { type: "signature_delta", signature: expect.stringMatching(/./) },
      { type: "text_delta", text: "Yes." },
    ]);
  });

  it("names the stop sequence that ended it", () => {
    const events = encode([started(), text("a"), finished({ stopString: "END" })]);
    expect(events.at(-2)).toMatchObject({ delta: { stop_reason: "stop_sequence", stop_sequence: "END" } });
  });

  it("adds up to the same message as without streaming, whatever the model writes", async () => {
    const piece = fc.oneof(fc.string().map(text), fc.string().map(reasoning), fc.constant("call" as const));
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 12 }), fc.boolean(), async (pieces, showThinking) => {
        let calls = 0;
        const middle = pieces.flatMap((each) =>
          each === "call" ? call(calls, `c${calls++}`, ["{", '"a":1}']) : [each],
        );
        const events = [started(), ...middle, finished()];
        const answer = newAnswer("one", 50, showThinking);
        const whole = await encodeWholeMessage(
          answer,
          (async function* () {
            yield* events;
          })(),
          createTally(1),
        );
        expect(messageOf(encode(events, showThinking, answer))).toEqual(whole);
      }),
    );
  });

  it("ends with an error event that names the request, if it fails", () => {
    const encoder = createMessageEncoder(newAnswer("one", 50, true), createTally(1), REQUEST_ID);
    const frame = encoder.fail({ message: "It broke.", type: "api_error", param: null, code: "internal_error" });
    expect(frame).toMatch(/^event: error\ndata: .*\n\n$/);
    expect(error.parse(JSON.parse(frame.split("data: ")[1] ?? ""))).toEqual({
      type: "error",
      error: { type: "api_error", message: "It broke." },
      request_id: REQUEST_ID,
    });
  });

  it("doesn't look complete if the generation was cut off", () => {
    expect(() => encode([started(), text("Hi")])).toThrow("unfinished");
  });
});
