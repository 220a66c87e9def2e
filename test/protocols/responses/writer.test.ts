import { describe, expect, it } from "vitest";
import type { GenerationEvent } from "../../../src/generation/event.ts";
import { createFrameWriter } from "../../../src/protocols/responses/events.ts";
import { response, responseEvent } from "../../fixtures/openai/responses.ts";
import { write } from "./support.ts";

const started: GenerationEvent = { type: "started", promptTokens: 12, cachedTokens: 4 };
const text = (value: string): GenerationEvent => ({ type: "text", choice: 0, text: value });
const finished = (reason: "stop" | "length" | "tool_calls" = "stop"): GenerationEvent => ({
  type: "finished",
  choice: 0,
  reason,
  completionTokens: 7,
  reasoningTokens: 3,
});
const call = (index: number): GenerationEvent => ({
  type: "toolCall",
  choice: 0,
  index,
  id: `call_${index}`,
  name: "f",
});
const args = (index: number, value: string): GenerationEvent => ({
  type: "toolArguments",
  choice: 0,
  index,
  text: value,
});
const error = { message: "It broke.", type: "server_error", param: null, code: "engine_crashed" };

/** The types of all events of a successful response, each checked against OpenAI's description. */
function typesOf(events: readonly GenerationEvent[], fields = {}) {
  const { writer, said } = write(events, fields);
  const toFrame = createFrameWriter();
  return [...said, ...writer.close()].map((event, index) => {
    const frame = toFrame(event);
    const parsed = responseEvent.parse(JSON.parse(frame.slice(frame.indexOf("data: ") + 6)));
    expect(parsed.sequence_number).toBe(index);
    expect(frame.startsWith(`event: ${parsed.type}\n`)).toBe(true);
    return parsed.type.replace("response.", "");
  });
}

describe("the stream of a response", () => {
  it("has all events of a text", () => {
    expect(typesOf([started, text("Hello"), text(" there"), finished()])).toEqual([
      "created",
      "in_progress",
      "output_item.added",
      "content_part.added",
      "output_text.delta",
      "output_text.delta",
      "output_text.done",
      "content_part.done",
      "output_item.done",
      "completed",
    ]);
  });

  it("has separate items for reasoning, text and calls", () => {
    const events = [
      started,
      { type: "reasoning", choice: 0, text: "hm" } as const,
      text("Let me see."),
      call(0),
      args(0, '{"a":'),
      args(0, "1}"),
      call(1),
      finished("tool_calls"),
    ];
    expect(typesOf(events)).toEqual([
      "created",
      "in_progress",
      "output_item.added",
      "content_part.added",
      "reasoning_text.delta",
      "reasoning_text.done",
      "content_part.done",
      "output_item.done",
      "output_item.added",
      "content_part.added",
      "output_text.delta",
      "output_text.done",
      "content_part.done",
      "output_item.done",
      "output_item.added",
      "function_call_arguments.delta",
      "function_call_arguments.delta",
      "function_call_arguments.done",
      "output_item.done",
      "output_item.added",
      "function_call_arguments.done",
      "output_item.done",
      "completed",
    ]);
  });

  it("is queued until it begins, in the background", () => {
    expect(typesOf([started, finished()], { background: true }).slice(0, 3)).toEqual([
      "created",
      "queued",
      "in_progress",
    ]);
  });

  it("has the item's index and id in all of its events", () => {
    const { writer, said } = write([started, text("a"), call(0), finished("tool_calls")]);
    const all = [...said, ...writer.close()];
    const indexes = all.flatMap((event) => ("output_index" in event ? [event.output_index] : []));
    expect(indexes).toEqual(indexes.toSorted());
    expect(new Set(all.flatMap((event) => ("item_id" in event ? [event.item_id] : []))).size).toBe(2);
  });

  it("sends nothing for text that is held back", () => {
    const { said } = write([started, text("")]);
    expect(said).toHaveLength(2);
  });

  it("ends with the error if it fails, and the response is failed", () => {
    const { writer } = write([started, text("Hel")]);
    expect(writer.fail(error)).toMatchObject([
      { type: "error", code: "engine_crashed", message: "It broke.", param: null },
      {
        type: "response.failed",
        response: { status: "failed", error: { code: "server_error", message: "It broke." } },
      },
    ]);
    expect(response.parse(writer.response()).output).toMatchObject([
      { status: "incomplete", content: [{ text: "Hel" }] },
    ]);
  });

  it.each([
    ["invalid_request_error", "context_length_exceeded", "invalid_prompt"],
    ["server_error", "server_overloaded", "rate_limit_exceeded"],
    ["server_error", null, "server_error"],
  ])("encodes a failure with the type %s and the code %s as %s", (type, code, expected) => {
    const { writer } = write([]);
    writer.fail({ ...error, type, code });
    expect(writer.response().error?.code).toBe(expected);
  });

  it("never looks complete if the generation was cut off", () => {
    const { writer } = write([started, text("Hel")]);
    expect(() => writer.close()).toThrow("unfinished");
  });
});

