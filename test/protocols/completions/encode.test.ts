import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { GenerationEvent, SampledLogprob } from "../../../src/generation/event.ts";
import {
  type Asked,
  createChunkEncoder,
  encodeCompletion,
  newAnswer,
} from "../../../src/protocols/completions/encode.ts";
import { error as errorSchema } from "../../../src/protocols/openai-responses.ts";
import { createTally } from "../../../src/protocols/tally.ts";
import { completion } from "../../fixtures/openai/completions.ts";
import { parseCompletionChunks, parseFrames } from "../../http/support.ts";

const MODEL = { id: "owner/repo:Q4_K_M", createdUnixSeconds: 1_730_000_000 };
const NOW = 1_760_000_000;
const ASKED: Asked = {
  promptTexts: ["Once"],
  echo: false,
  generated: 1,
  returned: 1,
  logprobs: undefined,
  promptLogprobs: false,
};

function started(): GenerationEvent {
  return { type: "started", promptTokens: 6, cachedTokens: 2 };
}

function text(choice: number, content: string, logprobs?: readonly SampledLogprob[]): GenerationEvent {
  return { type: "text", choice, text: content, ...(logprobs !== undefined && { logprobs }) };
}

function finished(choice: number, reason: "stop" | "length" = "stop"): GenerationEvent {
  return { type: "finished", choice, reason, completionTokens: 3 };
}

/** A token with its log-probability, and its alternatives. */
function sampled(
  content: string | readonly number[],
  logprob: number,
  top: readonly (readonly [string, number])[] = [],
): SampledLogprob {
  const bytes = typeof content === "string" ? Array.from(new TextEncoder().encode(content)) : content;
  return {
    token: 7,
    bytes,
    logprob,
    top: top.map(([other, its]) => ({ token: 8, bytes: Array.from(new TextEncoder().encode(other)), logprob: its })),
  };
}

async function* play(events: readonly GenerationEvent[]) {
  yield* events;
}

async function encodeWhole(events: readonly GenerationEvent[], asked: Partial<Asked> = {}) {
  const all = { ...ASKED, ...asked };
  const tally = createTally(all.promptTexts.length * all.generated);
  return completion.parse(await encodeCompletion(newAnswer(MODEL, NOW), play(events), tally, all));
}

function encodeStream(events: readonly GenerationEvent[], asked: Partial<Asked> = {}, includeUsage = false) {
  const all = { ...ASKED, ...asked };
  const tally = createTally(all.promptTexts.length * all.generated);
  const encoder = createChunkEncoder(newAnswer(MODEL, NOW), tally, includeUsage, all);
  const frames = [encoder.open(), ...events.map((event) => encoder.encode(event)), encoder.close()];
  return parseCompletionChunks(frames.join(""));
}

const TWO_PROMPTS = { promptTexts: ["A", "B"], generated: 2, returned: 2 };
const OF_TWO_PROMPTS = [
  started(),
  text(2, "b1"),
  started(),
  text(0, "a1"),
  finished(2),
  text(1, "a2"),
  finished(0),
  finished(1, "length"),
  text(3, "b2"),
  finished(3),
];
const USAGE_OF_TWO_PROMPTS = {
  prompt_tokens: 12,
  completion_tokens: 12,
  total_tokens: 24,
  prompt_tokens_details: { cached_tokens: 4, audio_tokens: 0 },
};

describe("a whole completion", () => {
  it("has OpenAI's form, with the choices in the order of the prompts and the total usage", async () => {
    expect(await encodeWhole(OF_TWO_PROMPTS, TWO_PROMPTS)).toMatchObject({
      object: "text_completion",
      created: NOW,
      model: "owner/repo:Q4_K_M",
      choices: [
        { index: 0, text: "a1", logprobs: null, finish_reason: "stop" },
        { index: 1, text: "a2", logprobs: null, finish_reason: "length" },
        { index: 2, text: "b1", logprobs: null, finish_reason: "stop" },
        { index: 3, text: "b2", logprobs: null, finish_reason: "stop" },
      ],
      usage: USAGE_OF_TWO_PROMPTS,
    });
  });

  it("begins each choice with its prompt with echo", async () => {
    const { choices } = await encodeWhole(OF_TWO_PROMPTS, { ...TWO_PROMPTS, echo: true });
    expect(choices.map((choice) => choice.text)).toEqual(["Aa1", "Aa2", "Bb1", "Bb2"]);
  });

  it("has the best choices of each prompt by mean log-probability, best first, and the total usage", async () => {
    const events = [
      started(),
      text(0, "long but dull", [sampled("long", -1), sampled(" but", -1), sampled(" dull", -1)]),
      text(1, "good", [sampled("good", -0.1)]),
      text(2, "fair", [sampled("fair", -0.5)]),
      ...[0, 1, 2, 3].map((choice) => finished(choice)),
    ];
    const { choices, usage } = await encodeWhole(events, { generated: 4, returned: 2 });
    expect(choices).toMatchObject([
      { index: 0, text: "good", logprobs: null },
      { index: 1, text: "fair", logprobs: null },
    ]);
    expect(usage.completion_tokens).toBe(12);
  });

  it("fails if the generation was cut off", async () => {
    await expect(encodeWhole([started(), finished(0)], TWO_PROMPTS)).rejects.toThrow("3 of 4 choices were unfinished");
  });
});

