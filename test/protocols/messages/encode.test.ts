import { describe, expect, it } from "vitest";
import type { GenerationEvent } from "../../../src/generation/event.ts";
import { newAnswer } from "../../../src/protocols/messages/answer.ts";
import { encodeWholeMessage } from "../../../src/protocols/messages/encode.ts";
import { createTally } from "../../../src/protocols/tally.ts";
import { message } from "../../fixtures/anthropic/schemas.ts";
import { call, finished, reasoning, started, text } from "./events.ts";

async function* play(events: readonly GenerationEvent[]) {
  yield* events;
}

async function encode(events: readonly GenerationEvent[], { contextTokens = 50, showThinking = true } = {}) {
  const answer = newAnswer("owner/repo:Q4_K_M", contextTokens, showThinking);
  return message.parse(await encodeWholeMessage(answer, play(events), createTally(1)));
}

describe("a whole message", () => {
  it("has Anthropic's form, and counts cached tokens separately", async () => {
    expect(await encode([started(), text("Hel"), text(""), text("lo"), finished()])).toMatchObject({
      model: "owner/repo:Q4_K_M",
      content: [{ type: "text", text: "Hello" }],
      stop_reason: "end_turn",
      stop_sequence: null,
      usage: {
        input_tokens: 8,
        cache_read_input_tokens: 4,
        cache_creation_input_tokens: 0,
        output_tokens: 3,
        output_tokens_details: null,
      },
    });
  });

  it("has a block for each text, thought and call, in order", async () => {
    const events = [
      started(),
      reasoning("Let me "),
      reasoning("think."),
      text("I look it up."),
      ...call(0, "a", ['{"ci', 'ty":"Rome"}']),
      ...call(1, "b", []),
      finished({ reason: "tool_calls", reasoningTokens: 2 }),
    ];
    const { content, stop_reason, usage } = await encode(events);
    expect(content).toEqual([
      { type: "thinking", thinking: "Let me think.", signature: expect.stringMatching(/./) },
      { type: "text", text: "I look it up.", citations: null },
      { type: "tool_use", id: "a", name: "tool_a", input: { city: "Rome" }, caller: { type: "direct" } },
      { type: "tool_use", id: "b", name: "tool_b", input: {}, caller: { type: "direct" } },
    ]);
    expect(stop_reason).toBe("tool_use");
    expect(usage.output_tokens_details).toEqual({ thinking_tokens: 2 });
  });

  it("shows only that the model thought, if the client omits thinking", async () => {
    const { content } = await encode([started(), reasoning("Hm."), text("Yes."), finished()], { showThinking: false });
    expect(content[0]).toEqual({ type: "thinking", thinking: "", signature: expect.stringMatching(/./) });
  });

  it("is empty if the model wrote nothing", async () => {
    expect((await encode([started(), text(""), finished()])).content).toEqual([]);
  });

  it("has no input for a call that was cut off", async () => {
    const events = [started(), ...call(0, "a", ['{"city":"Ro']), finished({ reason: "length", completionTokens: 30 })];
    expect(await encode(events)).toMatchObject({ content: [{ id: "a", input: {} }], stop_reason: "max_tokens" });
  });

  it.each([
    [{ reason: "stop" }, "end_turn", null],
    [{ reason: "stop", stopString: "END" }, "stop_sequence", "END"],
    [{ reason: "length", completionTokens: 37 }, "max_tokens", null],
    [{ reason: "length", completionTokens: 38 }, "model_context_window_exceeded", null],
    [{ reason: "tool_calls" }, "tool_use", null],
  ] as const)("says why it ended: %j", async (end, reason, sequence) => {
    expect(await encode([started(), text("Hi"), finished(end)])).toMatchObject({
      stop_reason: reason,
      stop_sequence: sequence,
    });
  });

  it("fails if the generation was cut off", async () => {
    await expect(encode([started(), text("Hi")])).rejects.toThrow("unfinished");
  });

  it("has a new id", async () => {
    const events = [started(), finished()];
    expect((await encode(events)).id).not.toBe((await encode(events)).id);
  });
});
