import { describe, expect, it } from "vitest";
import { type Judges, verifyBy } from "../../../src/cache/semantic/verify.ts";
import type { SemanticWish } from "../../../src/generation/cache.ts";
import type { EmbeddingRequest } from "../../../src/generation/embedding.ts";
import type { TokenLogprob } from "../../../src/generation/event.ts";
import type { GenerationRequest } from "../../../src/generation/request.ts";
import { generationRequest } from "../../fixtures/generation.ts";

const PAIR = { text: "How can I get in?", stored: "How do I get in?" };

type Said = Readonly<Record<string, number>>;

/** Models that make these vectors, and whose first token has these probabilities. */
function setUp(vectors: readonly (readonly number[])[] = [], said: Said = {}) {
  const embedded: EmbeddingRequest[] = [];
  const generated: GenerationRequest[] = [];
  const judges: Judges = {
    embed: async (request) => {
      embedded.push(request);
      return { vectors: vectors.map((each) => Float32Array.from(each)), tokens: 8 };
    },
    async *generate(request) {
      generated.push(request);
      const top = Object.entries(said).map(([text, probability], token) => logprob(token, text, probability));
      yield { type: "started", promptTokens: 9, cachedTokens: 0 };
      yield { type: "text", choice: 0, text: "", logprobs: [{ ...logprob(0, "", 1), top }] };
    },
  };
  async function verify(wish: Partial<SemanticWish>) {
    const semantic = { text: PAIR.text, minSimilarity: 0, minAgreement: 0, timeoutMs: 1_000, ...wish };
    const request = generationRequest({
      terms: { tenant: "key_1", priority: "interactive", supersedeId: "mine" },
      cache: { semantic },
    });
    return verifyBy(judges)(request, PAIR, request.signal);
  }
  return { verify, embedded, generated };
}

function logprob(token: number, text: string, probability: number): TokenLogprob {
  return { token, bytes: [...Buffer.from(text)], logprob: Math.log(probability) };
}

describe("verifyBy", () => {
  it("compares the directions of the texts' vectors, whatever their lengths", async () => {
    const { verify, embedded } = setUp([
      [3, 4],
      [8, 6],
    ]);
    expect(await verify({ minSimilarity: 0.95 })).toBe(true);
    expect(await verify({ minSimilarity: 0.97 })).toBe(false);
    expect(embedded[0]).toMatchObject({ model: "one", items: [{ text: PAIR.text }, { text: PAIR.stored }] });
  });

  it("uses the vectors of the named model", async () => {
    const { verify, embedded } = setUp([[1], [1]]);
    await verify({ minSimilarity: 0.5, model: "embedder" });
    expect(embedded[0]?.model).toBe("embedder");
  });

  it("treats zero or missing vectors as dissimilar", async () => {
    expect(await setUp([[0], [1]]).verify({ minSimilarity: 0.1 })).toBe(false);
    expect(await setUp([[1]]).verify({ minSimilarity: 0.1 })).toBe(false);
  });

  it("weighs yes against no, in every spelling", async () => {
    const { verify } = setUp([], { yes: 0.3, " Yes": 0.15, no: 0.1, No: 0.05, maybe: 0.4 });
    expect(await verify({ minAgreement: 0.74 })).toBe(true);
    expect(await verify({ minAgreement: 0.76 })).toBe(false);
  });

  it("treats anything else as no", async () => {
    expect(await setUp([], { maybe: 1 }).verify({ minAgreement: 0.01 })).toBe(false);
  });

  it("asks for one token, for the same tenant and class, with both texts", async () => {
    const { verify, generated } = setUp([], { yes: 1 });
    await verify({ minAgreement: 0.5 });
    expect(generated[0]).toMatchObject({
      model: "one",
      maxTokens: 1,
      terms: { tenant: "key_1", priority: "interactive" },
    });
    expect(generated[0]?.terms).not.toHaveProperty("supersedeId");
    expect(JSON.stringify(generated[0]?.prompt)).toContain(`1: ${PAIR.stored}\\n2: ${PAIR.text}`);
  });

  it("asks only the wanted models, and not the second if the first disagrees", async () => {
    const { verify, embedded, generated } = setUp([
      [1, 0],
      [0, 1],
    ]);
    expect(await verify({})).toBe(true);
    expect([embedded, generated]).toEqual([[], []]);
    expect(await verify({ minSimilarity: 0.5, minAgreement: 0.5 })).toBe(false);
    expect(generated).toEqual([]);
  });
});
