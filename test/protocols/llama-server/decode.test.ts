import { describe, expect, it } from "vitest";
import { InvalidRequestError } from "../../../src/protocols/errors.ts";
import { decodeInfill, decodeNativeCompletion } from "../../../src/protocols/llama-server/decode.ts";

type Fields = Readonly<Record<string, unknown>>;

const decode = (fields: Fields) => decodeNativeCompletion({ prompt: "Hi", ...fields });
const samplingOf = (fields: Fields) => decode(fields).wish.sampling;

function refusal(fields: Fields, read: (body: unknown) => unknown = decodeNativeCompletion): InvalidRequestError {
  try {
    read({ prompt: "Hi", ...fields });
  } catch (error) {
    if (error instanceof InvalidRequestError) return error;
    throw error;
  }
  throw new Error(`It accepted ${JSON.stringify(fields)}.`);
}

describe("a prompt of llama-server's", () => {
  it.each<[prompt: unknown, prompts: readonly unknown[]]>([
    ["Hi", [{ type: "text", text: "Hi" }]],
    [undefined, [{ type: "text", text: "" }]],
    [[1, 2], [{ type: "tokens", tokens: [1, 2] }]],
    [
      ["a", "b"],
      [
        { type: "text", text: "a" },
        { type: "text", text: "b" },
      ],
    ],
    [[1, 2, "a", 3], [{ type: "mixed", parts: [[1, 2], "a", [3]] }]],
    [["a", 3], [{ type: "mixed", parts: ["a", [3]] }]],
    [
      [[1, "a"], [2], "b"],
      [
        { type: "mixed", parts: [[1], "a"] },
        { type: "tokens", tokens: [2] },
        { type: "text", text: "b" },
      ],
    ],
    [{ prompt_string: "a", multimodal_data: [] }, [{ type: "text", text: "a" }]],
    [[{ prompt_string: "a" }], [{ type: "text", text: "a" }]],
  ])("is decoded in each of its forms: %j", (prompt, prompts) => {
    expect(decodeNativeCompletion({ prompt }).prompts).toEqual(prompts);
  });

  it.each<[prompt: unknown]>([
    [[]],
    [[[]]],
    [[1, null]],
    [[-1]],
    [[1.5, "a"]],
    [true],
    [{ prompt_string: "a", multimodal_data: ["aGk="] }],
    [[1, ["a"]]],
    [Array.from({ length: 129 }, () => "a")],
    [Array.from({ length: 100 }, () => Array.from({ length: 12 }, (_, index) => (index % 2 === 0 ? 1 : "a")))],
  ])("is refused by name if it is invalid: %j", (prompt) => {
    expect(refusal({ prompt }).param).toMatch(/^prompt/);
  });
});

