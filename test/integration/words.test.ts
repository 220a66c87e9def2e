import { expect, inject, test } from "vitest";
import { z } from "zod";
import { complete, events, post, textOf } from "./client.ts";

const MODEL = "smollm2-135m-instruct";
const question = [{ role: "user", content: "What is the capital of France?" }];

const scored = z.object({
  tokens: z.array(z.string()),
  token_logprobs: z.array(z.number().nullable()),
  top_logprobs: z.array(z.record(z.string(), z.number()).nullable()),
  text_offset: z.array(z.number()),
});
const completion = z.object({
  choices: z.array(
    z.object({
      text: z.string(),
      finish_reason: z.string(),
      logprobs: scored.nullable(),
      prompt_logprobs: z
        .array(
          z
            .record(
              z.string(),
              z.object({ logprob: z.number(), rank: z.number().nullable(), decoded_token: z.string() }),
            )
            .nullable(),
        )
        .optional(),
    }),
  ),
  usage: z.object({ prompt_tokens: z.number(), completion_tokens: z.number() }),
});

async function send(path: string, body: object): Promise<Response> {
  return fetch(`${inject("gatewayUrl")}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: MODEL, ...body }),
  });
}

async function completions(body: object) {
  const response = await send("/v1/completions", body);
  const json: unknown = await response.json();
  expect(response.status, JSON.stringify(json)).toBe(200);
  return completion.parse(json);
}

async function tokenize(content: string): Promise<number[]> {
  const response = await send("/tokenize", { content });
  return z.object({ tokens: z.array(z.number()) }).parse(await response.json()).tokens;
}

async function say(body: object): Promise<string> {
  const { choices } = await complete({ messages: question, temperature: 0, max_tokens: 40, ...body });
  return choices[0]?.message.content ?? "";
}

test.each([
  [{ guided_choice: ["Berlin", "Madrid", "Rome."] }, /^(Berlin|Madrid|Rome\.)$/],
  [{ structured_outputs: { choice: ["yes", "no"] } }, /^(yes|no)$/],
  [{ guided_regex: "[A-Z][a-z]{3,8}" }, /^[A-Z][a-z]{3,8}$/],
  [{ guided_grammar: 'root ::= ("a" | "b"){3}' }, /^[ab]{3}$/],
  [{ guided_grammar: 'start: COLOUR "!"\nCOLOUR: /red|blue/' }, /^(red|blue)!$/],
  [{ ebnf: 'root ::= "x" [0-9]' }, /^x[0-9]$/],
])("an answer is what a neighbour's word says: %j", async (body, pattern) => {
  expect(await say(body)).toMatch(pattern);
});

test.each([
  [{ guided_json: { type: "object", properties: { city: { type: "string", maxLength: 12 } }, required: ["city"] } }],
  [{ json_schema: { type: "object", properties: { city: { type: "string", maxLength: 12 } }, required: ["city"] } }],
  [{ format: { type: "object", properties: { city: { type: "string", maxLength: 12 } }, required: ["city"] } }],
])("an answer fits a neighbour's schema: %j", async (body) => {
  expect(JSON.parse(await say({ ...body, max_tokens: 80 }))).toEqual({ city: expect.any(String) });
});

test("an answer reaches its minimum number of tokens, and goes on until the limit with `ignore_eos`", async () => {
  const ask = async (fields: object) =>
    (await complete({ messages: [{ role: "user", content: "Say hi." }], temperature: 0, max_tokens: 60, ...fields }))
      .usage.completion_tokens;
  const own = await ask({});
  expect(own).toBeLessThan(60);
  expect(await ask({ min_tokens: own + 10 })).toBeGreaterThanOrEqual(own + 10);
  expect(await ask({ ignore_eos: true })).toBe(60);
});

const about = [{ role: "user", content: "Write one sentence about a dog in a garden." }];

/** A word of the answer that is one token, and the text before it. */
async function findWord() {
  const whole = await say({ messages: about });
  for (const [word] of whole.matchAll(/ [A-Za-z]{3,}\b/g)) {
    const tokens = await tokenize(word);
    if (tokens.length === 1) return { word, token: tokens[0] ?? -1, before: whole.slice(0, whole.indexOf(word)) };
  }
  throw new Error(`There is no such word in ${whole}.`);
}

test("a bad word is missing from an answer that would contain it", async () => {
  const word = (await findWord()).word.trim();
  const standsAlone = new RegExp(`\\b${word}\\b`);
  expect(await say({ messages: about })).toMatch(standsAlone);
  expect(await say({ messages: about, bad_words: [word] })).not.toMatch(standsAlone);
  expect(await say({ messages: about, bad_words: [word], temperature: 1, seed: 3 })).not.toMatch(standsAlone);
});

test("an answer ends before a stop token, or after it if requested", async () => {
  const { word, token, before } = await findWord();
  expect(await say({ messages: about, stop_token_ids: [token] })).toBe(before);
  expect(await say({ messages: about, stop_token_ids: [token], include_stop_str_in_output: true })).toBe(before + word);
  expect(await say({ messages: about, stop: [word], include_stop_str_in_output: true })).toBe(before + word);
});

test("only allowed tokens are sampled", async () => {
  const allowed = await tokenize(" yes no");
  const text = await say({ allowed_token_ids: allowed, max_tokens: 6, temperature: 1, seed: 1 });
  expect(text.replaceAll(/ yes| no|yes|no/g, "")).toBe("");
  expect(text).not.toBe("");
});

test("a token outside the vocabulary is refused with the field's name", async () => {
  for (const field of ["stop_token_ids", "allowed_token_ids"]) {
    const response = await post({ messages: question, [field]: [999_999_999] });
    expect({ status: response.status, body: await response.json() }).toMatchObject({
      status: 400,
      body: { error: { param: field, message: expect.stringContaining("999999999") } },
    });
  }
});

const TEXT = "The capital of France is Paris, and the capital of Germany is Berlin. The capital of Italy is Rome.";

test("a prompt's log-probabilities equal those of its tokens when they are sampled one by one", async () => {
  const tokens = await tokenize(TEXT);
  const { choices, usage } = await completions({ prompt: [tokens], echo: true, logprobs: 2, max_tokens: 0 });
  const { logprobs, text, finish_reason } = choices[0] ?? {};
  expect({ text, finish_reason, usage }).toMatchObject({
    text: TEXT,
    finish_reason: "length",
    usage: { prompt_tokens: tokens.length, completion_tokens: 0 },
  });
  expect(logprobs?.tokens.join("")).toBe(TEXT);
  expect(logprobs?.token_logprobs[0]).toBeNull();
  expect(logprobs?.text_offset[1]).toBe(logprobs?.tokens[0]?.length);
  for (const place of [1, 5, tokens.length - 2, tokens.length - 1]) {
    // A bias makes the next token certain; its score is the model's own.
    const forced = await completions({
      prompt: tokens.slice(0, place),
      logit_bias: { [String(tokens[place])]: 100 },
      logprobs: 2,
      max_tokens: 1,
      temperature: 0,
    });
    const alone = forced.choices[0]?.logprobs;
    expect(alone?.tokens[0]).toBe(logprobs?.tokens[place]);
    expect(logprobs?.token_logprobs[place]).toBeCloseTo(alone?.token_logprobs[0] ?? Number.NaN, 1);
    expect(Object.keys(logprobs?.top_logprobs[place] ?? {})).toEqual(
      expect.arrayContaining(Object.keys(alone?.top_logprobs[0] ?? {}).slice(0, 1)),
    );
  }
});

test("they tell the likelier of two continuations, as in lm-eval, with several prompts in a request", async () => {
  const context = await tokenize("The capital of France is");
  const endings = await Promise.all([" Paris", " seventeen"].map(tokenize));
  const { choices } = await completions({
    prompt: endings.map((ending) => [...context, ...ending]),
    echo: true,
    logprobs: 1,
    max_tokens: 1,
    temperature: 0,
    seed: 1234,
  });
  const sums = choices.map(({ logprobs }, index) =>
    (logprobs?.token_logprobs.slice(context.length, -1) ?? []).reduce<number>((sum, one) => {
      expect(logprobs?.token_logprobs).toHaveLength(context.length + (endings[index]?.length ?? 0) + 1);
      return sum + (one ?? Number.NaN);
    }, 0),
  );
  expect(sums[0]).toBeGreaterThan(sums[1] ?? Number.NaN);
});

test("they also come in vLLM's form, in a chat, and in pieces in a stream", async () => {
  const tokens = await tokenize("One two three four");
  const { choices } = await completions({ prompt: tokens, prompt_logprobs: 1, max_tokens: 1 });
  const told = choices[0]?.prompt_logprobs ?? [];
  expect(told).toHaveLength(tokens.length);
  expect(told[0]).toBeNull();
  tokens.slice(1).forEach((token, index) => {
    expect(told[index + 1]).toHaveProperty(String(token));
    expect(Object.values(told[index + 1] ?? {}).some(({ rank }) => rank === 1)).toBe(true);
  });

  const chat = await post({ messages: question, max_tokens: 1, prompt_logprobs: 0 });
  const { prompt_logprobs, usage } = z
    .object({ prompt_logprobs: z.array(z.unknown()), usage: z.object({ prompt_tokens: z.number() }) })
    .parse(await chat.json());
  expect(prompt_logprobs).toHaveLength(usage.prompt_tokens);

  const response = await send("/v1/completions", {
    prompt: tokens,
    echo: true,
    logprobs: 0,
    max_tokens: 2,
    stream: true,
    temperature: 0,
  });
  const all = [...(await response.text()).matchAll(/^data: (\{.*)$/gm)].map(([, data = ""]) => JSON.parse(data));
  const parts = z.array(z.object({ choices: z.array(z.object({ logprobs: scored.nullable() })) })).parse(all);
  const streamed = parts.flatMap(({ choices: [choice] }) => choice?.logprobs?.token_logprobs ?? []);
  const whole = await completions({ prompt: tokens, echo: true, logprobs: 0, max_tokens: 2, temperature: 0 });
  expect(streamed).toHaveLength(whole.choices[0]?.logprobs?.token_logprobs.length ?? -1);
  expect(streamed[0]).toBeNull();
});

test("a long prompt is scored while another answer continues", async () => {
  const tokens = (await tokenize(TEXT.repeat(60))).slice(0, 500);
  const left = new AbortController();
  const body = { messages: question, stream: true, ignore_eos: true, max_tokens: 900 };
  const parts = events(await post(body, { signal: left.signal, body: JSON.stringify({ model: MODEL, ...body }) }));
  await parts.next();
  const scoring = completions({ prompt: tokens, echo: true, logprobs: 1, max_tokens: 0 }).finally(() => left.abort());
  let meanwhile = 0;
  try {
    for await (const part of parts) if (textOf(part) !== "") meanwhile += 1;
  } catch (error) {
    if (!left.signal.aborted) throw error;
  }
  const { choices } = await scoring;
  expect(choices[0]?.logprobs?.token_logprobs).toHaveLength(500);
  // The answer has at least as many pieces.
  expect(meanwhile).toBeGreaterThan(5);
});
