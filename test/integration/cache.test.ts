import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type Anthropic from "@anthropic-ai/sdk";
import type OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type CacheClients, createCacheClients } from "./cache-clients.ts";
import { endAll, runSluice, type SluiceProcess } from "./sluice-process.ts";

let folder: string;
let sluice: SluiceProcess;
let openai: OpenAI;
let anthropic: Anthropic;
let model: string;
/** The `cache-status` header of the last answer. */
let status: CacheClients["status"];

async function start(): Promise<void> {
  sluice = runSluice(
    ...["--model", inject("modelPath"), "--slots", "4", "--context", "1024", "--state-file", join(folder, "state.db")],
    ...["--cache-file", join(folder, "answers")],
  );
  ({ openai, anthropic, status } = createCacheClients(await sluice.ready));
  model = (await openai.models.list()).data[0]?.id ?? "";
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-cache-"));
  await start();
});

afterAll(async () => {
  await endAll();
  await rm(folder, { recursive: true });
});

/** A client's answer, in one form for all protocols. */
type Said = {
  readonly text: string;
  readonly calls: readonly { readonly name: string; readonly arguments: unknown }[];
  readonly logprobs: readonly number[];
  readonly completionTokens: number;
  readonly promptTokens: number;
  /** How many of the prompt's tokens were cached. */
  readonly cachedTokens: number;
};

/** A question that every protocol can ask in its own form. */
type Question = {
  readonly content: string;
  readonly parameters?: Record<string, unknown>;
  readonly schema?: Record<string, unknown>;
  readonly logprobs?: boolean;
};

const TOKENS = 40;
const NAME = "look_up";
const description = "Looks something up.";

function chatBody({ content, parameters, schema, logprobs = false }: Question) {
  return {
    model,
    messages: [{ role: "user" as const, content }],
    temperature: 0,
    max_tokens: TOKENS,
    ...(parameters && {
      tools: [{ type: "function" as const, function: { name: NAME, description, parameters } }],
      tool_choice: "required" as const,
    }),
    ...(schema && { response_format: { type: "json_schema" as const, json_schema: { name: "answer", schema } } }),
    ...(logprobs && { logprobs: true, top_logprobs: 2 }),
  };
}

function saidByChat({ choices, usage }: OpenAI.ChatCompletion): Said {
  const [choice] = choices;
  return {
    text: choice?.message.content ?? "",
    calls: (choice?.message.tool_calls ?? []).flatMap((call) =>
      call.type === "function" ? [{ name: call.function.name, arguments: parse(call.function.arguments) }] : [],
    ),
    logprobs: (choice?.logprobs?.content ?? []).flatMap(figures),
    completionTokens: usage?.completion_tokens ?? 0,
    promptTokens: usage?.prompt_tokens ?? 0,
    cachedTokens: usage?.prompt_tokens_details?.cached_tokens ?? 0,
  };
}

function responseBody({ content, parameters, schema, logprobs = false }: Question) {
  return {
    model,
    input: [{ type: "message" as const, role: "user" as const, content }],
    temperature: 0,
    max_output_tokens: TOKENS,
    store: false,
    ...(parameters && {
      tools: [{ type: "function" as const, name: NAME, description, parameters, strict: false }],
      tool_choice: "required" as const,
    }),
    ...(schema && { text: { format: { type: "json_schema" as const, name: "answer", schema } } }),
    ...(logprobs && { top_logprobs: 2 }),
  };
}

function saidByResponse({ output, usage }: OpenAI.Responses.Response): Said {
  const parts = output.flatMap((item) => (item.type === "message" ? item.content : []));
  const texts = parts.flatMap((part) => (part.type === "output_text" ? [part] : []));
  return {
    text: texts.map(({ text }) => text).join(""),
    calls: output.flatMap((item) =>
      item.type === "function_call" ? [{ name: item.name, arguments: parse(item.arguments) }] : [],
    ),
    logprobs: texts.flatMap(({ logprobs = [] }) => logprobs.flatMap(figures)),
    completionTokens: usage?.output_tokens ?? 0,
    promptTokens: usage?.input_tokens ?? 0,
    cachedTokens: usage?.input_tokens_details.cached_tokens ?? 0,
  };
}

