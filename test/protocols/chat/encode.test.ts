import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { GenerationEvent } from "../../../src/generation/event.ts";
import { newAnswer } from "../../../src/protocols/chat/answer.ts";
import { encodeCompletion } from "../../../src/protocols/chat/encode.ts";
import { createChunkEncoder } from "../../../src/protocols/chat/encode-chunks.ts";
import { chatCompletion, error as errorSchema } from "../../../src/protocols/openai-responses.ts";
import { createTally } from "../../../src/protocols/tally.ts";
import { parseChunks, parseFrames, textOf } from "../../http/support.ts";

const MODEL = { id: "owner/repo:Q4_K_M", createdUnixSeconds: 1_730_000_000 };
const NOW = 1_760_000_000;

function started(): GenerationEvent {
  return { type: "started", promptTokens: 12, cachedTokens: 4 };
}

function text(choice: number, content: string): GenerationEvent {
  return { type: "text", choice, text: content };
}

function finished(choice: number, reason: "stop" | "length" = "stop", completionTokens = 3): GenerationEvent {
  return { type: "finished", choice, reason, completionTokens };
}

async function* play(events: readonly GenerationEvent[]) {
  yield* events;
}

function encodeStream(events: readonly GenerationEvent[], choices: number, includeUsage = false): string {
  const encoder = createChunkEncoder(newAnswer(MODEL, NOW, choices), createTally(choices), includeUsage);
  return [encoder.open(), ...events.map((event) => encoder.encode(event)), encoder.close()].join("");
}

const USAGE = {
  prompt_tokens: 12,
  completion_tokens: 6,
  total_tokens: 18,
  prompt_tokens_details: { cached_tokens: 4, audio_tokens: 0 },
  completion_tokens_details: {
    reasoning_tokens: 0,
    audio_tokens: 0,
    accepted_prediction_tokens: 0,
    rejected_prediction_tokens: 0,
  },
};

const ID = `call_${"0".repeat(24)}`;

/** A choice with reasoning, then two calls. */
const CALLING: readonly GenerationEvent[] = [
  started(),
  { type: "reasoning", choice: 0, text: "Hm. " },
  { type: "reasoning", choice: 0, text: "So" },
  { type: "toolCall", choice: 0, index: 0, id: ID, name: "f" },
  { type: "toolArguments", choice: 0, index: 0, text: '{"a"' },
  { type: "toolArguments", choice: 0, index: 0, text: ":1}" },
  { type: "toolCall", choice: 0, index: 1, id: ID, name: "g" },
  { type: "toolArguments", choice: 0, index: 1, text: "{}" },
  { type: "finished", choice: 0, reason: "tool_calls", completionTokens: 9, reasoningTokens: 4 },
];

/** Two tokens with their log-probabilities; the text of the second is held back. */
const SCORED: readonly GenerationEvent[] = [
  {
    type: "text",
    choice: 0,
    text: "é",
    logprobs: [{ token: 1, bytes: [195, 169], logprob: -1, top: [{ token: 2, bytes: [97], logprob: -0.5 }] }],
  },
  { type: "text", choice: 0, text: "", logprobs: [{ token: 3, bytes: [195], logprob: -2, top: [] }] },
];

