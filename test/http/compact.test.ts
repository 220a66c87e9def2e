import { describe, expect, it } from "vitest";
import { UnrenderablePromptError } from "../../src/generation/errors.ts";
import type { GenerationEvent } from "../../src/generation/event.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import { modelText } from "../fixtures/generation.ts";
import { compactedResponse, itemList } from "../fixtures/openai/responses.ts";
import { bodyOf, RESPONSES, respond, responseOf } from "./responses-support.ts";
import { createTestApp, jsonInit, MODEL_ID, script, servedModel } from "./support.ts";

const COMPACT = `${RESPONSES}/compact`;
const CONTEXT_TOKENS = 2_000;

const user = (content: string) => ({ role: "user", content });
const assistant = (content: string) => ({ role: "assistant", content });
const talk = [user("My name is Ann."), assistant("Hello Ann."), user("I like the sea."), assistant("So do I.")];

/** An app whose model has a small context, in which a character is a token, and answers by what it is asked. */
function createCompactingApp(answer: (prompt: string) => string = () => "Ann likes the sea.") {
  const asked: GenerationRequest[] = [];
  const generate = script(async function* (request): AsyncGenerator<GenerationEvent> {
    asked.push(request);
    const prompt = promptText(request);
    yield { type: "started", promptTokens: prompt.length, cachedTokens: 2 };
    yield { type: "text", choice: 0, text: answer(prompt) };
    yield { type: "finished", choice: 0, reason: "stop", completionTokens: 7 };
  });
  const model = servedModel(generate, {
    text: {
      ...modelText,
      countTokens: async (prompt) => (prompt.type === "chat" ? promptText({ prompt }).length : 0),
    },
  });
  return {
    ...createTestApp({
      models: [{ ...model, details: () => ({ ...model.details(), contextTokens: CONTEXT_TOKENS }) }],
    }),
    asked,
  };
}

function promptText({ prompt }: Pick<GenerationRequest, "prompt">): string {
  return prompt.type === "chat" ? prompt.messages.map(({ content }) => content).join("\n") : "";
}

type App = ReturnType<typeof createTestApp>["app"];

function compact(app: App, body: Readonly<Record<string, unknown>>) {
  return app.request(COMPACT, jsonInit({ model: MODEL_ID, ...body }));
}

async function compactedOf(app: App, body: Readonly<Record<string, unknown>>) {
  const answer = await compact(app, body);
  if (answer.status !== 200) throw new Error(await answer.text());
  return compactedResponse.parse(await answer.json());
}

