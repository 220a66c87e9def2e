import { describe, expect, it } from "vitest";
import { MESSAGES, refusal, toldOf } from "./support.ts";

/** Invalid fields, with the expected param, code and message. */
const WRONG: readonly [Record<string, unknown>, string | null, string | null, string][] = [
  [{ model: 5 }, "model", "invalid_type", "Invalid type for 'model': expected a string, but got an integer instead."],
  [
    { temperature: "hot" },
    "temperature",
    "invalid_type",
    "Invalid type for 'temperature': expected a decimal, but got a string instead.",
  ],
  [
    { temperature: 3 },
    "temperature",
    "decimal_above_max_value",
    "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 3 instead.",
  ],
  [
    { temperature: -0.1 },
    "temperature",
    "decimal_below_min_value",
    "Invalid 'temperature': decimal below minimum value. Expected a value >= 0, but got -0.1 instead.",
  ],
  [
    { temperature: Number.POSITIVE_INFINITY },
    "temperature",
    "invalid_type",
    "Invalid type for 'temperature': expected a decimal, but got a number that is too large instead.",
  ],
  [
    { top_p: 1.1 },
    "top_p",
    "decimal_above_max_value",
    "Invalid 'top_p': decimal above maximum value. Expected a value <= 1, but got 1.1 instead.",
  ],
  [
    { n: 0 },
    "n",
    "integer_below_min_value",
    "Invalid 'n': integer below minimum value. Expected a value >= 1, but got 0 instead.",
  ],
  [
    { n: 130 },
    "n",
    "integer_above_max_value",
    "Invalid 'n': integer above maximum value. Expected a value <= 128, but got 130 instead.",
  ],
  [{ n: 1.5 }, "n", "invalid_type", "Invalid type for 'n': expected an integer, but got a decimal number instead."],
  [
    { max_tokens: 0 },
    "max_tokens",
    "integer_below_min_value",
    "Invalid 'max_tokens': integer below minimum value. Expected a value >= 1, but got 0 instead.",
  ],
  [
    { max_tokens: 1, max_completion_tokens: 2 },
    "max_tokens",
    "invalid_parameter_combination",
    "Setting 'max_tokens' and 'max_completion_tokens' to different values is not supported. Send only 'max_completion_tokens'.",
  ],
  [
    { presence_penalty: 2.5 },
    "presence_penalty",
    "decimal_above_max_value",
    "Invalid 'presence_penalty': decimal above maximum value. Expected a value <= 2, but got 2.5 instead.",
  ],
  [
    { repeat_penalty: 0 },
    "repeat_penalty",
    "decimal_below_min_value",
    "Invalid 'repeat_penalty': decimal below minimum value. Expected a value > 0, but got 0 instead.",
  ],
  [
    { seed: 1.5 },
    "seed",
    "invalid_type",
    "Invalid type for 'seed': expected an integer, but got a decimal number instead.",
  ],
  [
    { seed: 1e300 },
    "seed",
    "integer_above_max_value",
    "Invalid 'seed': integer above maximum value. Expected a value <= 9223372036854776000, but got 1e+300 instead.",
  ],
  [
    { stop: Array.from({ length: 65 }, () => "a") },
    "stop",
    "array_above_max_length",
    "Invalid 'stop': array too long. Expected an array with maximum length 64, but got an array with length 65 instead.",
  ],
  [
    { stop: 5 },
    "stop",
    "invalid_type",
    "Invalid type for 'stop': expected one of a string or array of strings, but got an integer instead.",
  ],
  [
    { logit_bias: { hello: 1 } },
    "logit_bias",
    "invalid_value",
    "Invalid key in 'logit_bias': 'hello'. Keys are token ids: non-negative integers.",
  ],
  [
    { logit_bias: { "5": 101 } },
    "logit_bias.5",
    "decimal_above_max_value",
    "Invalid 'logit_bias.5': decimal above maximum value. Expected a value <= 100, but got 101 instead.",
  ],
  [
    { logit_bias: Object.fromEntries(Array.from({ length: 301 }, (_, token) => [token, 1])) },
    "logit_bias",
    "object_above_max_properties",
    "Invalid 'logit_bias': too many properties. Expected an object with at most 300 properties, but got an object with 301 properties instead.",
  ],
  [
    { logit_bias: [1] },
    "logit_bias[0]",
    "invalid_type",
    "Invalid type for 'logit_bias[0]': expected a pair of a token id and a bias, but got an integer instead.",
  ],
  [
    { stream: "yes" },
    "stream",
    "invalid_type",
    "Invalid type for 'stream': expected a boolean, but got a string instead.",
  ],
  [
    { stream_options: { include_usage: true } },
    "stream_options",
    null,
    "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
  ],
];

describe("an invalid chat request", () => {
  it.each(WRONG.map(([fields, param, code, message]) => ({ fields, param, code, message })))(
    "is refused with OpenAI's message: $message",
    ({ fields, param, code, message }) => {
      expect(toldOf(fields)).toEqual({ param, code, message });
    },
  );

  it.each([[[]], ["text"], [null], [5]])("is refused when it is not an object: %j", (body) => {
    expect(refusal(body)).toMatchObject({ param: null, code: "invalid_type" });
  });

  it("is quoted only up to a limit", () => {
    const error = refusal({ model: "one", messages: [{ role: "x".repeat(100_000), content: "Hi" }] });
    expect(error.message.length).toBeLessThan(300);
    const biased = refusal({ model: "one", messages: MESSAGES, logit_bias: { ["x".repeat(100_000)]: 1 } });
    expect(biased.message.length + String(biased.param).length).toBeLessThan(300);
  });
});
