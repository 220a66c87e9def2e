import OpenAI, { APIError } from "openai";
import { afterEach, expect, test } from "vitest";
import { endAll, runSluice } from "./sluice-process.ts";

afterEach(endAll);

const model = "smollm2-135m-instruct";
const SLOTS = 4;
const BURST = 200;
/** Very short, since two hundred of them share the processors. Two random tokens may not be a whole character. */
const MAX_TOKENS = 2;
/** Few enough that most of a burst is refused at first. */
const MAX_PENDING = 16;
/** On a busy machine the real retry time may be minutes away, too long for a test. */
const LONGEST_PAUSE_MS = 1_000;

/** The official client with its default retries, which gets an earlier retry time than the real one, and the original of every refusal. */
function createClient(url: string): { readonly client: OpenAI; readonly refusals: readonly Response[] } {
  const refusals: Response[] = [];
  const client = new OpenAI({
    ...{ baseURL: `${url}/v1`, apiKey: "none" },
    async fetch(input, init) {
      const response = await fetch(input, init);
      if (response.ok) return response;
      refusals.push(response);
      const pauseMs = Math.min(Number(response.headers.get("retry-after-ms")), LONGEST_PAUSE_MS);
      return new Response(await response.text(), {
        status: response.status,
        headers: { "content-type": "application/json", "retry-after-ms": String(pauseMs) },
      });
    },
  });
  return { client, refusals };
}

async function askStreamed(client: OpenAI, content: string): Promise<string> {
  let text = "";
  const messages = [{ role: "user" as const, content }];
  for await (const chunk of await client.chat.completions.create({
    model,
    messages,
    ...{ max_tokens: MAX_TOKENS, temperature: 0 },
    stream: true,
  })) {
    text += chunk.choices[0]?.delta.content ?? "";
  }
  return text;
}

async function askWhole(client: OpenAI, content: string): Promise<string> {
  const messages = [{ role: "user" as const, content }];
  const { choices } = await client.chat.completions.create({ model, messages, max_tokens: MAX_TOKENS, temperature: 0 });
  return choices[0]?.message.content ?? "";
}

test("a burst of 200 by the official client on 4 slots is answered or fails typed, none hangs, and nothing is left of it", async () => {
  const url = await runSluice(
    "--slots",
    String(SLOTS),
    "--context",
    "512",
    "--max-pending",
    String(MAX_PENDING),
    "--state-file",
    ":memory:",
  ).ready;
  const { client, refusals } = createClient(url);
  const outcomes = await Promise.allSettled(
    Array.from({ length: BURST }, (_, index) =>
      (index % 2 === 0 ? askStreamed : askWhole)(client, `Is ${index} even?`),
    ),
  );

  const answers = outcomes.filter((outcome) => outcome.status === "fulfilled").map(({ value }) => value);
  const errors = outcomes.filter((outcome) => outcome.status === "rejected").map(({ reason }) => reason as unknown);
  expect(answers.length).toBeGreaterThanOrEqual(SLOTS);
  expect(answers.filter((text) => text === "")).toEqual([]);
  for (const error of errors) {
    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({ status: 503, code: "server_overloaded" });
  }
  expect(refusals.length).toBeGreaterThanOrEqual((BURST - MAX_PENDING) / 2);
  for (const { status, headers } of refusals) {
    expect(status).toBe(503);
    expect(Number(headers.get("retry-after-ms"))).toBeGreaterThan(0);
    expect(Number(headers.get("retry-after")) * 1000).toBeGreaterThanOrEqual(Number(headers.get("retry-after-ms")));
  }
  // With one retry time for all, they would come back as the same burst.
  expect(new Set(refusals.map(({ headers }) => headers.get("retry-after-ms"))).size).toBeGreaterThan(10);

  const messages = [{ role: "user" as const, content: "Say hi" }];
  const next = client.chat.completions.create({ model, messages, max_tokens: MAX_TOKENS }, { maxRetries: 0 });
  const { response } = await next.withResponse();
  // Position 0 means that its turn came at once.
  expect(response.headers.get("sluice-queue-position") ?? "0").toBe("0");
});

test("a prompt over the context gets that error in every protocol, whatever the deadline, the load or its cost", async () => {
  const url = await runSluice("--slots", "1", "--context", "512", "--max-pending", "1", "--state-file", ":memory:")
    .ready;
  const busy = new AbortController();
  const post = (path: string, body: object, headers: Record<string, string> = {}, signal?: AbortSignal) =>
    fetch(`${url}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify({ model, ...body }),
      ...(signal && { signal }),
    });
  const content = "hello ".repeat(12_000);
  const messages = [{ role: "user", content }];
  const chat = () => post("/v1/chat/completions", { messages }, { "x-stainless-timeout": "600" });
  const alone = await chat();
  expect(alone.status).toBe(400);

  const story = [{ role: "user", content: "Tell me a long story." }];
  const running = await post("/v1/chat/completions", { messages: story, stream: true }, {}, busy.signal);
  expect(running.status).toBe(200);
  const hi = { messages: [{ role: "user", content: "Hi" }], max_tokens: 1 };
  expect((await post("/v1/chat/completions", hi)).status).toBe(503);
  for (const ask of [
    chat,
    () => post("/v1/chat/completions", { messages }, { "sluice-max-wait-ms": "1" }),
    () => post("/v1/completions", { prompt: content }),
    () => post("/v1/responses", { input: content }),
  ]) {
    const response = await ask();
    expect(response.status).toBe(400);
    expect(Object(await response.json()).error).toMatchObject({
      code: "context_length_exceeded",
      message: expect.stringMatching(/^This model's maximum context length is 512 tokens/),
    });
  }
  const tools = [{ name: "run", description: content, input_schema: { type: "object", properties: {} } }];
  const claude = await post(
    "/v1/messages",
    { ...hi, max_tokens: 32_000, tools, stream: true },
    { "x-stainless-timeout": "600" },
  );
  expect(claude.status).toBe(400);
  expect(Object(await claude.json()).error.message).toMatch(/^prompt is too long: \d+ tokens > 512 maximum/);
  busy.abort();
});
