import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PLAIN_SAMPLING } from "../../../src/generation/sampling.ts";
import { withDefaults } from "../../../src/generation/wish.ts";
import { COMPLETION_DEFAULTS, decodeCompletionRequest } from "../../../src/protocols/completions/decode.ts";
import { InvalidRequestError } from "../../../src/protocols/errors.ts";

/** Decodes a valid request with `fields`. */
function decode(fields: Readonly<Record<string, unknown>>) {
  const { wish, ...rest } = decodeCompletionRequest({ model: "one", prompt: "Once", ...fields });
  const { said, ...generation } = withDefaults(wish, undefined, COMPLETION_DEFAULTS);
  return { ...rest, generation };
}

/** The error for a request with `fields`. */
function refusal(fields: Readonly<Record<string, unknown>>) {
  try {
    decode(fields);
  } catch (error) {
    if (error instanceof InvalidRequestError) {
      return { param: error.param, code: error.code, message: error.message };
    }
    throw error;
  }
  throw new Error("The request was accepted.");
}

describe("a completion request", () => {
  it("has OpenAI's defaults, and llama.cpp's samplers off", () => {
    expect(decode({})).toEqual({
      model: "one",
      stream: false,
      includeUsage: false,
      prompts: [{ type: "text", text: "Once" }],
      echo: false,
      returned: 1,
      logprobs: undefined,
      generation: {
        choices: 1,
        maxTokens: 16,
        stop: [],
        sampling: PLAIN_SAMPLING,
      },
    });
  });

  it("passes every setting to the generation", () => {
    const completion = decode({
      stream: true,
      stream_options: { include_usage: true },
      n: 3,
      logprobs: 5,
      max_tokens: 50,
      stop: ["\n", "END"],
      temperature: 0.5,
      top_p: 0.9,
      top_k: 40,
      min_p: 0.05,
      repeat_penalty: 1.1,
      presence_penalty: -2,
      frequency_penalty: 2,
      logit_bias: { "50256": -100 },
      seed: 42,
      user: "u",
    });
    expect(completion).toMatchObject({ stream: true, includeUsage: true, returned: 3, logprobs: 5 });
    expect(completion.generation).toEqual({
      choices: 3,
      logprobs: 5,
      maxTokens: 50,
      stop: ["\n", "END"],
      sampling: {
        ...PLAIN_SAMPLING,
        temperature: 0.5,
        topP: 0.9,
        topK: 40,
        minP: 0.05,
        repeatPenalty: 1.1,
        presencePenalty: -2,
        frequencyPenalty: 2,
        logitBias: [[50256, -100]],
        seed: 42,
      },
    });
  });

  it("treats null as absent in every optional field", () => {
    const fields = [
      ..."suffix echo n best_of logprobs max_tokens stream stream_options stop temperature top_p user".split(" "),
      ..."presence_penalty frequency_penalty logit_bias seed top_k min_p repeat_penalty".split(" "),
    ];
    expect(decode(Object.fromEntries(fields.map((field) => [field, null])))).toEqual(decode({}));
  });

  it("ignores unknown fields", () => {
    expect(decode({ some_future_field: { deep: [1] } })).toEqual(decode({}));
  });

  it.each([
    ["a text", "Once", [{ type: "text", text: "Once" }]],
    [
      "a list of texts",
      ["Once", ""],
      [
        { type: "text", text: "Once" },
        { type: "text", text: "" },
      ],
    ],
    ["a list of token ids", [1, 0, 2 ** 31 - 1], [{ type: "tokens", tokens: [1, 0, 2 ** 31 - 1] }]],
    [
      "a list of lists of token ids",
      [[1, 2], [3]],
      [
        { type: "tokens", tokens: [1, 2] },
        { type: "tokens", tokens: [3] },
      ],
    ],
    ["nothing, for the beginning of a document", undefined, [{ type: "text", text: "" }]],
    ["null, for the same", null, [{ type: "text", text: "" }]],
    ["a text with half a character", "a\ud800b", [{ type: "text", text: "a\ufffdb" }]],
  ])("can have as its prompt %s", (_, prompt, prompts) => {
    expect(decode({ prompt }).prompts).toEqual(prompts);
  });

  it("begins a document if there is no prompt", () => {
    expect(decodeCompletionRequest({ model: "one" }).prompts).toEqual([{ type: "text", text: "" }]);
  });

  it("fills in the text between a prompt and its suffix", () => {
    expect(decode({ prompt: ["a", "b"], suffix: "z" }).prompts).toEqual([
      { type: "infill", prefix: "a", suffix: "z" },
      { type: "infill", prefix: "b", suffix: "z" },
    ]);
  });

  it("treats an empty suffix as none", () => {
    expect(decode({ suffix: "" }).prompts).toEqual([{ type: "text", text: "Once" }]);
  });

  it.each([
    [{ response_format: { type: "json_object" } }, { type: "json" }],
    [{ regex: "[a-z]+" }, { type: "regex", pattern: "[a-z]+" }],
    [{ grammar: 'root ::= "a"' }, { type: "grammar", grammar: { gbnf: 'root ::= "a"' } }],
    [{ response_format: { type: "text" }, grammar: null }, undefined],
  ])("can have a format: %j", (fields, output) => {
    expect(decode(fields).generation.output).toEqual(output);
  });

  it("generates best_of choices, with the log-probabilities to rank them", () => {
    const { generation, returned, logprobs } = decode({ n: 2, best_of: 5 });
    expect({ choices: generation.choices, asked: generation.logprobs, returned, logprobs }).toEqual({
      choices: 5,
      asked: 0,
      returned: 2,
      logprobs: undefined,
    });
    expect(decode({ n: 2, best_of: 2 }).generation.logprobs).toBeUndefined();
    expect(decode({ best_of: 3, logprobs: 4 }).generation.logprobs).toBe(4);
  });

  it("is decoded or refused with a field's name, whatever JSON it is", () => {
    const fields = fc.constantFrom(
      ..."model prompt suffix echo n best_of logprobs max_tokens stream stream_options stop seed logit_bias".split(" "),
    );
    const prompt = fc.oneof(fc.array(fc.oneof(fc.nat(), fc.string(), fc.array(fc.integer()))), fc.string());
    const value = fc.oneof(fc.jsonValue(), prompt, fc.double(), fc.boolean(), fc.nat(9));
    fc.assert(
      fc.property(fc.dictionary(fields, value), (body) => {
        try {
          decodeCompletionRequest({ model: "one", ...body });
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidRequestError);
          expect(error).toMatchObject({ param: expect.any(String), message: expect.stringContaining("'") });
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe("an invalid completion request", () => {
  const A_PROMPT = "one of a string, array of strings, array of integers, or array of arrays of integers";
  it.each([
    [{ prompt: 5 }, "prompt", "invalid_type", `'prompt': expected ${A_PROMPT}, but got an integer instead.`],
    [{ prompt: { a: 1 } }, "prompt", "invalid_type", `expected ${A_PROMPT}, but got an object instead.`],
    [{ prompt: [] }, "prompt", "empty_array", "Expected an array with minimum length 1, but got an empty array"],
    [{ prompt: [[]] }, "prompt[0]", "empty_array", "Invalid 'prompt[0]': empty array."],
    [{ prompt: ["a", 5] }, "prompt[1]", "invalid_type", "expected a string, but got an integer instead."],
    [{ prompt: [5, "a"] }, "prompt[1]", "invalid_type", "expected an integer, but got a string instead."],
    [{ prompt: [1.5] }, "prompt[0]", "invalid_type", "expected an integer, but got a decimal number instead."],
    [{ prompt: [5, -1] }, "prompt[1]", "integer_below_min_value", "Expected a value >= 0, but got -1 instead"],
    [{ prompt: [2 ** 31] }, "prompt[0]", "integer_above_max_value", "Expected a value <= 2147483647"],
    [{ prompt: [[1], "a"] }, "prompt[1]", "invalid_type", "expected an array of integers, but got a string instead."],
    [{ prompt: [[1, null]] }, "prompt[0][1]", "invalid_type", "expected an integer, but got null instead."],
    [{ prompt: Array(129).fill("a") }, "prompt", "array_above_max_length", "maximum length 128"],
    [{ prompt: Array(262_145).fill(1) }, "prompt", "array_above_max_length", "maximum length 262144"],
    [{ logprobs: 6 }, "logprobs", "integer_above_max_value", "Expected a value <= 5, but got 6 instead."],
    [{ logprobs: true }, "logprobs", "invalid_type", "expected an integer, but got a boolean instead."],
    [{ max_tokens: -2 }, "max_tokens", "integer_below_min_value", "Expected a value >= -1, but got -2 instead."],
    [{ best_of: 21 }, "best_of", "integer_above_max_value", "Expected a value <= 20"],
    [
      { n: 3, best_of: 2 },
      "best_of",
      "invalid_parameter_combination",
      "return more choices than it will generate (HINT: you must set 'n' (currently 3) to be at most 'best_of' (currently 2)",
    ],
    [{ best_of: 2, stream: true }, "best_of", "invalid_parameter_combination", "Results can't be streamed"],
    [{ grammar: 'root ::= "a"', regex: "a" }, "regex", "invalid_parameter_combination", "at the same time"],
    [{ prompt: [1], suffix: "z" }, "suffix", "invalid_parameter_combination", "needs text prompts"],
    [
      { prompt: Array(65).fill("a"), n: 2 },
      "prompt",
      "invalid_parameter_combination",
      "65 prompts with 2 choices each are 130 choices",
    ],
    [{ stream_options: {} }, "stream_options", null, "only allowed when 'stream' is enabled"],
  ])("is refused by the field's name: %j", (fields, param, code, words) => {
    expect(refusal(fields)).toEqual({ param, code, message: expect.stringContaining(words) });
  });
});
