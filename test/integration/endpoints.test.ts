import { describe, expect, inject, test } from "vitest";
import { complete, user } from "./client.ts";

async function post<T>(path: string, body: unknown): Promise<T> {
  const response = await fetch(`${inject("gatewayUrl")}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (response.status !== 200) throw new Error(await response.text());
  return (await response.json()) as T;
}

async function tokenize(content: string, options: Readonly<Record<string, boolean>> = {}): Promise<number[]> {
  return (await post<{ tokens: number[] }>("/tokenize", { content, ...options })).tokens;
}

describe("the real model's text", () => {
  test.each(["Hello world", "  two spaces\n\tand a tab", "été 😀 日本語", ""])(
    "is the same after it was tokenized and put together again: %j",
    async (content) => {
      const { content: again } = await post<{ content: string }>("/detokenize", { tokens: await tokenize(content) });
      expect(again).toBe(content);
    },
  );

  test("is spelled token by token, by bytes where a token is part of a character", async () => {
    type Piece = { id: number; piece: string | number[] };
    const content = "Hi 日本";
    const { tokens } = await post<{ tokens: Piece[] }>("/tokenize", { content, with_pieces: true });
    expect(tokens.map(({ id }) => id)).toEqual(await tokenize(content));
    const bytes = tokens.map(({ piece }) => (Array.isArray(piece) ? Buffer.from(piece) : Buffer.from(piece)));
    expect(Buffer.concat(bytes).toString()).toBe(content);
    expect(tokens.some(({ piece }) => Array.isArray(piece))).toBe(true);
  });

  test("has control tokens for their spellings, unless those are to be text", async () => {
    expect(await tokenize("<|im_end|>")).toHaveLength(1);
    expect((await tokenize("<|im_end|>", { parse_special: false })).length).toBeGreaterThan(1);
  });

  test("is rendered by /apply-template exactly as for a chat completion", async () => {
    const messages = user("Say hi");
    const { prompt } = await post<{ prompt: string }>("/apply-template", { messages });
    expect(prompt).toContain("<|im_start|>user\nSay hi<|im_end|>\n<|im_start|>assistant\n");

    const settings = { temperature: 0, max_tokens: 20 };
    const chat = await complete({ messages, ...settings });
    const completion = await post<{ choices: { text: string }[]; usage: { prompt_tokens: number } }>(
      "/v1/completions",
      {
        model: "smollm2-135m-instruct",
        prompt,
        ...settings,
      },
    );
    expect(completion.choices[0]?.text).toBe(chat.choices[0]?.message.content);
    expect(completion.usage.prompt_tokens).toBe(chat.usage.prompt_tokens);
  });

  test("shows tools and calls in the same words as a chat completion", async () => {
    const look = { name: "look", parameters: { type: "object", properties: { at: { type: "string" } } } };
    const call = { id: "call_1", type: "function", function: { name: "look", arguments: '{"at":"sky"}' } };
    const request = {
      messages: [
        ...user("How is the sky?"),
        { role: "assistant", content: null, tool_calls: [call] },
        { role: "tool", tool_call_id: "call_1", content: "blue" },
      ],
      tools: [{ type: "function", function: look }],
    };
    const { prompt } = await post<{ prompt: string }>("/apply-template", request);
    for (const told of ['"name":"look"', '{"name": "look", "arguments": {"at":"sky"}}', "blue"]) {
      expect(prompt).toContain(told);
    }
    const chat = await complete({ ...request, temperature: 0, max_tokens: 1 });
    expect(await tokenize(prompt)).toHaveLength(chat.usage.prompt_tokens);
  });
});

describe("GET /v1/models", () => {
  test("describes the real model", async () => {
    const response = await fetch(`${inject("gatewayUrl")}/v1/models/smollm2`);
    expect(await response.json()).toMatchObject({
      id: "smollm2-135m-instruct",
      state: "ready",
      max_model_len: 1024,
      capabilities: expect.arrayContaining(["completion", "chat"]),
      meta: {
        architecture: "llama",
        quantization: "Q4_1",
        n_vocab: 49_152,
        n_ctx: 1024,
        n_ctx_train: 8192,
        size: 98_362_432,
      },
    });
  });
});
