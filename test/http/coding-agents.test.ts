import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import type { GenerationEvent } from "../../src/generation/event.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import { responseEvent } from "../fixtures/openai/responses.ts";
import { createTestApp, jsonInit } from "./support.ts";

/** The first request of a coding agent as it was sent, its words left out. */
async function requestOf(agent: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(new URL(`../fixtures/requests/${agent}.json`, import.meta.url), "utf8"));
}

/** An app whose model calls `name` with `json`, and what it was asked. */
function callingApp(name: string, json: string) {
  const asked: GenerationRequest[] = [];
  const { app } = createTestApp({
    async *generate(request): AsyncGenerator<GenerationEvent> {
      asked.push(request);
      yield { type: "started", promptTokens: 12, cachedTokens: 4 };
      yield { type: "toolCall", choice: 0, index: 0, id: `call_${"0".repeat(24)}`, name };
      yield { type: "toolArguments", choice: 0, index: 0, text: json };
      yield { type: "finished", choice: 0, reason: "tool_calls", completionTokens: 9 };
    },
  });
  return { app, asked };
}

describe("the Codex CLI", () => {
  const TASK = '{"message":"Look around"}';

  it("is accepted with all its tools, and gets calls under its own names", async () => {
    const { app, asked } = callingApp("multi_agent_v1__close_agent", TASK);
    const response = await app.request("/v1/responses", jsonInit(await requestOf("codex-0.171.0")));
    expect(response.status).toBe(200);
    expect(response.headers.get("sluice-tools-dropped")).toBe("web_search");
    const names = asked[0]?.tools?.tools.map(({ name }) => name) ?? [];
    expect(names).toContain("exec_command");
    expect(names.filter((name) => name.startsWith("multi_agent_v1__"))).toHaveLength(3);
    const events = [...(await response.text()).matchAll(/^data: (.*)$/gm)].map(([, data = ""]) =>
      responseEvent.parse(JSON.parse(data)),
    );
    const done = events.find(({ type }) => type === "response.output_item.done");
    expect(done).toMatchObject({ item: { type: "function_call", name: "close_agent", namespace: "multi_agent_v1" } });
  });

  it("continues its own calls, and those of other servers", async () => {
    const { app, asked } = callingApp("exec_command", '{"cmd":"ls"}');
    const first = await requestOf("codex-0.171.0");
    const input = [
      ...(Array.isArray(first.input) ? first.input : []),
      { type: "reasoning", summary: [], encrypted_content: "gAAAA" },
      { type: "web_search_call", status: "completed", action: { type: "search", query: "mills" } },
      { type: "function_call", name: "close_agent", namespace: "multi_agent_v1", arguments: TASK, call_id: "call_1" },
      {
        type: "function_call_output",
        call_id: "call_1",
        output: [{ type: "input_image", image_url: "data:image/png;base64,AA==" }],
      },
      { type: "custom_tool_call", call_id: "call_2", name: "apply_patch", input: "*** Begin Patch\n*** End Patch" },
      { type: "custom_tool_call_output", call_id: "call_2", output: "Done" },
    ];
    const response = await app.request("/v1/responses", jsonInit({ ...first, input, stream: false }));
    expect(response.status).toBe(200);
    const prompt = asked[0]?.prompt;
    expect(prompt?.type === "chat" ? prompt.messages.slice(-4) : []).toMatchObject([
      {
        role: "assistant",
        content: expect.stringContaining("mills"),
        toolCalls: [{ name: "multi_agent_v1__close_agent" }],
      },
      { role: "tool", content: "[image omitted: the model reads text only]" },
      { role: "assistant", toolCalls: [{ name: "apply_patch" }] },
      { role: "tool", content: "Done" },
    ]);
  });
});

describe("Claude Code", () => {
  it("gets in with all that it offers, and gets its calls", async () => {
    const { app, asked } = callingApp("Bash", '{"command":"ls"}');
    const body = { ...(await requestOf("claude-code-2.1.197")), stream: false };
    const response = await app.request("/v1/messages?beta=true", jsonInit(body));
    expect(response.status).toBe(200);
    expect(response.headers.has("sluice-tools-dropped")).toBe(false);
    expect(asked[0]?.tools?.tools.map(({ name }) => name)).toContain("Bash");
    const prompt = asked[0]?.prompt;
    expect(prompt?.type === "chat" ? prompt.messages.map(({ role }) => role) : []).toEqual([
      "system",
      "user",
      "system",
    ]);
    expect(await response.json()).toMatchObject({
      stop_reason: "tool_use",
      content: [{ type: "tool_use", name: "Bash", input: { command: "ls" } }],
    });
  });
});
