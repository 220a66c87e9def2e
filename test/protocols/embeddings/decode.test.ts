import { describe, expect, it } from "vitest";
import { decodeEmbeddingsRequest } from "../../../src/protocols/embeddings/decode.ts";
import { InvalidRequestError } from "../../../src/protocols/errors.ts";

function decode(body: Readonly<Record<string, unknown>>) {
  return decodeEmbeddingsRequest({ model: "m", ...body });
}

function refusal(body: unknown): InvalidRequestError {
  try {
    decodeEmbeddingsRequest(body);
  } catch (error) {
    if (error instanceof InvalidRequestError) return error;
    throw error;
  }
  expect.fail("it was accepted");
}

describe("an embeddings request", () => {
  it("has one text, or several", () => {
    expect(decode({ input: "a" })).toEqual({
      model: "m",
      format: "float",
      isList: false,
      work: { items: [{ type: "text", text: "a" }], dimensions: undefined },
    });
    expect(decode({ input: ["a", "b"] })).toMatchObject({
      isList: true,
      work: {
        items: [
          { type: "text", text: "a" },
          { type: "text", text: "b" },
        ],
      },
    });
  });

  it("has one list of token ids, or several", () => {
    expect(decode({ input: [1, 2] })).toMatchObject({ isList: false, work: { items: [{ tokens: [1, 2] }] } });
    expect(decode({ input: [[1, 2], [3]] })).toMatchObject({
      isList: true,
      work: {
        items: [
          { type: "tokens", tokens: [1, 2] },
          { type: "tokens", tokens: [3] },
        ],
      },
    });
  });

  it("accepts a format, fewer dimensions and a user; null counts as absent", () => {
    expect(decode({ input: "a", encoding_format: "base64", dimensions: 8, user: "u" })).toMatchObject({
      format: "base64",
      work: { dimensions: 8 },
    });
    expect(decode({ input: "a", encoding_format: null, dimensions: null, user: null, anything: 1 })).toMatchObject({
      format: "float",
      work: { dimensions: undefined },
    });
  });

  it.each([
    ["no input", {}, "input", "missing_required_parameter"],
    ["an empty text", { input: "" }, "input", "string_below_min_length"],
    ["an empty list", { input: [] }, "input", "empty_array"],
    ["an empty text in a list", { input: ["a", ""] }, "input[1]", "string_below_min_length"],
    ["an empty list of tokens", { input: [[1], []] }, "input[1]", "empty_array"],
    ["a number", { input: 1 }, "input", "invalid_type"],
    ["an object", { input: { text: "a" } }, "input", "invalid_type"],
    ["a number among texts", { input: ["a", 1] }, "input[1]", "invalid_type"],
    ["a text among tokens", { input: [1, "a"] }, "input[1]", "invalid_type"],
    ["a fraction among tokens", { input: [[1, 1.5]] }, "input[0][1]", "invalid_type"],
    ["a negative token", { input: [-1] }, "input[0]", "integer_below_min_value"],
    ["too many texts", { input: Array.from({ length: 2_049 }, () => "a") }, "input", "array_above_max_length"],
    ["no dimensions", { input: "a", dimensions: 0 }, "dimensions", "integer_below_min_value"],
    ["another format", { input: "a", encoding_format: "hex" }, "encoding_format", "invalid_value"],
    ["a user that is no text", { input: "a", user: 1 }, "user", "invalid_type"],
  ])("is refused with %s", (_, body, param, code) => {
    expect(refusal({ model: "m", ...body })).toMatchObject({ param, code });
  });

  it("is refused if it is not an object", () => {
    expect(refusal([])).toMatchObject({ param: null, code: "invalid_type" });
  });

  it("is refused with a list of all forms if it has another", () => {
    expect(refusal({ model: "m", input: true }).message).toBe(
      "Invalid type for 'input': expected a string, an array of strings, an array of token ids, or an array of arrays of token ids, " +
        "but got a boolean instead.",
    );
  });
});