describe("a whole response", () => {
  it("has its text, its times and its usage", () => {
    const { writer } = write([started, text("Hello"), text(" there"), finished()]);
    expect(response.parse(writer.response()).status).toBe("in_progress");
    writer.close();
    expect(response.parse(writer.response())).toMatchObject({
      status: "completed",
      created_at: 1_750_000_000,
      completed_at: 1_750_000_005,
      output: [{ type: "message", status: "completed", content: [{ text: "Hello there" }] }],
      usage: {
        input_tokens: 12,
        input_tokens_details: { cached_tokens: 4 },
        output_tokens: 7,
        output_tokens_details: { reasoning_tokens: 3 },
        total_tokens: 19,
      },
    });
  });

  it("is incomplete, and so is its last item, if the tokens were used up", () => {
    const { writer } = write([started, { type: "reasoning", choice: 0, text: "hm" }, text("Hel"), finished("length")]);
    writer.close();
    expect(response.parse(writer.response())).toMatchObject({
      status: "incomplete",
      completed_at: null,
      incomplete_details: { reason: "max_output_tokens" },
      output: [{ status: "completed" }, { status: "incomplete" }],
    });
  });

  it("has an empty message if the model wrote nothing", () => {
    const { writer } = write([started, finished()]);
    writer.close();
    expect(writer.response().output).toMatchObject([{ type: "message", content: [{ text: "" }] }]);
  });

  it("has calls with their arguments and no empty message", () => {
    const { writer } = write([started, call(0), args(0, "{}"), finished("tool_calls")]);
    writer.close();
    expect(response.parse(writer.response())).toMatchObject({
      status: "completed",
      output: [{ type: "function_call", call_id: "call_0", name: "f", arguments: "{}", status: "completed" }],
    });
  });

  it("has calls of custom tools with their input, and of namespaces with theirs", () => {
    const tools = [
      { type: "custom", name: "f" },
      { type: "namespace", name: "n", description: "d", tools: [{ type: "function", name: "g" }] },
    ];
    const named = { ...call(1), name: "n__g" } as const;
    const events = [started, call(0), args(0, '{"inp'), args(0, 'ut": "a\\n'), args(0, 'b"}'), named, args(1, "{}")];
    const { writer, said } = write([...events, finished("tool_calls")], { tools });
    const all = [...said, ...writer.close()];
    for (const [index, event] of all.entries()) responseEvent.parse({ ...event, sequence_number: index });
    expect(all.filter(({ type }) => type.startsWith("response.custom_tool_call_input"))).toMatchObject([
      { type: "response.custom_tool_call_input.delta", delta: "a\n" },
      { type: "response.custom_tool_call_input.delta", delta: "b" },
      { type: "response.custom_tool_call_input.done", input: "a\nb" },
    ]);
    expect(response.parse(writer.response())).toMatchObject({
      output: [
        { type: "custom_tool_call", call_id: "call_0", name: "f", input: "a\nb", status: "completed" },
        { type: "function_call", call_id: "call_1", name: "g", namespace: "n", arguments: "{}" },
      ],
      tools: [
        { type: "custom", name: "f", format: { type: "text" } },
        { type: "namespace", tools: [{ name: "g" }] },
      ],
    });
  });

  it("has the log-probabilities of its tokens, bytes included", () => {
    const token = { token: 5, bytes: [0xc3], logprob: -0.5 };
    const sampled = { ...token, top: [token] };
    const { writer, said } = write([started, { type: "text", choice: 0, text: "", logprobs: [sampled] }, finished()]);
    expect(said.at(-1)).toMatchObject({ type: "response.output_text.delta", delta: "" });
    writer.close();
    const logprob = { token: "\\xc3", bytes: [0xc3], logprob: -0.5 };
    expect(response.parse(writer.response()).output).toMatchObject([
      { content: [{ logprobs: [{ ...logprob, top_logprobs: [logprob] }] }] },
    ]);
  });

  it("keeps its output when it is cancelled", () => {
    const { writer } = write([started, text("Hel")]);
    writer.cancel();
    expect(response.parse(writer.response())).toMatchObject({
      status: "cancelled",
      output: [{ status: "incomplete" }],
    });
  });
});