describe("a request of llama-server's", () => {
  it("has llama-server's defaults, and as many tokens as fit", () => {
    const { wish, lines, probabilities } = decode({});
    expect(wish).toEqual({ sampling: { temperature: 0.8, topK: 40, topP: 0.95, minP: 0.05 } });
    expect(lines).toEqual({ indent: 0, maxMs: 0 });
    expect(probabilities).toBeUndefined();
  });

  it.each<[fields: Fields, sampling: object]>([
    [{ temperature: -1 }, { temperature: 0 }],
    [{ temperature: 5 }, { temperature: 5 }],
    [
      { repeat_penalty: 1.1, repeat_last_n: 64 },
      { repeatPenalty: 1.1, repeatLastTokens: 64 },
    ],
    [{ ignore_eos: true }, { ignoresEnd: true }],
    [{ seed: 7 }, { seed: 7 }],
    [{ logit_bias: [[5, false]] }, { logitBias: [[5, -100]] }],
    [{ logit_bias: { "5": 1.5 } }, { logitBias: [[5, 1.5]] }],
  ])("sets the sampling: %j", (fields, sampling) => {
    expect(samplingOf(fields)).toMatchObject(sampling);
  });

  it.each([-1, 4_294_967_295])("uses a random seed for %d", (seed) => {
    expect(samplingOf({ seed })).not.toHaveProperty("seed");
  });

  it("has biases for texts, whose tokens only the model knows", () => {
    expect(
      decode({
        logit_bias: [
          ["Hello", -0.5],
          ["12", 1],
          [3, 2],
        ],
      }).textBiases,
    ).toEqual([
      ["Hello", -0.5],
      ["12", 1],
    ]);
    expect(decode({ logit_bias: { "12": 1, Hello: false } })).toMatchObject({
      textBiases: [["Hello", -100]],
      wish: { sampling: { logitBias: [[12, 1]] } },
    });
  });

  it.each<[fields: Fields, maxTokens: unknown]>([
    [{ n_predict: 9 }, 9],
    [{ n_predict: 0 }, 0],
    [{ n_predict: -1 }, null],
    [{ max_tokens: 9 }, 9],
    [{ max_tokens: 9, n_predict: 9 }, 9],
  ])("limits its answer: %j", (fields, maxTokens) => {
    expect(decode(fields).wish.maxTokens).toBe(maxTokens);
  });

  it("sets the content of its answer", () => {
    expect(decode({ n_probs: 3, return_tokens: true, response_fields: ["content"] })).toMatchObject({
      wish: { logprobs: 3 },
      probabilities: 3,
      returnTokens: true,
      fields: ["content"],
    });
    expect(decode({ return_tokens: true }).wish.logprobs).toBe(0);
  });

  it("constrains its answer to a schema or a grammar", () => {
    expect(decode({ json_schema: { type: "object" } }).wish.output).toMatchObject({ type: "schema" });
    expect(decode({ grammar: 'root ::= "a"' }).wish.output).toMatchObject({ type: "grammar" });
    expect(decode({ grammar: "" }).wish).not.toHaveProperty("output.type");
  });

  it.each<[name: string, value: unknown]>([
    ["mirostat", 2],
    ["typical_p", 0.5],
    ["dynatemp_range", 1],
    ["dry_multiplier", 0.8],
    ["min_keep", 3],
    ["lora", [{ id: 0, scale: 0.5 }]],
    ["post_sampling_probs", true],
    ["messages", [{ role: "user", content: "Hi" }]],
    ["n_probs", -1],
    ["n_indent", 1.5],
    ["samplers", [1]],
    ["response_fields", "content"],
    ["logit_bias", [[5]]],
    ["n_cmpl", 0],
  ])("is refused by the name of an unsupported field: %s", (name, value) => {
    expect(refusal({ [name]: value }).param).toMatch(new RegExp(`^${name}`));
  });

  it("accepts settings that are off, and settings of llama-server's internals", () => {
    const off = {
      mirostat: 0,
      mirostat_tau: 5,
      typical_p: 1,
      dynatemp_range: 0,
      dry_multiplier: 0,
      dry_base: 1.75,
      min_keep: 0,
    };
    const inside = {
      id_slot: 0,
      cache_prompt: true,
      n_keep: 0,
      t_max_prompt_ms: 500,
      timings_per_token: true,
      lora: [],
    };
    expect(decode({ ...off, ...inside, n_probs: 0, samplers: null })).toEqual(decode({}));
  });

  it("is refused if its prompts would have too many answers", () => {
    expect(refusal({ prompt: ["a", "b"], n_cmpl: 65 }).param).toBe("prompt");
  });
});