function messageBody({ content, parameters, schema }: Question) {
  return {
    model,
    messages: [{ role: "user" as const, content }],
    temperature: 0,
    max_tokens: TOKENS,
    ...(parameters && {
      tools: [{ name: NAME, description, input_schema: { ...parameters, type: "object" as const } }],
      tool_choice: { type: "any" as const },
    }),
    ...(schema && { output_config: { format: { type: "json_schema" as const, schema } } }),
  };
}

function saidByMessage({ content, usage }: Anthropic.Message): Said {
  const cachedTokens = usage.cache_read_input_tokens ?? 0;
  return {
    text: content.map((block) => (block.type === "text" ? block.text : "")).join(""),
    calls: content.flatMap((block) =>
      block.type === "tool_use" ? [{ name: block.name, arguments: block.input }] : [],
    ),
    logprobs: [],
    completionTokens: usage.output_tokens,
    promptTokens: usage.input_tokens + cachedTokens,
    cachedTokens,
  };
}

function figures({ logprob, top_logprobs: top }: { logprob: number; top_logprobs: { logprob: number }[] }): number[] {
  return [logprob, ...top.map((each) => each.logprob)];
}

/** Arguments that were cut off count as absent, as in Anthropic's API. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

type Asker = { readonly name: string; readonly ask: (question: Question) => Promise<Said> };

const OPENAI: readonly Asker[] = [
  {
    name: "a chat completion",
    ask: async (question) => saidByChat(await openai.chat.completions.create(chatBody(question))),
  },
  {
    name: "a streamed chat completion",
    async ask(question) {
      const body = { ...chatBody(question), stream_options: { include_usage: true } };
      return saidByChat(await openai.chat.completions.stream(body).finalChatCompletion());
    },
  },
  {
    name: "a response",
    ask: async (question) => saidByResponse(await openai.responses.create(responseBody(question))),
  },
  {
    name: "a streamed response",
    ask: async (question) => saidByResponse(await openai.responses.stream(responseBody(question)).finalResponse()),
  },
];

const ALL: readonly Asker[] = [
  ...OPENAI,
  {
    name: "a message",
    ask: async (question) => saidByMessage(await anthropic.messages.create(messageBody(question))),
  },
  {
    name: "a streamed message",
    ask: async (question) => saidByMessage(await anthropic.messages.stream(messageBody(question)).finalMessage()),
  },
];

const CITY = {
  type: "object",
  properties: { city: { type: "string", enum: ["Paris", "Rome"] } },
  required: ["city"],
  additionalProperties: false,
};

const KINDS = [
  { kind: "text", question: {}, askers: ALL },
  { kind: "a call", question: { parameters: CITY }, askers: ALL },
  { kind: "JSON by a schema", question: { schema: CITY }, askers: ALL },
  { kind: "log-probabilities", question: { logprobs: true }, askers: OPENAI },
] as const;

const MISS = "sluice; fwd=miss; stored";
const HIT = /^sluice; hit; ttl=\d+$/;

describe.each(KINDS)("an answer of $kind", ({ kind, question, askers }) => {
  test.each(askers.map(({ name }, index) => ({ name, index })))(
    "that was generated for $name serves all the others, and is the same",
    async ({ index }) => {
      const asked = { content: `Name a city. This is number ${index}.`, ...question };
      const [filler, ...others] = [...askers.slice(index), ...askers.slice(0, index)];
      const filled = await filler?.ask(asked);
      expect(status()).toBe(MISS);
      expect(filled?.completionTokens).toBeGreaterThan(0);
      expect(kind === "a call" ? filled?.calls.length : filled?.text.length).toBeGreaterThan(0);
      for (const { ask, name } of others) {
        const said = await ask(asked);
        expect(status(), name).toMatch(HIT);
        expect(said, name).toEqual({ ...filled, cachedTokens: filled?.promptTokens });
      }
    },
  );
});

describe("the response cache", () => {
  const messages = [{ role: "user" as const, content: "Tell me a story about a fox." }];

  test("has several choices for a whole answer and for a streamed one", async () => {
    const body = { model, messages, n: 3, seed: 7, max_tokens: 12 };
    const runner = openai.chat.completions.stream(body);
    const streamed = await runner.finalChatCompletion();
    expect(status()).toBe(MISS);
    const whole = await openai.chat.completions.create(body);
    expect(status()).toMatch(HIT);
    const textsOf = ({ choices }: OpenAI.ChatCompletion) => choices.map(({ message }) => message.content);
    expect(textsOf(whole)).toEqual(textsOf(streamed));
    expect(new Set(textsOf(whole)).size).toBeGreaterThan(1);
  });

  test("plays completions back, in pieces that are tokens", async () => {
    const body = { model, prompt: "Once upon a time", temperature: 0, max_tokens: 20 };
    const whole = await openai.completions.create(body);
    const pieces: string[] = [];
    for await (const { choices } of await openai.completions.create(
      { ...body, stream: true },
      { headers: { "sluice-replay": "natural" } },
    )) {
      const [choice] = choices;
      if (choice?.text) pieces.push(choice.text);
    }
    expect(status()).toMatch(HIT);
    expect(pieces.join("")).toBe(whole.choices[0]?.text);
    expect(pieces.length).toBeGreaterThan(10);
  });

  test("does not store sampled answers, unless the request accepts an earlier one", async () => {
    const body = { model, messages, max_tokens: 4 };
    await openai.chat.completions.create(body);
    expect(status()).toBe("sluice; fwd=bypass");
    const headers = { "cache-control": "max-age=60" };
    const first = await openai.chat.completions.create(body, { headers });
    expect(status()).toBe(MISS);
    const second = await openai.chat.completions.create(body, { headers });
    expect(status()).toMatch(HIT);
    expect(second.choices).toEqual(first.choices);
  });

  test("keeps nothing of an answer whose client left, and answers 504 to only-if-cached", async () => {
    const body = { model, messages, temperature: 0, max_tokens: 60 };
    const stream = await openai.chat.completions.create({ ...body, stream: true });
    let chunks = 0;
    for await (const _ of stream) if (++chunks === 5) stream.controller.abort();
    const refusal = await openai.chat.completions
      .create(body, { headers: { "cache-control": "only-if-cached" } })
      .catch((error: unknown) => error);
    expect(refusal).toMatchObject({ status: 504, code: "not_cached" });
    await openai.chat.completions.create(body);
    expect(status()).toBe(MISS);
  });

  test("shares one generation among requests that come while it runs", async () => {
    const body = { model, messages, temperature: 0, max_tokens: 61 };
    const ask = async () => openai.chat.completions.create(body).withResponse();
    const answers = await Promise.all([ask(), ask(), ask()]);
    const statuses = answers.map(({ response }) => response.headers.get("cache-status")).sort();
    expect(statuses).toEqual([MISS, `${MISS}; collapsed`, `${MISS}; collapsed`]);
    expect(new Set(answers.map(({ data }) => data.choices[0]?.message.content)).size).toBe(1);
  });

  test("has the same answers after a restart", async () => {
    const body = { model, messages, temperature: 0, max_tokens: 8 };
    const before = await openai.chat.completions.create(body);
    expect(status()).toBe(MISS);
    sluice.kill("SIGTERM");
    expect((await sluice.ended).code).toBe(0);
    await start();
    const after = await openai.chat.completions.create(body);
    expect(status()).toMatch(HIT);
    expect(after.choices).toEqual(before.choices);
  });
});
