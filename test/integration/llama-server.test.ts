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

  test("answers whole as it streams, and tells measured times", async () => {
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

  test("goes on from tokens, mixed with text or not, as from the text that they make", async () => {
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

  test("has a bias on each token of a text", async () => {
    const { content } = answer.parse(await ask("/completion", { ...greedy, logit_bias: [[" Paris", false]] }));
    expect(content).not.toContain("Paris");
  });

  test("tells the ids and the probabilities of what it drew", async () => {
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
    // The likeliest is drawn.
    expect(completion_probabilities.map(({ top_logprobs: [best] }) => best?.id)).toEqual(tokens);
  });

  test("ends before a line that is indented less, and counts what was drawn", async () => {
    const body = { prompt: "1\n2\n3\n", grammar: 'root ::= "  a\\n  b\\nc" [a-z]+', n_indent: 2, n_predict: 100 };
    expect(await ask("/completion", body)).toMatchObject({
      content: "  a\n  b\n",
      stop_type: "limit",
      truncated: false,
      tokens_predicted: expect.any(Number),
    });
  });

  test("is refused where the model can't fill in the middle", async () => {
    expect(await ask("/infill", { input_prefix: "a", input_suffix: "b" })).toMatchObject({
      error: { code: 400, message: expect.stringContaining("can't fill in the middle") },
    });
  });

  test("tells of the model, its template and its slots", async () => {
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

/** What llama.vim sent, at commit a1c8e6e. */
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

/** What it sends before anything is asked, so that the server has read it. */
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

/** What llama.vscode sends, at commit 3938fb3. */
const LLAMA_VSCODE = {
  ...{ id_slot: 0, input_prefix: LLAMA_VIM.input_prefix, input_suffix: LLAMA_VIM.input_suffix, prompt: "    " },
  input_extra: [{ text: "PI = 3\n", time: 1_795_904_823_850, filename: "shapes.py" }],
  ...{ n_predict: 24, n_cmpl: 1, top_k: 40, top_p: 0.99, stream: false, samplers: ["top_k", "top_p", "infill"] },
  ...{ cache_prompt: true, n_indent: 4, t_max_prompt_ms: 500, t_max_predict_ms: 2_500 },
};

describe("editors, with a model that has tokens to fill in the middle", () => {
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

  test("get what llama.vim reads", async () => {
    expect(await infill(LLAMA_VIM_FIRST)).toEqual({});
    const read = z.strictObject({
      content: z.string(),
      ...Object.fromEntries(LLAMA_VIM.response_fields.slice(1, -2).map((name) => [name, z.number().min(0)])),
      truncated: z.literal(false),
      tokens_cached: z.number().min(1),
    });
    expect(read.safeParse(await infill(LLAMA_VIM)).error).toBeUndefined();
  });

  test("get what llama.vscode reads, several answers too", async () => {
    const read = answer.extend({
      generation_settings: z.looseObject({ n_ctx: z.literal(512) }),
      tokens_cached: z.number(),
      timings,
    });
    read.parse(await infill(LLAMA_VSCODE));
    expect(z.array(read).parse(await infill({ ...LLAMA_VSCODE, n_cmpl: 3 }))).toHaveLength(3);
  });

  test("may send more than the context holds", async () => {
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
