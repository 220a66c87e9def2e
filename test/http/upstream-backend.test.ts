import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FINISH_REASONS, type GenerationEvent } from "../../src/generation/event.ts";
import { chatCompletion, type chatCompletionChunk } from "../../src/protocols/openai-responses.ts";
import { message } from "../fixtures/anthropic/schemas.ts";
import { messageOf, parseStream } from "../fixtures/anthropic/stream.ts";
import { completion } from "../fixtures/openai/completions.ts";
import { response } from "../fixtures/openai/responses.ts";
import { type UpstreamAnswer, upstreamBackend } from "../fixtures/upstream-backend.ts";
import { parseEvents } from "./responses-support.ts";
import { createTestApp, jsonInit, parseChunks, parseCompletionChunks, textOf } from "./support.ts";

const SAID = { reasoning: ["Hm. ", "Yes."], texts: ["Good ", "day"] } as const;
const REFUSED = { refusal: ["I won't ", "say."] } as const;
const CUT = { texts: ["It begins"], reason: "content_filter" } as const;
const CALLED = { call: { name: "look", arguments: ['{"at":', '"sky"}'] }, reason: "tool_calls" } as const;

const MESSAGES = [{ role: "user", content: "Hi" }];
const TOOLS = [{ type: "function", function: { name: "look", parameters: { type: "object" } } }];

async function post(answer: UpstreamAnswer, path: string, body: object): Promise<string> {
  const { app } = createTestApp({ models: [upstreamBackend(answer)] });
  const answered = await app.request(path, jsonInit({ model: "there", ...body }));
  expect(answered.status).toBe(200);
  return answered.text();
}

const chat = async (answer: UpstreamAnswer, more: object = {}) =>
  chatCompletion.parse(JSON.parse(await post(answer, "/v1/chat/completions", { messages: MESSAGES, ...more })));
const chatStream = async (answer: UpstreamAnswer, more: object = {}) =>
  parseChunks(
    await post(answer, "/v1/chat/completions", {
      ...{ messages: MESSAGES, stream: true, stream_options: { include_usage: true } },
      ...more,
    }),
  );
const complete = async (answer: UpstreamAnswer, more: object = {}) =>
  completion.parse(JSON.parse(await post(answer, "/v1/completions", { prompt: "Hi", ...more })));
const completeStream = async (answer: UpstreamAnswer, more: object = {}) =>
  parseCompletionChunks(
    await post(answer, "/v1/completions", {
      ...{ prompt: "Hi", stream: true, stream_options: { include_usage: true } },
      ...more,
    }),
  );
const respond = async (answer: UpstreamAnswer, more: object = {}) =>
  response.parse(JSON.parse(await post(answer, "/v1/responses", { input: "Hi", ...more })));
const respondStream = async (answer: UpstreamAnswer, more: object = {}) =>
  parseEvents(await post(answer, "/v1/responses", { input: "Hi", stream: true, ...more }));
const say = async (answer: UpstreamAnswer, more: object = {}) =>
  message.parse(JSON.parse(await post(answer, "/v1/messages", { messages: MESSAGES, max_tokens: 50, ...more })));
const sayStream = async (answer: UpstreamAnswer, more: object = {}) =>
  parseStream(await post(answer, "/v1/messages", { messages: MESSAGES, max_tokens: 50, stream: true, ...more }));

const OPENAI_USAGE = {
  ...{ prompt_tokens: 21, completion_tokens: 8, total_tokens: 29 },
  prompt_tokens_details: { cached_tokens: 5 },
  completion_tokens_details: { reasoning_tokens: 3 },
};
const RESPONSES_USAGE = {
  ...{ input_tokens: 21, output_tokens: 8, total_tokens: 29 },
  input_tokens_details: { cached_tokens: 5 },
  output_tokens_details: { reasoning_tokens: 3 },
};
const ANTHROPIC_USAGE = {
  ...{ input_tokens: 16, cache_read_input_tokens: 5, output_tokens: 8 },
  output_tokens_details: { thinking_tokens: 3 },
};