describe("a whole chat completion", () => {
  it("has OpenAI's form, with every choice's text and the total usage", async () => {
    const events = [
      started(),
      text(0, "Hel"),
      text(1, "Bon"),
      text(0, "lo"),
      finished(0),
      text(1, "jour"),
      finished(1, "length"),
    ];
    const completion = await encodeCompletion(newAnswer(MODEL, NOW, 2), play(events), createTally(2));
    expect(chatCompletion.parse(completion)).toMatchObject({
      created: NOW,
      model: "owner/repo:Q4_K_M",
      service_tier: "default",
      choices: [
        { index: 0, message: { role: "assistant", content: "Hello", refusal: null }, finish_reason: "stop" },
        { index: 1, message: { role: "assistant", content: "Bonjour", refusal: null }, finish_reason: "length" },
      ],
      usage: USAGE,
    });
  });

  it("has calls instead of content, and separate reasoning", async () => {
    const completion = await encodeCompletion(newAnswer(MODEL, NOW, 1), play(CALLING), createTally(1));
    expect(chatCompletion.parse(completion)).toMatchObject({
      choices: [
        {
          message: {
            content: null,
            reasoning_content: "Hm. So",
            tool_calls: [
              { id: ID, type: "function", function: { name: "f", arguments: '{"a":1}' } },
              { id: ID, type: "function", function: { name: "g", arguments: "{}" } },
            ],
          },
          finish_reason: "tool_calls",
        },
      ],
      usage: { completion_tokens: 9, completion_tokens_details: { reasoning_tokens: 4 } },
    });
  });

  it("has a call in the form of 2023 if the request had this form", async () => {
    const answer = newAnswer(MODEL, NOW, 1, { tellsFunctionCall: true });
    const completion = chatCompletion.parse(await encodeCompletion(answer, play(CALLING), createTally(1)));
    expect(completion.choices[0]).toMatchObject({
      message: { content: null, function_call: { name: "f", arguments: '{"a":1}' } },
      finish_reason: "function_call",
    });
    expect(completion.choices[0]?.message).not.toHaveProperty("tool_calls");
  });

  it("has the input of custom tools instead of arguments, with and without streaming", async () => {
    const events: GenerationEvent[] = [
      started(),
      { type: "toolCall", choice: 0, index: 0, id: ID, name: "f" },
      ...['{"in', 'put": "a\\', 'nb"}'].map(
        (json) => ({ type: "toolArguments", choice: 0, index: 0, text: json }) as const,
      ),
      { type: "toolCall", choice: 0, index: 1, id: ID, name: "g" },
      { type: "toolArguments", choice: 0, index: 1, text: "{}" },
      { type: "finished", choice: 0, reason: "tool_calls", completionTokens: 9 },
    ];
    const answer = newAnswer(MODEL, NOW, 1, { toolLabels: new Map([["f", { type: "custom", name: "f" }]]) });
    const completion = await encodeCompletion(answer, play(events), createTally(1));
    expect(chatCompletion.parse(completion).choices[0]?.message.tool_calls).toEqual([
      { id: ID, type: "custom", custom: { name: "f", input: "a\nb" } },
      { id: ID, type: "function", function: { name: "g", arguments: "{}" } },
    ]);
    const encoder = createChunkEncoder(answer, createTally(1), false);
    const stream = [encoder.open(), ...events.map((event) => encoder.encode(event)), encoder.close()].join("");
    expect(parseChunks(stream).flatMap(({ choices }) => choices[0]?.delta.tool_calls ?? [])).toEqual([
      { index: 0, id: ID, type: "custom", custom: { name: "f", input: "" } },
      { index: 0, custom: { input: "a" } },
      { index: 0, custom: { input: "\nb" } },
      { index: 1, id: ID, type: "function", function: { name: "g", arguments: "" } },
      { index: 1, function: { arguments: "{}" } },
    ]);
  });

  it("has log-probabilities, with the parts of a character as bytes", async () => {
    const events: GenerationEvent[] = [started(), ...SCORED, finished(0)];
    const completion = await encodeCompletion(newAnswer(MODEL, NOW, 1), play(events), createTally(1));
    const top_logprobs = [{ token: "a", logprob: -0.5, bytes: [97] }];
    expect(chatCompletion.parse(completion).choices[0]?.logprobs).toEqual({
      content: [
        { token: "é", logprob: -1, bytes: [195, 169], top_logprobs },
        { token: "\\xc3", logprob: -2, bytes: [195], top_logprobs: [] },
      ],
      refusal: null,
    });
  });

  it("fails if the generation was cut off", async () => {
    const completion = encodeCompletion(newAnswer(MODEL, NOW, 2), play([started(), finished(1)]), createTally(2));
    await expect(completion).rejects.toThrow("1 of 2 choices were unfinished");
  });
});

describe("an answer's ids", () => {
  it("are a new id, and a fingerprint that only depends on the model", () => {
    const [one, two] = [newAnswer(MODEL, NOW, 1), newAnswer(MODEL, NOW, 1)];
    expect(one.id).not.toBe(two.id);
    expect(one.systemFingerprint).toBe(two.systemFingerprint);
    const newer = newAnswer({ ...MODEL, createdUnixSeconds: MODEL.createdUnixSeconds + 1 }, NOW, 1);
    expect(newer.systemFingerprint).not.toBe(one.systemFingerprint);
  });
});

