import OpenAI, { BadRequestError } from "openai";
import type { CompletionCreateParamsNonStreaming } from "openai/resources";
import { describe, expect, inject, test } from "vitest";
import { completion } from "../fixtures/openai/completions.ts";

const client = new OpenAI({ baseURL: `${inject("gatewayUrl")}/v1`, apiKey: "none", maxRetries: 0 });
const model = "smollm2-135m-instruct";
const STORY = "The fox looked over the grey water and";
const greedy = { model, temperature: 0 } as const;

async function complete(fields: Omit<CompletionCreateParamsNonStreaming, "model">) {
  return completion.parse(await client.completions.create({ model, ...fields }));
}

async function textsOf(fields: Omit<CompletionCreateParamsNonStreaming, "model">): Promise<string[]> {
  return (await complete(fields)).choices.map(({ text }) => text);
}

describe("completions by the official openai package", () => {
  test("continue a prompt by 16 tokens by default, the same with and without streaming", async () => {
    const answer = await complete({ prompt: STORY, temperature: 0 });
    expect(answer.usage.completion_tokens).toBe(16);
    expect(answer.choices[0]?.finish_reason).toBe("length");
    const stream = await client.completions.create({
      ...greedy,
      prompt: STORY,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    let completionTokens: number | undefined;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.text ?? "";
      completionTokens = chunk.usage?.completion_tokens ?? completionTokens;
    }
    expect(text).toBe(answer.choices[0]?.text);
    expect(completionTokens).toBe(16);
  });

  test("begin a document without a prompt", async () => {
    const answer = await complete({ prompt: null, max_tokens: 4 });
    expect(answer.usage.prompt_tokens).toBe(1);
    expect(await textsOf({ prompt: ["", ""], max_tokens: 1, temperature: 0 })).toHaveLength(2);
  });

  test("of a batch are the same as for each prompt alone", async () => {
    const prompts = ["The sea is", "An old clock", "Two brothers went"];
    const alone = [];
    for (const prompt of prompts) alone.push(...(await textsOf({ prompt, temperature: 0 })));
    expect(await textsOf({ prompt: prompts, temperature: 0 })).toEqual(alone);
    expect(new Set(alone).size).toBe(3);
  });

  test("of token ids are the same as for their text", async () => {
    const { tokens } = await client.post<{ tokens: number[] }>(`${inject("gatewayUrl")}/tokenize`, {
      body: { content: STORY },
    });
    const [text] = await textsOf({ prompt: STORY, temperature: 0, echo: true });
    expect(await textsOf({ prompt: [tokens, tokens], temperature: 0, echo: true })).toEqual([text, text]);
    expect(text?.startsWith(STORY)).toBe(true);
  });

  test("have log-probabilities that fit their text", async () => {
    const { choices } = await complete({ prompt: STORY, temperature: 0, logprobs: 3 });
    const { text, logprobs } = choices[0] ?? {};
    expect(logprobs?.tokens.join("")).toBe(text);
    logprobs?.tokens.forEach((token, index) => {
      const start = (logprobs.text_offset[index] ?? 0) - STORY.length;
      expect(text?.slice(start, start + token.length)).toBe(token);
      const top = logprobs.top_logprobs[index] ?? {};
      expect(Object.keys(top)).toHaveLength(3);
      // A greedy token is the most likely one.
      expect(logprobs.token_logprobs[index]).toBeCloseTo(Math.max(...Object.values(top)), 4);
    });
  });

  test("with best_of are those with the highest mean log-probability", async () => {
    const fields = { prompt: STORY, seed: 11, max_tokens: 8 };
    const { choices } = await complete({ ...fields, n: 4, logprobs: 0 });
    const ranked = choices
      .map(({ text, logprobs }) => {
        const all = logprobs?.token_logprobs ?? [];
        return { text, mean: all.reduce<number>((sum, one) => sum + (one ?? Number.NaN), 0) / all.length };
      })
      .sort((one, other) => other.mean - one.mean);
    const best = await complete({ ...fields, best_of: 4, n: 2 });
    expect(best.choices.map(({ text }) => text)).toEqual(ranked.slice(0, 2).map(({ text }) => text));
    expect(best.usage.completion_tokens).toBe(32);
  });

  test("match a regular expression, an extension", async () => {
    const { text } = await client
      .post<{ choices: { text: string }[] }>("/completions", {
        body: { ...greedy, prompt: "The year of the first moon landing is", regex: " [0-9]{4}" },
      })
      .then(({ choices }) => choices[0] ?? { text: "" });
    expect(text).toMatch(/^ [0-9]{4}$/);
  });

  test("are refused with a suffix if the model was not trained to fill in the middle", async () => {
    const answer = client.completions.create({ ...greedy, prompt: "def f(", suffix: "return x" });
    await expect(answer).rejects.toBeInstanceOf(BadRequestError);
    await expect(answer).rejects.toMatchObject({ status: 400, param: "suffix" });
  });

  test("are refused for the whole batch if a prompt fills the context, and the error names the prompt", async () => {
    const answer = client.completions.create({ ...greedy, prompt: ["short", "long ".repeat(2000)] });
    await expect(answer).rejects.toMatchObject({ status: 400, param: "prompt", code: "context_length_exceeded" });
  });

  test("are refused if a token id is not in the vocabulary", async () => {
    const answer = client.completions.create({ ...greedy, prompt: [1, 49_152] });
    await expect(answer).rejects.toMatchObject({ status: 400, param: "prompt" });
  });
});
