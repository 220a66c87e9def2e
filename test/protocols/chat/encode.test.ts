import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { GenerationEvent } from "../../../src/generation/event.ts";
import { createChunkEncoder, encodeCompletion, newAnswer } from "../../../src/protocols/chat/encode.ts";
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

describe("a whole chat completion", () => {
  it("has OpenAI's form, with every choice's text and the usage of all", async () => {
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

  it("is not made of a generation that stopped coming", async () => {
    const completion = encodeCompletion(newAnswer(MODEL, NOW, 2), play([started(), finished(1)]), createTally(2));
    await expect(completion).rejects.toThrow("1 of 2 choices were unfinished");
  });
});

describe("an answer's names", () => {
  it("are its own id, and the same fingerprint as long as the model is the same", () => {
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

  it("has no usage unless it was asked for, and then in a last chunk without choices", () => {
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

  it("sends nothing for an event without text", () => {
    expect(parseChunks(encodeStream([started(), text(0, ""), finished(0)], 1))).toHaveLength(2);
  });

  it("does not end as if it were whole when the generation stopped coming", () => {
    expect(() => encodeStream([started(), text(0, "Hi")], 1)).toThrow("1 of 1 choices were unfinished");
  });

  it("says why it breaks off in OpenAI's form", () => {
    const encoder = createChunkEncoder(newAnswer(MODEL, NOW, 1), createTally(1), false);
    const failure = { message: "The engine died.", type: "server_error", param: null, code: "engine_crashed" } as const;
    const [frame = ""] = parseFrames(encoder.fail(failure));
    expect(errorSchema.parse(JSON.parse(frame))).toEqual({ error: failure });
  });

  it("gives back every choice's text exactly, whatever characters it has and however it is cut", () => {
    // Any UTF-16 unit, so that characters are cut in the middle too.
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