/** SillyTavern's request to llama.cpp with its default settings. */
const SILLY_TAVERN = {
  ...{ prompt: "Hi", max_new_tokens: 350, max_tokens: 350, n_predict: 350, num_predict: 350, num_ctx: 4_096 },
  ...{ logprobs: 10, n_probs: 10, temperature: 0.7, top_p: 0.5, top_k: 40, top_a: 0, min_p: 0, tfs: 1, tfs_z: 1 },
  ...{ typical_p: 1, typical: 1, skew: 0, min_tokens: 0, add_bos_token: true, seed: -1, sampler_seed: -1 },
  ...{ rep_pen: 1.2, rep_pen_range: 0, repetition_penalty: 1.2, repetition_penalty_range: 0, repeat_penalty: 1.2 },
  ...{ repeat_last_n: 0, rep_pen_slope: 1, frequency_penalty: 0, presence_penalty: 0, smoothing_factor: 0 },
  ...{ smoothing_curve: 1, dry_allowed_length: 2, dry_multiplier: 0, dry_base: 1.75, dry_penalty_last_n: 0 },
  ...{ dry_sequence_breakers: ["\n", ":", '"', "*"], xtc_threshold: 0.1, xtc_probability: 0, max_tokens_second: 0 },
  samplers: ["penalties", "dry", "top_n_sigma", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature", "adaptive_p"],
  ...{
    stopping_strings: ["\nYou:"],
    stop: ["\nYou:"],
    truncation_length: 4_096,
    ban_eos_token: false,
    ignore_eos: false,
  },
  ...{
    skip_special_tokens: true,
    mirostat: 0,
    mirostat_mode: 0,
    mirostat_tau: 5,
    mirostat_eta: 0.1,
    guidance_scale: 1,
  },
  ...{
    negative_prompt: "",
    grammar_string: "",
    grammar: "",
    custom_token_bans: "",
    banned_strings: [],
    logit_bias: [],
  },
  ...{ api_type: "llamacpp", api_server: "http://127.0.0.1:8080", cache_prompt: true, stream: true },
};

describe("what SillyTavern sends", () => {
  it("is decoded", () => {
    expect(decodeNativeCompletion(SILLY_TAVERN)).toMatchObject({
      stream: true,
      probabilities: 10,
      wish: {
        maxTokens: 350,
        stop: ["\nYou:"],
        sampling: { temperature: 0.7, topP: 0.5, topK: 40, minP: 0, repeatPenalty: 1.2, repeatLastTokens: 0 },
      },
    });
  });
});

describe("the samplers of a request", () => {
  it("are off if they are not named", () => {
    expect(
      samplingOf({ top_k: 40, top_p: 0.99, repeat_penalty: 1.2, samplers: ["top_k", "top_p", "infill"] }),
    ).toMatchObject({
      topK: 40,
      topP: 0.99,
      minP: 0,
      temperature: 1,
      repeatPenalty: 1,
    });
  });

  it("may be named by letters", () => {
    expect(samplingOf({ samplers: "kt" })).toMatchObject({ topK: 40, topP: 1, minP: 0, temperature: 0.8 });
    expect(samplingOf({ samplers: [] })).toMatchObject({ topK: 0, topP: 1, minP: 0, temperature: 1 });
  });

  it("are refused if the temperature comes before a sampler whose result it would change", () => {
    expect(refusal({ samplers: ["temperature", "top_p"] }).param).toBe("samplers");
    expect(refusal({ samplers: "tm" }).param).toBe("samplers");
    expect(samplingOf({ samplers: ["temperature", "top_k"] })).toMatchObject({ temperature: 0.8 });
    expect(samplingOf({ samplers: ["temperature", "top_p"], temperature: 0 })).toMatchObject({ temperature: 0 });
  });
});

describe("a request to fill in the middle", () => {
  it("has the text around the gap, and parts of other files", () => {
    const { prompts } = decodeInfill({
      input_prefix: "def ",
      input_suffix: "\n",
      prompt: "add",
      input_extra: [{ filename: "a.py", text: "x", time: [1, 2] }, { text: "y" }],
    });
    expect(prompts).toEqual([
      {
        type: "infill",
        prefix: "def add",
        suffix: "\n",
        files: [
          { name: "a.py", text: "x" },
          { name: "tmp", text: "y" },
        ],
      },
    ]);
  });

  it("may omit any field", () => {
    expect(decodeInfill({}).prompts).toEqual([{ type: "infill", prefix: "", suffix: "", files: [] }]);
  });

  it.each<[name: string, value: unknown]>([
    ["input_prefix", 1],
    ["input_suffix", ["a"]],
    ["input_extra", [{ text: 1 }]],
    ["input_extra", "a"],
    ["prompt", [1]],
  ])("is refused by the name of a malformed field: %s, %j", (name, value) => {
    expect(refusal({ [name]: value }, decodeInfill).param).toMatch(new RegExp(`^${name}`));
  });
});
