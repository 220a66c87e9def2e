import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { z } from "zod";
import { events } from "./client.ts";
import { copyWithInfillTokens } from "./fixtures/infill-model.ts";
import { runSluice, type SluiceProcess } from "./sluice-process.ts";

const MODEL_FILE = "models/smollm2-135m-instruct-Q4_1.gguf";

const answer = z.looseObject({ content: z.string(), stop: z.boolean() });
const timings = z.object({
  prompt_n: z.number(),
  prompt_ms: z.number().positive(),
  predicted_n: z.number(),
  predicted_ms: z.number().positive(),
});

function post(url: string, path: string, body: object): Promise<Response> {
  return fetch(`${url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

async function ask(path: string, body: object) {
  return (await post(inject("gatewayUrl"), path, body)).json();
}

describe("llama-server's API, with the real model", () => {
  const greedy = { prompt: "The capital of France is", n_predict: 8, temperature: 0 };

  test("returns the same text whole and streamed, with measured times", async () => {
    const whole = answer
      .extend({ timings, tokens_predicted: z.number() })
      .parse(await ask("/completion", { ...greedy, cache_prompt: false }));
    expect(whole.content).toContain("Paris");
    expect(whole.tokens_predicted).toBe(8);
    let streamed = "";
    let last: unknown;
    const response = await post(inject("gatewayUrl"), "/completion", { ...greedy, stream: true, seed: 1 });
    for await (const event of events(response)) {
      last = answer.parse(JSON.parse(event));
      streamed += answer.parse(last).content;
    }
    expect(streamed).toBe(whole.content);
    expect(last).toMatchObject({ stop: true, stop_type: "limit", tokens_predicted: 8 });
  });

  test("continues tokens, mixed with text or not, like the text that they spell", async () => {
    const { tokens } = z
      .object({ tokens: z.array(z.number()) })
      .parse(await ask("/tokenize", { content: greedy.prompt }));
    const [text, ids, mixed] = await Promise.all(
      [greedy.prompt, tokens, ["The capital of France", ...tokens.slice(-1)]].map(async (prompt) =>
        answer.parse(await ask("/completion", { ...greedy, prompt })),
      ),
    );
    expect(ids?.content).toBe(text?.content);
    expect(mixed?.content).toBe(text?.content);
  });

  test("applies a bias to each token of a text", async () => {
    const { content } = answer.parse(await ask("/completion", { ...greedy, logit_bias: [[" Paris", false]] }));
    expect(content).not.toContain("Paris");
  });

  test("returns the ids and probabilities of the sampled tokens", async () => {
    const told = z.object({
      tokens: z.array(z.number()).length(8),
      completion_probabilities: z
        .array(
          z.object({
            id: z.number(),
            logprob: z.number(),
            top_logprobs: z.array(z.object({ id: z.number() })).length(2),
          }),
        )
        .length(8),
    });
    const { tokens, completion_probabilities } = told.parse(
      await ask("/completion", { ...greedy, n_probs: 2, return_tokens: true }),
    );
    expect(completion_probabilities.map(({ id }) => id)).toEqual(tokens);
    // The likeliest token is sampled.
    expect(completion_probabilities.map(({ top_logprobs: [best] }) => best?.id)).toEqual(tokens);
  });

  test("ends before a line that is indented less, and counts the generated tokens", async () => {
    const body = { prompt: "1\n2\n3\n", grammar: 'root ::= "  a\\n  b\\nc" [a-z]+', n_indent: 2, n_predict: 100 };
    expect(await ask("/completion", body)).toMatchObject({
      content: "  a\n  b\n",
      stop_type: "limit",
      truncated: false,
      tokens_predicted: expect.any(Number),
    });
  });

  test("refuses /infill for a model that can't fill in the middle", async () => {
    expect(await ask("/infill", { input_prefix: "a", input_suffix: "b" })).toMatchObject({
      error: { code: 400, message: expect.stringContaining("can't fill in the middle") },
    });
  });

  test("describes the model, its template and its slots", async () => {
    const url = inject("gatewayUrl");
    const props = z.looseObject({ total_slots: z.number().min(1), chat_template: z.string() });
    const { total_slots, chat_template } = props.parse(await (await fetch(`${url}/props`)).json());
    expect(chat_template).toContain("<|im_start|>");
    expect(await (await fetch(`${url}/slots`)).json()).toHaveLength(total_slots);
  });

  test("makes embeddings", async () => {
    const list = z.array(
      z.object({ index: z.number(), embedding: z.array(z.array(z.number()).length(576)).length(1) }),
    );
    expect(list.parse(await ask("/embedding", { content: ["a", "b"] }))).toHaveLength(2);
  });
});

/** A request that llama.vim sent, at commit a1c8e6e. */
const LLAMA_VIM = {
  id_slot: 0,
  input_prefix: "import math\n\ndef area(radius):\n",
  input_suffix: "\n\ndef main():\n    print(area(2))\n",
  input_extra: [{ filename: "shapes.py", time: [1_795_904_823, 850_744], text: "PI = 3\n" }],
  prompt: "    ",
  n_predict: 24,
  stop: [],
  n_indent: 4,
  top_k: 40,
  top_p: 0.9,
  samplers: ["top_k", "top_p", "infill"],
  stream: false,
  cache_prompt: true,
  t_max_prompt_ms: 500,
  t_max_predict_ms: 1_000,
  model: "",
  response_fields: [
    "content",
    ...["prompt_n", "prompt_ms", "prompt_per_token_ms", "prompt_per_second"].map((name) => `timings/${name}`),
    ...["predicted_n", "predicted_ms", "predicted_per_token_ms", "predicted_per_second"].map(
      (name) => `timings/${name}`,
    ),
    "truncated",
    "tokens_cached",
  ],
};

/** The request that llama.vim sends ahead, so that the server has evaluated it. */
const LLAMA_VIM_FIRST = {
  ...LLAMA_VIM,
  ...{
    input_prefix: "",
    input_suffix: "",
    prompt: "",
    n_predict: 0,
    temperature: 0,
    samplers: [],
    response_fields: [""],
  },
  ...{ t_max_prompt_ms: 1, t_max_predict_ms: 1 },
};

/** A request of llama.vscode, at commit 3938fb3. */
const LLAMA_VSCODE = {
  ...{ id_slot: 0, input_prefix: LLAMA_VIM.input_prefix, input_suffix: LLAMA_VIM.input_suffix, prompt: "    " },
  input_extra: [{ text: "PI = 3\n", time: 1_795_904_823_850, filename: "shapes.py" }],
  ...{ n_predict: 24, n_cmpl: 1, top_k: 40, top_p: 0.99, stream: false, samplers: ["top_k", "top_p", "infill"] },
  ...{ cache_prompt: true, n_indent: 4, t_max_prompt_ms: 500, t_max_predict_ms: 2_500 },
};

/** One of the 20 tools of llama.vscode's agent, at commit 3938fb3; the others are of the same form. */
const RUN_COMMAND = {
  type: "function",
  function: {
    name: "run_terminal_command",
    description: "Runs the provided command in a terminal and returns the result. For Windows uses powershell.",
    parameters: {
      type: "object",
      properties: { command: { type: "string", description: "The command to be executed in the terminal" } },
    },
    strict: true,
  },
};

describe("llama.vscode's chat and agent, by the bodies that its source makes at commit 3938fb3", () => {
  const system = { role: "system", content: "You are an agent for software development." };
  const question = { role: "user", content: "How many files are here?" };
  const call = {
    ...{ id: "call_1", type: "function" },
    function: { name: "run_terminal_command", arguments: '{"command":"ls"}' },
  };
  const called = [
    system,
    question,
    { role: "assistant", content: null, tool_calls: [call] },
    { role: "tool", tool_call_id: "call_1", content: "a.ts\nb.ts" },
  ];
  const offer = { tools: [RUN_COMMAND], tool_choice: "auto" };
  const url = () => inject("gatewayUrl");
  const get = async (path: string) => (await fetch(`${url()}${path}`)).json();

  /** The text that it reads from the lines of a stream. */
  async function readStream(body: object) {
    const response = await post(url(), "/v1/chat/completions", { ...body, stream: true });
    expect(response.status).toBe(200);
    let content = "";
    let finishReason: string | undefined;
    const calls: { id: string; name: string; arguments: string }[] = [];
    const chunk = z.looseObject({
      choices: z.array(
        z.looseObject({
          finish_reason: z.string().nullish(),
          delta: z.looseObject({
            content: z.string().nullish(),
            tool_calls: z
              .array(
                z.looseObject({
                  index: z.number(),
                  id: z.string().optional(),
                  function: z.object({ name: z.string().optional(), arguments: z.string().optional() }),
                }),
              )
              .optional(),
          }),
        }),
      ),
    });
    for await (const event of events(response)) {
      if (event === "[DONE]") break;
      const [choice] = chunk.parse(JSON.parse(event)).choices;
      content += choice?.delta.content ?? "";
      finishReason = choice?.finish_reason ?? finishReason;
      for (const { index, id, function: made } of choice?.delta.tool_calls ?? []) {
        const known = calls[index] ?? { id: "", name: "", arguments: "" };
        calls[index] = {
          id: id ?? known.id,
          name: made.name ?? known.name,
          arguments: known.arguments + (made.arguments ?? ""),
        };
      }
    }
    return { content, finishReason, calls };
  }

  test("learn that the server is there, which model it has, and how long its context is", async () => {
    expect(await get("/health")).toMatchObject({ status: "ok" });
    const list = z.looseObject({ data: z.array(z.looseObject({ id: z.string(), meta: z.looseObject({}) })) });
    const models = list.parse(await get("/v1/models"));
    const model = models.data[0]?.id ?? "";
    const props = z.looseObject({ default_generation_settings: z.looseObject({ n_ctx: z.int().positive() }) });
    const alone = props.parse(await get("/props"));
    expect(props.parse(await get(`/props?${new URLSearchParams({ model, autoload: "false" })}`))).toEqual(alone);
  });

  test("count a prompt as it would be, tools and results and all", async () => {
    const template = z.object({ prompt: z.string() });
    const { prompt } = template.parse(await ask("/apply-template", { messages: called, ...offer }));
    expect(prompt).toContain("run_terminal_command");
    expect(prompt).toContain("b.ts");
    const counted = z.object({ tokens: z.array(z.number()).min(1) });
    const { tokens } = counted.parse(
      await ask("/tokenize", { content: prompt, add_special: false, parse_special: true }),
    );
    const usage = z.looseObject({ usage: z.looseObject({ prompt_tokens: z.number() }) });
    const body = { messages: called, ...offer, stream: false, max_tokens: 1 };
    expect(usage.parse(await ask("/v1/chat/completions", body)).usage.prompt_tokens).toBe(tokens.length);
    // Without tools the field is absent, and only the messages are counted.
    template.parse(await ask("/apply-template", { messages: called }));
  });

  test("call a tool, and answer with its result, as streams", async () => {
    // The small model would never stop generating text and calls.
    const parameters = { type: "object", properties: {}, additionalProperties: false };
    const getDiff = { type: "function", function: { name: "get_diff", description: "Shows the changes.", parameters } };
    const tools = { tools: [getDiff], tool_choice: "required", parallel_tool_calls: false };
    expect(await readStream({ messages: [system, question], ...tools, max_tokens: 64 })).toMatchObject({
      calls: [{ id: expect.stringMatching(/./), name: "get_diff", arguments: expect.stringMatching(/^\{\s*\}$/) }],
      finishReason: "tool_calls",
    });
    expect(await readStream({ messages: called, ...offer, max_tokens: 8 })).toMatchObject({
      finishReason: expect.stringMatching(/./),
    });
  });

  test("go on from a summary, from results whose calls it left out, and from a call that was cut off", async () => {
    const cut = { ...call, function: { ...call.function, arguments: '{"command":"l' } };
    for (const messages of [
      [system, { role: "system", content: "Earlier conversation summary: x" }, ...called.slice(3), question],
      [system, question, { role: "assistant", content: "", tool_calls: [cut] }, ...called.slice(3)],
      [...called, { role: "assistant", content: "Two." }, { role: "user", content: "Sure?" }],
    ]) {
      const { finishReason } = await readStream({ messages, ...offer, max_tokens: 4 });
      expect(finishReason).toMatch(/^(length|stop)$/);
    }
    const summary = [{ role: "system", content: "Summarize the conversation concisely." }, ...called];
    const body = { messages: summary, stream: false, temperature: 0.8, top_p: 0.95, max_tokens: 4 };
    expect(await ask("/v1/chat/completions", body)).toMatchObject({ choices: [{ message: { role: "assistant" } }] });
  });

  test("edit and ask about code, complete it by OpenAI's API, and search it by vectors", async () => {
    const edit = { messages: [system, question], stream: false, cache_prompt: true, temperature: 0.8, top_p: 0.95 };
    const answered = { choices: [{ message: { content: expect.any(String) } }] };
    expect(await ask("/v1/chat/completions", { ...edit, max_tokens: 4 })).toMatchObject(answered);
    const model = z.looseObject({ data: z.array(z.looseObject({ id: z.string() })) }).parse(await get("/v1/models"));
    const completion = { model: model.data[0]?.id, prompt: "def area(", max_tokens: 4, temperature: 0.1, top_p: 0.99 };
    expect(await ask("/v1/completions", { ...completion, stream: false })).toMatchObject({
      choices: [{ text: expect.any(String), finish_reason: "length" }],
      ...{ model: completion.model, created: expect.any(Number), usage: { prompt_tokens: expect.any(Number) } },
    });
    expect(await ask("/v1/embeddings", { input: "def area(r)", encoding_format: "float" })).toMatchObject({
      data: [{ embedding: expect.arrayContaining([expect.any(Number)]) }],
      usage: { total_tokens: expect.any(Number) },
    });
  });
});

describe("editors, with a model that has fill-in-the-middle tokens", () => {
  let folder: string;
  let gateway: SluiceProcess;
  let url: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-infill-"));
    const file = join(folder, "infill.gguf");
    await copyWithInfillTokens(MODEL_FILE, file);
    gateway = runSluice("--model", file, "--state-file", join(folder, "state.db"), "--context", "512");
    url = await gateway.ready;
  }, 60_000);
  afterAll(async () => {
    gateway.kill("SIGTERM");
    await gateway.ended;
    await rm(folder, { recursive: true });
  });

  const infill = async (body: object): Promise<unknown> => (await post(url, "/infill", body)).json();

  test("get the fields that llama.vim reads", async () => {
    expect(await infill(LLAMA_VIM_FIRST)).toEqual({});
    const read = z.strictObject({
      content: z.string(),
      ...Object.fromEntries(LLAMA_VIM.response_fields.slice(1, -2).map((name) => [name, z.number().min(0)])),
      truncated: z.literal(false),
      tokens_cached: z.number().min(1),
    });
    expect(read.safeParse(await infill(LLAMA_VIM)).error).toBeUndefined();
  });

  test("get the fields that llama.vscode reads, for several answers too", async () => {
    const read = answer.extend({
      generation_settings: z.looseObject({ n_ctx: z.literal(512) }),
      tokens_cached: z.number(),
      timings,
    });
    read.parse(await infill(LLAMA_VSCODE));
    expect(z.array(read).parse(await infill({ ...LLAMA_VSCODE, n_cmpl: 3 }))).toHaveLength(3);
    // It has its files evaluated ahead.
    const { input_extra, id_slot } = LLAMA_VSCODE;
    const first = { id_slot, input_prefix: "", input_suffix: "", input_extra, prompt: "", n_predict: 0, samplers: [] };
    answer.parse(await infill({ ...first, cache_prompt: true, t_max_prompt_ms: 500, t_max_predict_ms: 1 }));
  });

  test("may send more text than the context holds", async () => {
    const line = "value = compute(1, 2, 3)\n";
    const body = {
      ...LLAMA_VSCODE,
      ...{ input_prefix: line.repeat(300), input_suffix: line.repeat(300), n_predict: 2 },
      input_extra: Array.from({ length: 40 }, (_, index) => ({ filename: `${index}.py`, text: line.repeat(20) })),
    };
    const { tokens_evaluated } = answer.extend({ tokens_evaluated: z.number() }).parse(await infill(body));
    expect(tokens_evaluated).toBeGreaterThan(300);
    expect(tokens_evaluated).toBeLessThanOrEqual(384);
    const few = { ...body, input_prefix: "a = ", input_suffix: "\n" };
    const { tokens_evaluated: withFiles } = answer.extend({ tokens_evaluated: z.number() }).parse(await infill(few));
    expect(withFiles).toBeGreaterThan(150);
    expect(withFiles).toBeLessThanOrEqual(384);
  });
});
