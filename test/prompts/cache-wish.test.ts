import { describe, expect, it } from "vitest";
import type { Message } from "../../src/generation/request.ts";
import { cacheWish } from "../../src/prompts/cache-wish.ts";
import { decodeChatRequest } from "../../src/protocols/chat/decode.ts";
import { preset } from "./support.ts";

const HELLO: Message = { role: "user", content: "What is it?" };
const SEMANTIC = "cache: { semantic: { minSimilarity: 0.9 } }\n";

function semanticWish(yaml: string, messages: readonly Message[] = [HELLO], body = {}) {
  return cacheWish(preset(yaml), decodeChatRequest({ messages, ...body }).wish).semantic;
}

describe("a preset's semantic cache settings", () => {
  it("have the user's text and the preset's settings", () => {
    expect(semanticWish(SEMANTIC)).toEqual({
      text: "What is it?",
      minSimilarity: 0.9,
      minAgreement: 0.5,
      timeoutMs: 2_000,
    });
    expect(semanticWish("cache: { semantic: { model: embedder } }")).toMatchObject({ model: "embedder" });
  });

  it("are absent by default", () => {
    expect(semanticWish("cache: { public: true }")).toBeUndefined();
    expect(semanticWish("")).toBeUndefined();
  });

  it.each<[string, readonly Message[], object]>([
    ["earlier turns", [HELLO, { role: "assistant", content: "That." }, HELLO], {}],
    ["instructions of the client's", [{ role: "system", content: "Be rude." }, HELLO], {}],
    ["tools", [HELLO], { tools: [{ type: "function", function: { name: "f" } }] }],
    ["stops of the client's", [HELLO], { stop: ["secret"] }],
    ["words that the client forbids", [HELLO], { bad_words: ["secret"] }],
    ["a form of the client's", [HELLO], { response_format: { type: "json_object" } }],
  ])("are absent for a request with %s", (_, messages, body) => {
    expect(semanticWish(SEMANTIC, messages, body)).toBeUndefined();
  });

  it("are absent if the preset has tools", () => {
    expect(semanticWish(`${SEMANTIC}tools: [{ name: f }]\n`)).toBeUndefined();
  });

  it("refuse an impossible similarity", () => {
    expect(() => preset("cache: { semantic: { minSimilarity: 2 } }")).toThrow(/cache\.semantic\.minSimilarity/);
  });
});
