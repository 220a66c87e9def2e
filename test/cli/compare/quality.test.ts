import { describe, expect, test } from "vitest";
import { scoreText } from "../../../src/cli/compare/quality.ts";
import type { Measured } from "../../../src/engine/host/measure.ts";

/** A model whose tokens are a text's characters, and which notes what it is asked. */
function fakeModel({ vocabularyHash = "same", beginning }: { vocabularyHash?: string; beginning?: number } = {}) {
  const read: number[][] = [];
  const scored: { tokens: readonly number[]; nextTokens: readonly number[]; isReference: boolean | undefined }[] = [];
  const model: Measured = {
    info: {
      ...{ type: "loaded", loadMs: 1, memoryBytes: 1, vocabularySize: 300_000, vocabularyHash },
      ...{ parameterCount: 1, weightBytes: 1, trainContextTokens: 4096 },
      ...(beginning !== undefined && { beginning }),
    },
    tokenize: async (text) => ({
      type: "tokens",
      tokens: [...text].map((each) => each.charCodeAt(0)),
      bytes: [...text].map(() => 1),
    }),
    rates: () => Promise.reject(new Error("It isn't asked for rates.")),
    begin: async () => {},
    read: async (tokens) => void read.push([...tokens]),
    score: async ({ tokens, nextTokens, rows }) => {
      scored.push({ tokens, nextTokens, isReference: rows?.isReference });
      return {
        type: "scores",
        losses: nextTokens.map(() => 1),
        top: [...nextTokens],
        ...(rows?.isReference === false && {
          divergences: nextTokens.map(() => 0.25),
          agrees: nextTokens.map((_, index) => index % 2 === 0),
        }),
      };
    },
    [Symbol.asyncDispose]: async () => {},
  };
  return { model, read, scored };
}

const text = Array.from({ length: 1100 }, (_, index) => String.fromCharCode(33 + (index % 90))).join("");
const options = { folder: "/nowhere", maxTokens: 4096, onChunk: () => {} };

describe("Scoring a text", () => {
  test("scores the second half of each chunk of 512 tokens, as llama-perplexity does, and leaves out what fills none", async () => {
    const { model, read, scored } = fakeModel();
    const [result] = await scoreText(model, [], text, options);
    expect(result?.tokens).toBe(2 * 255);
    expect(read.map((tokens) => tokens.length)).toEqual([256, 256]);
    const all = scored.flatMap(({ tokens }) => tokens);
    expect(all).toEqual([...text.slice(256, 511), ...text.slice(768, 1023)].map((each) => each.charCodeAt(0)));
    const next = scored.flatMap(({ nextTokens }) => nextTokens);
    expect(next).toEqual([...text.slice(257, 512), ...text.slice(769, 1024)].map((each) => each.charCodeAt(0)));
  });

  test("puts the token that begins a text in the place of a chunk's first", async () => {
    const { model, read } = fakeModel({ beginning: 1 });
    await scoreText(model, [], text, options);
    expect(read[0]).toEqual([...text.slice(1, 256)].map((each) => each.charCodeAt(0)));
  });

  test("asks few rows at once of a large vocabulary, the reference's before those that read them", async () => {
    const order: string[] = [];
    const [one, two] = [fakeModel(), fakeModel()];
    const noting = (name: string, { model }: typeof one): Measured => ({
      ...model,
      score: (request) => {
        order.push(name);
        expect(request.tokens.length * 300_000 * 4).toBeLessThanOrEqual(64 * 1024 * 1024);
        return model.score(request);
      },
    });
    const [reference, other] = await scoreText(noting("reference", one), [noting("other", two)], text, options);
    expect(order.slice(0, 4)).toEqual(["reference", "other", "reference", "other"]);
    expect(one.scored.every(({ isReference }) => isReference === true)).toBe(true);
    expect(two.scored.every(({ isReference }) => isReference === false)).toBe(true);
    expect(reference).toMatchObject({ isCompared: true });
    expect(other).toMatchObject({ isCompared: true, tokens: 510 });
    expect(other?.blocks[0]).toMatchObject({ tokens: 32, loss: 32, divergence: 8 });
  });

  test("compares no logits of models with other vocabularies", async () => {
    const [one, two] = [fakeModel(), fakeModel({ vocabularyHash: "another" })];
    const [reference, other] = await scoreText(one.model, [two.model], text, options);
    expect(reference?.isCompared).toBe(true);
    expect(other).toMatchObject({ isCompared: false, tokens: 510 });
    expect(two.scored.every(({ isReference }) => isReference === undefined)).toBe(true);
  });

  test("evaluates no more tokens than it may, and none of a text that is shorter than a chunk", async () => {
    const { model } = fakeModel();
    const [some] = await scoreText(model, [], text, { ...options, maxTokens: 600 });
    expect(some?.tokens).toBe(255);
    const [none] = await scoreText(model, [], "short", options);
    expect(none).toMatchObject({ tokens: 0, blocks: [] });
  });
});
