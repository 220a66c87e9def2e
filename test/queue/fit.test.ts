import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Message, Prompt } from "../../src/generation/request.ts";
import { fitOf } from "../../src/queue/fit.ts";
import { generationRequest } from "../fixtures/generation.ts";

const CONTEXT = 4_096;

function fitOfChat(...messages: readonly Message[]) {
  return fitOf(generationRequest({ prompt: { type: "chat", messages } }), CONTEXT);
}
function user(content: string): Message {
  return { role: "user", content };
}

describe("a prompt that can be judged without the engine", () => {
  it("certainly fits if one token per byte would fit", () => {
    expect(fitOfChat(user("How many legs has a spider?"))).toEqual({ type: "fits" });
    expect(
      fitOfChat(
        { role: "system", content: "Be brief." },
        user("Hi"),
        { role: "assistant", content: "Yes?" },
        user("中😀"),
      ),
    ).toEqual({ type: "fits" });
    expect(fitOf(generationRequest({ prompt: { type: "text", text: "Once" } }), CONTEXT)).toEqual({ type: "fits" });
  });

  it("certainly doesn't fit if even the longest tokens would be too many", () => {
    expect(fitOfChat(user("hello ".repeat(400_000)))).toEqual({ type: "too long", atLeast: expect.any(Number) });
    const tokens = Array.from({ length: CONTEXT }, () => 1);
    expect(fitOf(generationRequest({ prompt: { type: "tokens", tokens } }), CONTEXT)).toEqual({
      type: "too long",
      atLeast: CONTEXT,
    });
  });
});

describe("a prompt that only the engine can judge", () => {
  const words = "hello ".repeat(12_000);
  it.each<[string, ReturnType<typeof fitOf>]>([
    ["is about as long as the context", fitOfChat(user(words))],
    ["has a template that may not take its roles", fitOfChat(user("Hi"), user("Hi"))],
    ["ends with an assistant", fitOfChat(user("Hi"), { role: "assistant", content: "Yes" })],
    [
      "comes with tools",
      fitOf(generationRequest({ tools: { tools: [], choice: "auto", allowed: undefined, parallel: true } }), CONTEXT),
    ],
    ["is to be answered in a format", fitOf(generationRequest({ output: { type: "json" } }), CONTEXT)],
    ["is to be filled in", fitOf(generationRequest({ prompt: { type: "infill", prefix: "a", suffix: "b" } }), CONTEXT)],
    ["comes before the model has loaded", fitOf(generationRequest(), undefined)],
    ["is mostly spaces, which templates trim", fitOfChat(user(" ".repeat(4_000_000)))],
  ])("%s", (_, fit) => {
    expect(fit).toEqual({ type: "unknown" });
  });
});

it("is never wrong about a prompt with one token per byte, nor about one with tokens of 128 characters", () => {
  const prompts: fc.Arbitrary<Prompt> = fc.oneof(
    fc.record({ type: fc.constant("text" as const), text: fc.string({ unit: "grapheme", maxLength: 600 }) }),
    fc.record({
      type: fc.constant("chat" as const),
      messages: fc.array(
        fc.record({
          role: fc.constantFrom("user" as const, "assistant" as const, "system" as const),
          content: fc.string({ unit: "grapheme", maxLength: 300 }),
        }),
        { minLength: 1, maxLength: 8 },
      ),
    }),
  );
  fc.assert(
    fc.property(prompts, fc.integer({ min: 64, max: 8_192 }), (prompt, contextTokens) => {
      const text =
        prompt.type === "text"
          ? prompt.text
          : prompt.type === "chat"
            ? prompt.messages.map(({ content }) => content).join("")
            : "";
      const fit = fitOf(generationRequest({ prompt }), contextTokens);
      if (fit.type === "fits") expect(Buffer.byteLength(text)).toBeLessThan(contextTokens);
      if (fit.type === "too long") expect(text.length / 128).toBeGreaterThanOrEqual(contextTokens);
    }),
  );
});
