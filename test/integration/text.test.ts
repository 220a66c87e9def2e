import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Engine } from "../../src/engine/host/engine.ts";
import { ContextLengthExceededError, InvalidSamplingError } from "../../src/generation/errors.ts";
import type { Message, Prompt } from "../../src/generation/request.ts";
import { answer, greedyRequest, startEngine } from "./engine.ts";

const plain = { addSpecial: false, parseSpecial: false };

describe("the real model's text", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine();
  });
  afterAll(() => engine.stop());

  test("survives tokenizing and detokenizing", async () => {
    const text = "Hello,  world! é€😀 <|im_end|>\n";
    expect(await engine.text.detokenize(await engine.text.tokenize(text, plain))).toBe(text);
  });

  test("becomes control tokens only with `parseSpecial`", async () => {
    const [asText, asControl] = await Promise.all(
      [false, true].map((parseSpecial) => engine.text.tokenize("<|im_end|>", { addSpecial: false, parseSpecial })),
    );
    expect(asText?.length).toBeGreaterThan(1);
    expect(asControl).toHaveLength(1);
    expect(await engine.text.detokenize(asControl ?? [])).toBe("<|im_end|>");
  });

  test("is refused if a token is outside the vocabulary, and the engine continues", async () => {
    const { pid } = engine;
    await expect(engine.text.detokenize([49_152])).rejects.toBeInstanceOf(InvalidSamplingError);
    const outside: Prompt = { type: "tokens", tokens: [1, 4_000_000] };
    await expect(answer(engine, greedyRequest({ prompt: outside }))).rejects.toMatchObject({ field: "prompt" });
    expect(engine.pid).toBe(pid);
  });

  test("of a conversation is rendered by the model's own template, and counted accordingly", async () => {
    const messages: Message[] = [
      { role: "system", content: "Be brief." },
      { role: "user", content: "Count." },
      { role: "assistant", content: "One, two," },
    ];
    const prompt = { type: "chat" as const, messages };
    const turns =
      "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nCount.<|im_end|>\n<|im_start|>assistant\nOne, two,";
    expect(await engine.text.applyTemplate(prompt)).toBe(`${turns}<|im_end|>\n<|im_start|>assistant\n`);
    const open = { ...prompt, continueFinal: true };
    expect(await engine.text.applyTemplate(open)).toBe(turns);
    const tokens = await engine.text.tokenize(turns, { addSpecial: true, parseSpecial: true });
    expect(await engine.text.countTokens(open)).toBe(tokens.length);
    const fromText = await answer(engine, greedyRequest({ prompt: { type: "tokens", tokens } }));
    const fromChat = await answer(engine, greedyRequest({ prompt: open }));
    expect(fromChat.text).toBe(fromText.text);
  });

  test("is priced as for a generation: the prompt's length, and how much of it is cached", async () => {
    const words = "The mill stands by the river. ".repeat(20);
    const prompt = { type: "chat" as const, messages: [{ role: "user" as const, content: words }] };
    const promptTokens = await engine.text.countTokens(prompt);
    const before = await engine.text.price(prompt);
    expect(before.promptTokens).toBe(promptTokens);
    expect(before.cachedTokens).toBeLessThan(64);
    await answer(engine, greedyRequest({ prompt, maxTokens: 1 }));
    expect(await engine.text.price(prompt)).toEqual({ promptTokens, cachedTokens: promptTokens - 1 });
    const tooLong: Prompt = { type: "text", text: words.repeat(20) };
    await expect(engine.text.price(tooLong)).rejects.toBeInstanceOf(ContextLengthExceededError);
  });

  test("can't be filled in by a model without infill tokens", async () => {
    const prompt: Prompt = { type: "infill", prefix: "a", suffix: "b" };
    const has = engine.info?.canInfill;
    const filled = answer(engine, greedyRequest({ prompt, maxTokens: 2 }));
    if (has) expect((await filled).tokens).toBeGreaterThan(0);
    else await expect(filled).rejects.toMatchObject({ field: "suffix", message: expect.stringContaining("fill in") });
  });

  test("is described in the model's info: template, sizes, tokens", () => {
    expect(engine.info).toMatchObject({
      chatTemplate: expect.stringContaining("<|im_start|>"),
      embeddingSize: 576,
      contextTokens: 1024,
      eosToken: "<|im_end|>",
    });
  });

  test("shows control tokens if requested, and never the end token", async () => {
    const [token = 0] = await engine.text.tokenize("<|im_start|>", { addSpecial: false, parseSpecial: true });
    const request = { maxTokens: 2, sampling: { logitBias: [[token, 100] as const] } };
    expect((await answer(engine, greedyRequest(request))).text).toBe("");
    const shown = await answer(engine, greedyRequest({ ...request, showControlTokens: true }));
    expect(shown.text).toBe("<|im_start|><|im_start|>");
    const whole = greedyRequest({
      prompt: { type: "chat", messages: [{ role: "user", content: "Say hi" }] },
      maxTokens: 100,
      showControlTokens: true,
    });
    const { text, reason } = await answer(engine, whole);
    expect(reason).toBe("stop");
    expect(text).not.toContain("<|");
  });
});