describe("log-probabilities in the legacy form", () => {
  it("include the sampled token and the most likely ones, and begin after the prompt", async () => {
    const events = [
      started(),
      text(0, " upon", [
        sampled(" upon", -0.5, [
          [" upon", -0.5],
          [" a", -1.5],
        ]),
      ]),
      text(0, " me", [
        sampled(" me", -4, [
          [" a", -0.2],
          [" the", -2],
        ]),
      ]),
      finished(0),
    ];
    const { choices } = await encodeWhole(events, { logprobs: 5 });
    expect(choices[0]?.logprobs).toEqual({
      tokens: [" upon", " me"],
      token_logprobs: [-0.5, -4],
      top_logprobs: [
        { " upon": -0.5, " a": -1.5 },
        { " a": -0.2, " the": -2, " me": -4 },
      ],
      text_offset: [4, 9],
    });
  });

  it("show a part of a character as bytes, at the character's offset", async () => {
    const events = [
      started(),
      text(0, "é😀!", [sampled("é", -1), sampled([0xf0, 0x9f], -2), sampled([0x98, 0x80], -3), sampled("!", -4)]),
      finished(0),
    ];
    const { choices } = await encodeWhole(events, { promptTexts: ["😀"], logprobs: 5 });
    expect(choices[0]?.logprobs).toMatchObject({
      tokens: ["é", "bytes:\\xf0\\x9f", "bytes:\\x98\\x80", "!"],
      text_offset: [1, 2, 2, 3],
    });
  });

  it("are the same with and without streaming, however the tokens are grouped", async () => {
    const token = fc.record({
      bytes: fc.array(fc.nat(255), { minLength: 1, maxLength: 3 }),
      // JSON can't hold −0.
      logprob: fc.double({ min: -20, max: 0, noNaN: true }).map((value) => value + 0),
    });
    const pieces = fc.array(fc.array(token, { maxLength: 3 }), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(pieces, async (joined) => {
        const events = [
          started(),
          ...joined.map((tokens) =>
            text(
              0,
              "x",
              tokens.map(({ bytes, logprob }) => sampled(bytes, logprob)),
            ),
          ),
          finished(0),
        ];
        const whole = (await encodeWhole(events, { logprobs: 5 })).choices[0]?.logprobs;
        const chunks = encodeStream(events, { logprobs: 5 }).map((chunk) => chunk.choices[0]?.logprobs);
        for (const list of ["tokens", "token_logprobs", "text_offset"] as const) {
          expect(chunks.flatMap((logprobs): unknown[] => logprobs?.[list] ?? [])).toEqual(whole?.[list]);
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe("a streamed completion", () => {
  it("interleaves the choices, ends each with its reason, and ends with [DONE]", () => {
    const chunks = encodeStream(OF_TWO_PROMPTS, TWO_PROMPTS);
    expect(chunks.map((chunk) => chunk.choices.map((each) => [each.index, each.text, each.finish_reason]))).toEqual([
      [[2, "b1", null]],
      [[0, "a1", null]],
      [[2, "", "stop"]],
      [[1, "a2", null]],
      [[0, "", "stop"]],
      [[1, "", "length"]],
      [[3, "b2", null]],
      [[3, "", "stop"]],
    ]);
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
  });

  it("begins with the prompts with echo", () => {
    const chunks = encodeStream(OF_TWO_PROMPTS, { ...TWO_PROMPTS, echo: true });
    expect(chunks.slice(0, 4).map((chunk) => chunk.choices[0]?.text)).toEqual(["A", "A", "B", "B"]);
  });

  it("has usage only on request, in a last chunk without choices", () => {
    for (const chunk of encodeStream(OF_TWO_PROMPTS, TWO_PROMPTS)) expect(chunk).not.toHaveProperty("usage");
    const chunks = encodeStream(OF_TWO_PROMPTS, TWO_PROMPTS, true);
    expect(chunks.pop()).toMatchObject({ choices: [], usage: USAGE_OF_TWO_PROMPTS });
    for (const chunk of chunks) expect(chunk.usage).toBeNull();
  });

  it("sends nothing for an event without text", () => {
    expect(encodeStream([started(), text(0, ""), finished(0)])).toHaveLength(1);
  });

  it("doesn't look complete if the generation was cut off", () => {
    expect(() => encodeStream([started(), text(0, "Hi")])).toThrow("1 of 1 choices were unfinished");
  });

  it("ends with an error in OpenAI's form if it fails", () => {
    const encoder = createChunkEncoder(newAnswer(MODEL, NOW), createTally(1), false, ASKED);
    const failure = { message: "The engine died.", type: "server_error", param: null, code: "engine_crashed" } as const;
    const [frame = ""] = parseFrames(encoder.fail(failure));
    expect(errorSchema.parse(JSON.parse(frame))).toEqual({ error: failure });
  });
});
