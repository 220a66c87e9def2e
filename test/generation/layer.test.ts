import { describe, expect, it } from "vitest";
import { settleThrough } from "../../src/generation/layer.ts";
import { callTools } from "../../src/tools/layer.ts";
import { generationRequest } from "../fixtures/generation.ts";
import { TEMPLATES, TOOLS } from "../tools/support.ts";

describe("a request as the engine gets it", () => {
  const tools = { tools: TOOLS, choice: "auto", allowed: undefined, parallel: true } as const;
  const settle = settleThrough([
    callTools({ loadTemplate: async () => TEMPLATES.generic, countTokens: async () => 0 }),
  ]);

  it("has tools and calls in words where the template has none for them", async () => {
    const messages = [
      { role: "user", content: "Time?" },
      { role: "assistant", content: "", toolCalls: [{ id: "1", name: "now", arguments: "{}" }] },
      { role: "tool", content: "noon", toolCallId: "1" },
    ] as const;
    const { prompt, tools: told } = await settle(generationRequest({ prompt: { type: "chat", messages }, tools }));
    expect(told).toBeUndefined();
    const texts = prompt.type === "chat" ? prompt.messages.map(({ role, content }) => `${role}: ${content}`) : [];
    expect(texts[0]).toContain("get_weather");
    expect(texts.slice(2)).toEqual([
      'assistant: <tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>',
      "user: <tool_response>\nnoon\n</tool_response>",
    ]);
  });

  it("is refused by whatever layer refuses it", async () => {
    const refuse = settleThrough([
      () => {
        throw new Error("not this one");
      },
    ]);
    await expect(refuse(generationRequest())).rejects.toThrow("not this one");
  });
});