describe("a streamed chat completion", () => {
  it("begins each choice with its role, ends each with its reason, and ends with [DONE]", () => {
    const chunks = parseChunks(encodeStream([started(), text(0, "Hi"), finished(0, "length")], 1));
    expect(chunks.map((chunk) => chunk.choices)).toEqual([
      [{ index: 0, delta: { role: "assistant", content: "", refusal: null }, logprobs: null, finish_reason: null }],
      [{ index: 0, delta: { content: "Hi" }, logprobs: null, finish_reason: null }],
      [{ index: 0, delta: {}, logprobs: null, finish_reason: "length" }],
    ]);
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
    expect(chunks[0]).toMatchObject({ created: NOW, model: "owner/repo:Q4_K_M", service_tier: "default" });
  });

  it("has usage only on request, in a last chunk without choices", () => {
    const events = [started(), text(0, "Hi"), finished(0, "stop", 6)];
    for (const chunk of parseChunks(encodeStream(events, 1))) {
      expect(chunk).not.toHaveProperty("usage");
    }
    const chunks = parseChunks(encodeStream(events, 1, true));
    expect(chunks.pop()).toMatchObject({ choices: [], usage: USAGE });
    for (const chunk of chunks) {
      expect(chunk.usage).toBeNull();
    }
  });

  it("streams calls as OpenAI does: first the name, then the arguments in pieces", () => {
    const chunks = parseChunks(encodeStream(CALLING, 1, true));
    expect(chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta))).toEqual([
      { role: "assistant", content: "", refusal: null },
      { reasoning_content: "Hm. " },
      { reasoning_content: "So" },
      { tool_calls: [{ index: 0, id: ID, type: "function", function: { name: "f", arguments: "" } }] },
      { tool_calls: [{ index: 0, function: { arguments: '{"a"' } }] },
      { tool_calls: [{ index: 0, function: { arguments: ":1}" } }] },
      { tool_calls: [{ index: 1, id: ID, type: "function", function: { name: "g", arguments: "" } }] },
      { tool_calls: [{ index: 1, function: { arguments: "{}" } }] },
      {},
    ]);
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe("tool_calls");
    expect(chunks.at(-1)?.usage?.completion_tokens_details.reasoning_tokens).toBe(4);
  });

  it("streams a call in the form of 2023 if the request had this form", () => {
    const encoder = createChunkEncoder(newAnswer(MODEL, NOW, 1, { tellsFunctionCall: true }), createTally(1), false);
    const events = CALLING.filter((event) => !("index" in event && event.index > 0));
    const chunks = parseChunks([encoder.open(), ...events.map(encoder.encode), encoder.close()].join(""));
    const deltas = chunks.map(({ choices }) => choices[0]?.delta).filter((delta) => delta?.function_call !== undefined);
    expect(deltas).toEqual([
      { function_call: { name: "f", arguments: "" } },
      { function_call: { arguments: '{"a"' } },
      { function_call: { arguments: ":1}" } },
    ]);
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe("function_call");
  });

  it("streams log-probabilities with their tokens' text, also while the text is held back", () => {
    const chunks = parseChunks(encodeStream([started(), ...SCORED, finished(0)], 1));
    const scored = chunks.map(({ choices }) => choices[0]).filter((choice) => choice?.logprobs !== null);
    expect(
      scored.map((choice) => [choice?.delta.content, choice?.logprobs?.content?.map(({ token }) => token)]),
    ).toEqual([
      ["é", ["é"]],
      ["", ["\\xc3"]],
    ]);
  });

  it("sends nothing for an event without text", () => {
    expect(parseChunks(encodeStream([started(), text(0, ""), finished(0)], 1))).toHaveLength(2);
  });

  it("doesn't look complete if the generation was cut off", () => {
    expect(() => encodeStream([started(), text(0, "Hi")], 1)).toThrow("1 of 1 choices were unfinished");
  });

  it("ends with an error in OpenAI's form if it fails", () => {
    const encoder = createChunkEncoder(newAnswer(MODEL, NOW, 1), createTally(1), false);
    const failure = { message: "The engine died.", type: "server_error", param: null, code: "engine_crashed" } as const;
    const [frame = ""] = parseFrames(encoder.fail(failure));
    expect(errorSchema.parse(JSON.parse(frame))).toEqual({ error: failure });
  });

  it("preserves every choice's text exactly, whatever characters it has and however it is cut", () => {
    // Any UTF-16 units, so that characters are also cut in the middle.
    const content = fc.array(fc.nat({ max: 0xffff }), { maxLength: 8 }).map((units) => String.fromCharCode(...units));
    const piece = fc.record({ choice: fc.nat({ max: 2 }), content });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const events = pieces.map((one) => text(one.choice, one.content));
        const chunks = parseChunks(encodeStream([started(), ...events, finished(0), finished(1), finished(2)], 3));
        for (const choice of [0, 1, 2]) {
          const expected = pieces.filter((other) => other.choice === choice).map((other) => other.content);
          expect(textOf(chunks, choice)).toBe(expected.join(""));
        }
      }),
      { numRuns: 50 },
    );
  });
});