function lastOf<T>(list: readonly T[]): T {
  const last = list.at(-1);
  if (last === undefined) throw new Error("The list is empty.");
  return last;
}

type Chunk = ReturnType<typeof chatCompletionChunk.parse>;

function reasonsOf(chunks: readonly Pick<Chunk, "choices">[]): readonly unknown[] {
  return chunks.flatMap(({ choices }) => choices.flatMap((choice) => choice.finish_reason ?? []));
}

describe.each(["last", "first"] as const)("usage that arrives %s", (usage) => {
  const answer = { ...SAID, usage };

  it("is that of a chat completion", async () => {
    expect(await chat(answer)).toMatchObject({ usage: OPENAI_USAGE });
    expect(lastOf(await chatStream(answer))).toMatchObject({ usage: OPENAI_USAGE });
  });

  it("is that of a completion", async () => {
    const plain = { texts: SAID.texts, usage };
    expect(await complete(plain)).toMatchObject({ usage: OPENAI_USAGE });
    expect(lastOf(await completeStream(plain))).toMatchObject({ usage: OPENAI_USAGE });
  });

  it("is added up over a batch of prompts", async () => {
    const both = { prompt_tokens: 42, completion_tokens: 16 };
    const prompts = { prompt: ["Hi", "Ho"] };
    expect(await complete({ texts: SAID.texts, usage }, prompts)).toMatchObject({ usage: both });
    expect(lastOf(await completeStream({ texts: SAID.texts, usage }, prompts))).toMatchObject({ usage: both });
  });

  it("is that of a response", async () => {
    expect(await respond(answer)).toMatchObject({ usage: RESPONSES_USAGE });
    expect(lastOf(await respondStream(answer))).toMatchObject({ response: { usage: RESPONSES_USAGE } });
  });

  it("is that of a message, whose beginning has none yet", async () => {
    const thinking = { thinking: { type: "enabled", budget_tokens: 1_024 }, max_tokens: 2_048 };
    const whole = await say(answer, thinking);
    expect(whole).toMatchObject({ stop_reason: "end_turn", usage: ANTHROPIC_USAGE });
    const events = await sayStream(answer, thinking);
    expect(events[0]).toMatchObject({
      type: "message_start",
      message: { usage: { input_tokens: 0, output_tokens: 0 } },
    });
    expect(events.at(-2)).toMatchObject({ type: "message_delta", usage: ANTHROPIC_USAGE });
    expect(messageOf(events).content).toEqual(whole.content);
  });

  it("is counted for several choices once", async () => {
    expect(await chat(answer, { n: 3 })).toMatchObject({ usage: OPENAI_USAGE });
    expect(lastOf(await chatStream(answer, { n: 3 }))).toMatchObject({ usage: OPENAI_USAGE });
  });
});

describe("usage that never arrives", () => {
  const answer = { texts: ["a", "b", "c"], usage: "never" } as const;

  it("counts what arrived of the answer", async () => {
    expect((await chat(answer)).usage).toMatchObject({ prompt_tokens: 0, completion_tokens: 3 });
    expect((await complete(answer)).usage).toMatchObject({ prompt_tokens: 0, completion_tokens: 3 });
    expect((await respond(answer)).usage).toMatchObject({ input_tokens: 0, output_tokens: 3 });
    expect((await say(answer)).usage).toMatchObject({ input_tokens: 0, output_tokens: 3 });
    expect((await sayStream(answer)).at(-2)).toMatchObject({ usage: { input_tokens: 0, output_tokens: 3 } });
  });
});