describe("POST /v1/responses/compact", () => {
  it("answers with the users' messages and one item with the encrypted summary", async () => {
    const { app, asked } = createCompactingApp();
    const { output, usage } = await compactedOf(app, { input: talk, instructions: "You are a sailor." });
    expect(output.map((item) => (item.type === "message" ? item.content[0]?.text : item.type))).toEqual([
      "My name is Ann.",
      "I like the sea.",
      "compaction",
    ]);
    expect(JSON.stringify(output)).not.toContain("Ann likes");
    expect(asked).toHaveLength(1);
    expect(promptText(asked[0] ?? { prompt: { type: "text", text: "" } })).toMatch(
      /^You are a sailor\..*User: My name is Ann\.\n\nAssistant: Hello Ann\..*Summarize/s,
    );
    expect(asked[0]).toMatchObject({ maxTokens: CONTEXT_TOKENS / 4, sampling: { temperature: 0 } });
    expect(usage).toMatchObject({ output_tokens: 7, input_tokens_details: { cached_tokens: 2 } });
  });

  it("gives items that a response can continue, store and show", async () => {
    const { app, asked } = createCompactingApp();
    const { output } = await compactedOf(app, { input: talk });
    const response = await responseOf(app, { input: [...output, user("What do I like?")] });
    expect(asked.at(-1)?.prompt).toMatchObject({
      messages: [
        { role: "user", content: "My name is Ann.\nI like the sea.\nSummarize our conversation so far." },
        { role: "assistant", content: "Ann likes the sea." },
        { role: "user", content: "What do I like?" },
      ],
    });
    await responseOf(app, { input: "And now?", previous_response_id: response.id });
    expect(JSON.stringify(asked.at(-1)?.prompt)).toContain("Ann likes the sea.");
    const kept = itemList.parse(await bodyOf(app.request(`${RESPONSES}/${response.id}/input_items?order=asc`)));
    expect(kept.data).toContainEqual(output.at(-1));
  });

  it("compacts a stored conversation, and an earlier compaction", async () => {
    const { app, asked } = createCompactingApp();
    const first = await compactedOf(app, { input: talk });
    const response = await responseOf(app, { input: [...first.output, user("And the hills.")] });
    const second = await compactedOf(app, { previous_response_id: response.id });
    expect(promptText(asked.at(-1) ?? { prompt: { type: "text", text: "" } })).toMatch(
      /Assistant: Ann likes the sea\.\n\nUser: And the hills\./,
    );
    expect(second.output.filter(({ type }) => type === "compaction")).toHaveLength(1);
  });

  it("summarizes a long conversation piece by piece, each with the summary of those before it, and counts all tokens", async () => {
    let round = 0;
    const { app, asked } = createCompactingApp(() => `Summary ${++round}.`);
    const long = Array.from({ length: 60 }, (_, index) => assistant(`${index}. ${"The sea is wide. ".repeat(5)}`));
    const { usage } = await compactedOf(app, { input: [user("Go on."), ...long] });
    expect(asked.length).toBeGreaterThan(3);
    for (const [index, request] of asked.entries()) {
      expect(promptText(request).length).toBeLessThanOrEqual((CONTEXT_TOKENS * 3) / 4);
      if (index > 0) expect(promptText(request)).toContain(`so far:\n\nSummary ${index}.`);
    }
    const read = asked.map(promptText).join("");
    expect(long.every((_, index) => read.includes(`${index}. The sea`))).toBe(true);
    expect(usage.output_tokens).toBe(7 * asked.length);
  });

  it("keeps the users' newest messages in a quarter of the context, and all instructions", async () => {
    const { app } = createCompactingApp();
    const said = Array.from({ length: 10 }, (_, index) => user(`${index}${"x".repeat(99)}`));
    const { output } = await compactedOf(app, { input: [{ role: "developer", content: "Be brief." }, ...said] });
    expect(output.map((item) => (item.type === "message" ? item.content[0]?.text.slice(0, 1) : item.type))).toEqual([
      "B",
      "6",
      "7",
      "8",
      "9",
      "compaction",
    ]);
  });

  it.each([
    ["nothing to compact", {}, "input", "missing_required_parameter"],
    ["an empty list", { input: [] }, "input", "missing_required_parameter"],
    ["no such response", { previous_response_id: "resp_0" }, "previous_response_id", "previous_response_not_found"],
    [
      "another server's compaction",
      { input: [{ type: "compaction", encrypted_content: "gAAA" }] },
      "input",
      "unsupported_value",
    ],
    ["too much", { input: "x".repeat(250_000) }, "input", "context_length_exceeded"],
    [
      "instructions that leave no room",
      { input: talk, instructions: "x".repeat(1_400) },
      "instructions",
      "context_length_exceeded",
    ],
  ])("refuses %s", async (_what, body, param, code) => {
    const { app } = createCompactingApp();
    const answer = await compact(app, body);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { type: "invalid_request_error", param, code } });
  });

  it.each([COMPACT, `${RESPONSES}/input_tokens`])(
    "names the input when the template refuses the messages: %s",
    async (path) => {
      const countTokens = () => Promise.reject(new UnrenderablePromptError("no system messages"));
      const { app } = createTestApp({ models: [servedModel(script([]), { text: { ...modelText, countTokens } })] });
      const answer = await app.request(
        path,
        jsonInit({ model: MODEL_ID, input: talk, instructions: "You are a sailor." }),
      );
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({ error: { param: "input", code: "invalid_messages" } });
    },
  );

  it("fails when the model writes nothing, rather than lose the conversation", async () => {
    const { app } = createCompactingApp(() => " \n");
    const answer = await compact(app, { input: talk });
    expect(answer.status).toBe(500);
    expect(await answer.json()).toMatchObject({ error: { type: "server_error", code: "empty_summary" } });
  });

  it("is refused by a conversation when it can't be read", async () => {
    const { app } = createCompactingApp();
    const items = [{ type: "compaction", encrypted_content: "gAAA" }];
    expect((await app.request("/v1/conversations", jsonInit({ items }))).status).toBe(400);
    expect((await respond(app, { input: items })).status).toBe(400);
  });
});