describe("a refusal", () => {
  const text = "I won't say.";

  it("is the refusal of a chat completion, which has no content", async () => {
    expect((await chat(REFUSED)).choices).toMatchObject([
      { message: { content: null, refusal: text }, finish_reason: "stop" },
    ]);
    const chunks = await chatStream(REFUSED);
    expect(chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta.refusal ?? "")).join("")).toBe(text);
    expect(textOf(chunks)).toBe("");
  });

  it("is the text of a completion, which has no other place for it", async () => {
    expect((await complete(REFUSED)).choices).toMatchObject([{ text }]);
    const chunks = await completeStream(REFUSED);
    expect(chunks.flatMap(({ choices }) => choices.map((choice) => choice.text)).join("")).toBe(text);
  });

  it("is a part of a response's message", async () => {
    const content = [{ type: "refusal", refusal: text }];
    expect(await respond(REFUSED)).toMatchObject({ status: "completed", output: [{ type: "message", content }] });
    const events = await respondStream(REFUSED);
    const deltas = events.flatMap((event) => (event.type === "response.refusal.delta" ? [event.delta] : []));
    expect(deltas.join("")).toBe(text);
    expect(events.map(({ type }) => type)).toContain("response.refusal.done");
    expect(lastOf(events)).toMatchObject({ type: "response.completed", response: { output: [{ content }] } });
  });

  it("is a message's text, which has stopped for it", async () => {
    const said = { content: [{ type: "text", text }], stop_reason: "refusal" };
    expect(await say(REFUSED)).toMatchObject(said);
    expect(messageOf(await sayStream(REFUSED))).toMatchObject(said);
  });

  it("is stored with a response, and can be continued", async () => {
    const { app } = createTestApp({ models: [upstreamBackend(REFUSED)] });
    const first = response.parse(await (await app.request("/v1/responses", jsonInit({ input: "Hi" }))).json());
    const next = await app.request("/v1/responses", jsonInit({ input: "Why?", previous_response_id: first.id }));
    expect(next.status).toBe(200);
  });
});

describe("an answer that a filter has cut off", () => {
  it("is reported in every protocol", async () => {
    expect((await chat(CUT)).choices).toMatchObject([
      { message: { content: "It begins" }, finish_reason: "content_filter" },
    ]);
    expect(reasonsOf(await chatStream(CUT))).toEqual(["content_filter"]);
    expect((await complete(CUT)).choices).toMatchObject([{ text: "It begins", finish_reason: "content_filter" }]);
    expect(
      (await completeStream(CUT)).flatMap(({ choices }) => choices.flatMap((choice) => choice.finish_reason ?? [])),
    ).toEqual(["content_filter"]);
    const incomplete = { status: "incomplete", incomplete_details: { reason: "content_filter" } };
    expect(await respond(CUT)).toMatchObject(incomplete);
    expect(lastOf(await respondStream(CUT))).toMatchObject({ type: "response.incomplete", response: incomplete });
    expect(await say(CUT)).toMatchObject({ stop_reason: "refusal", content: [{ text: "It begins" }] });
    expect(messageOf(await sayStream(CUT))).toMatchObject({ stop_reason: "refusal", content: [{ text: "It begins" }] });
  });
});

describe("calls of another server", () => {
  it("are returned in every protocol that has them", async () => {
    const called = await chat(CALLED, { tools: TOOLS });
    expect(called.choices[0]).toMatchObject({
      message: { content: null, tool_calls: [{ function: { name: "look", arguments: '{"at":"sky"}' } }] },
      finish_reason: "tool_calls",
    });
    expect(reasonsOf(await chatStream(CALLED, { tools: TOOLS }))).toEqual(["tool_calls"]);
    const tools = [{ type: "function", name: "look", parameters: { type: "object" } }];
    expect((await respond(CALLED, { tools })).output).toMatchObject([{ name: "look", arguments: '{"at":"sky"}' }]);
    const anthropic = { tools: [{ name: "look", input_schema: { type: "object" } }] };
    const used = { stop_reason: "tool_use", content: [{ type: "tool_use", name: "look", input: { at: "sky" } }] };
    expect(await say(CALLED, anthropic)).toMatchObject(used);
    expect(messageOf(await sayStream(CALLED, anthropic))).toMatchObject(used);
  });
});

describe("log-probabilities without ids", () => {
  const answer = { texts: ["Good ", "day"] };

  it("are aligned by the tokens' text", async () => {
    const ask = { logprobs: true, top_logprobs: 2 };
    const content = [
      { token: "Good ", top_logprobs: [{ token: "Good " }, { token: "other" }] },
      { token: "day", top_logprobs: [{ token: "day" }, { token: "other" }] },
    ];
    expect((await chat(answer, ask)).choices).toMatchObject([{ logprobs: { content } }]);
    const chunks = await chatStream(answer, ask);
    expect(chunks.flatMap(({ choices }) => choices.flatMap((choice) => choice.logprobs?.content ?? []))).toMatchObject(
      content,
    );
    expect((await complete(answer, { logprobs: 2 })).choices).toMatchObject([
      {
        logprobs: {
          tokens: ["Good ", "day"],
          top_logprobs: [
            { "Good ": -0.5, other: -1 },
            { day: -0.5, other: -1 },
          ],
        },
      },
    ]);
    expect(
      (await respond(answer, { include: ["message.output_text.logprobs"], top_logprobs: 2 })).output,
    ).toMatchObject([{ content: [{ logprobs: content }] }]);
  });
});

describe("a model without known properties", () => {
  it("is listed without them", async () => {
    const { app } = createTestApp({ models: [upstreamBackend()] });
    const list = await (await app.request("/v1/models")).json();
    expect(list).toMatchObject({
      data: [{ id: "there", owned_by: "another server", max_model_len: null, state: "ready", meta: {} }],
    });
  });

  it("runs in the background, without a check of its prompt before", async () => {
    const { app, runs } = createTestApp({ models: [upstreamBackend(SAID)] });
    const queued = response.parse(
      await (await app.request("/v1/responses", jsonInit({ input: "Hi", background: true }))).json(),
    );
    await runs.settled();
    const done = await (await app.request(`/v1/responses/${queued.id}`)).json();
    expect(done).toMatchObject({ status: "completed", usage: RESPONSES_USAGE });
  });

  it("fails in mid-stream as any other", async () => {
    const broken = upstreamBackend(SAID, {
      generate: async function* (): AsyncGenerator<GenerationEvent> {
        yield { type: "started" };
        yield { type: "text", choice: 0, text: "a" };
        throw new Error("The connection broke.");
      },
    });
    const { app } = createTestApp({ models: [broken] });
    const body = { messages: MESSAGES, max_tokens: 9, stream: true };
    const text = await (await app.request("/v1/messages", jsonInit({ model: "there", ...body }))).text();
    expect(lastOf(parseStream(text))).toMatchObject({ type: "error", error: { type: "api_error" } });
  });
});

describe("any answer of another server", () => {
  const pieces = fc.array(fc.string({ minLength: 1, maxLength: 8 }), { maxLength: 3 });
  const answers: fc.Arbitrary<UpstreamAnswer> = fc.record({
    ...{ reasoning: pieces, texts: pieces, refusal: pieces },
    reason: fc.constantFrom(...FINISH_REASONS),
    usage: fc.constantFrom("last", "first", "never"),
  });

  it("has the same text whole and streamed, in every protocol", async () => {
    await fc.assert(
      fc.asyncProperty(answers, async (answer) => {
        const thinking = { thinking: { type: "enabled", budget_tokens: 1_024 }, max_tokens: 2_048 };
        const [whole, streamed] = [await say(answer, thinking), messageOf(await sayStream(answer, thinking))];
        expect({ ...streamed, id: whole.id }).toEqual(whole);

        const completed = await chat(answer);
        const chunks = await chatStream(answer);
        const deltas = chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta));
        const [choice] = completed.choices;
        expect(deltas.map(({ content }) => content ?? "").join("")).toBe(choice?.message.content ?? "");
        expect(deltas.map(({ refusal }) => refusal ?? "").join("")).toBe(choice?.message.refusal ?? "");
        expect(reasonsOf(chunks)).toEqual([choice?.finish_reason]);
        expect(lastOf(chunks).usage).toEqual(completed.usage);

        const responded = await respond(answer);
        const last = lastOf(await respondStream(answer));
        const { status, usage, incomplete_details, output } = responded;
        expect(last).toMatchObject({ type: `response.${status}`, response: { status, usage, incomplete_details } });
        const said = output.map((item) => ("content" in item ? item.content : []));
        expect(
          "response" in last && last.response.output.map((item) => ("content" in item ? item.content : [])),
        ).toEqual(said);
      }),
      { numRuns: 40 },
    );
  });
});
