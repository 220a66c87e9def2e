import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI, { BadRequestError } from "openai";
import { describe, expect, inject, onTestFinished, test } from "vitest";
import { complete, user } from "./client.ts";
import { endAll, runSluice } from "./sluice-process.ts";

const client = new OpenAI({ baseURL: `${inject("gatewayUrl")}/v1`, apiKey: "none", maxRetries: 0 });
const model = "smollm2-135m-instruct";
const DIMENSIONS = 576;

async function embed(input: OpenAI.EmbeddingCreateParams["input"], dimensions?: number): Promise<number[][]> {
  const { data } = await client.embeddings.create({ model, input, ...(dimensions !== undefined && { dimensions }) });
  return data.map(({ embedding }) => embedding);
}

function cosine(a: readonly number[] | undefined, b: readonly number[] | undefined): number {
  if (a === undefined || b === undefined) expect.fail("a vector is missing");
  return a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
}

/** The embedding processes, the latest last. */
async function embedderPids(): Promise<number[]> {
  const log = await readFile(inject("gatewayLog"), "utf8");
  return log
    .split("\n")
    .filter((line) => line.includes("the embedding process is ready"))
    .map((line) => (JSON.parse(line) as { enginePid: number }).enginePid);
}

describe("embeddings of the chat model", () => {
  test("have the length 1 and the model's dimensions", async () => {
    const { data, usage, model: id } = await client.embeddings.create({ model: "smollm2", input: "The sky is blue." });
    const [vector] = data.map(({ embedding }) => embedding);
    expect(id).toBe(model);
    expect(vector).toHaveLength(DIMENSIONS);
    expect(cosine(vector, vector)).toBeCloseTo(1, 5);
    expect(usage).toEqual({ prompt_tokens: 5, total_tokens: 5 });
  });

  test("are closer for sentences with similar meanings than for others", async () => {
    const [cat, kitten, market, shares] = await embed([
      "A cat sleeps on the warm windowsill.",
      "The kitten is napping by the sunny window.",
      "Stock prices fell sharply after the central bank raised rates.",
      "Shares dropped when the bank increased its interest rate.",
    ]);
    const unrelated = Math.max(
      cosine(cat, market),
      cosine(cat, shares),
      cosine(kitten, market),
      cosine(kitten, shares),
    );
    expect(cosine(cat, kitten)).toBeGreaterThan(unrelated);
    expect(cosine(market, shares)).toBeGreaterThan(unrelated);
  });

  test("are bit-identical when repeated, in a list, as floats, and while the model generates", async () => {
    const text = "Identical input gives identical vectors.";
    const [alone] = await embed(text);
    const [, inList] = await embed(["Something else.", text, "And more."]);
    const floats = await client.embeddings.create({ model, input: text, encoding_format: "float" });
    const [[beside]] = await Promise.all([
      embed(text),
      complete({ messages: user("Tell me a story."), max_tokens: 16, temperature: 0 }),
    ]);
    expect(inList).toEqual(alone);
    expect(floats.data[0]?.embedding).toEqual(alone);
    expect(beside).toEqual(alone);
  });

  test("accept a text of half the context, and refuse one longer than the context by its index in the list", async () => {
    const sentence = "The old captain looked over the grey water and thought about the harbour. ";
    const [short, long] = await embed([sentence.repeat(2), sentence.repeat(40)]);
    expect(cosine(long, long)).toBeCloseTo(1, 5);
    expect(long).not.toEqual(short);
    const refused = embed(["short", sentence.repeat(100)]);
    await expect(refused).rejects.toBeInstanceOf(BadRequestError);
    await expect(refused).rejects.toMatchObject({
      param: "input[1]",
      code: "context_length_exceeded",
      message: expect.stringMatching(
        /maximum context length is 1024 tokens, however you requested 1\d{3} tokens in 'input\[1\]'\./,
      ),
    });
  });

  test("may be cut to fewer dimensions, which have the length 1 again; more are refused", async () => {
    const [whole] = await embed("Fewer numbers.");
    const [cut] = await embed("Fewer numbers.", 64);
    expect(cut).toHaveLength(64);
    expect(cosine(cut, cut)).toBeCloseTo(1, 5);
    const scale = Math.sqrt(cosine(whole?.slice(0, 64), whole?.slice(0, 64)));
    expect(cosine(cut, whole?.slice(0, 64))).toBeCloseTo(scale, 5);
    await expect(embed("Fewer numbers.", DIMENSIONS + 1)).rejects.toMatchObject({
      param: "dimensions",
      code: "integer_above_max_value",
    });
  });

  test("take token ids of the model's own vocabulary", async () => {
    const [[one], two] = await Promise.all([embed([504, 6376, 314, 4461, 30]), embed([[504], [6376, 314]])]);
    expect(one).toHaveLength(DIMENSIONS);
    expect(two).toHaveLength(2);
    await expect(embed([[504], [49_152]])).rejects.toMatchObject({ param: "input[1]", code: "invalid_value" });
  });
});

describe("the embedding process", () => {
  test("is replaced when it is killed, and its requests are answered normally", async () => {
    const inputs = Array.from({ length: 24 }, (_, index) => `Sentence number ${index} is about the sea and the wind.`);
    const undisturbed = await embed(inputs);
    const pid = (await embedderPids()).at(-1);
    if (pid === undefined) expect.fail("no process has made embeddings");
    const disturbed = embed(inputs);
    await embed("in between");
    process.kill(pid, "SIGKILL");
    expect(await disturbed).toEqual(undisturbed);
    expect((await embedderPids()).at(-1)).not.toBe(pid);
    expect((await complete({ messages: user("Hi"), max_tokens: 2 })).choices).toHaveLength(1);
  });
});

describe("embeddings of two keys", () => {
  const texts = (count: number) =>
    Array.from({ length: count }, (_, index) => `${index}: ${"the sea is wide. ".repeat(12)}`);

  test("take turns: a word doesn't wait for the other's list, and a request that can't finish in time is refused at once", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sluice-embeddings-"));
    onTestFinished(async () => {
      await endAll();
      await rm(folder, { recursive: true });
    });
    const secrets = { alice: "sk-sluice-of-alice-who-embeds-much", bob: "sk-sluice-of-bob-who-embeds-a-word" };
    const keysFile = join(folder, "keys.yaml");
    await writeFile(
      keysFile,
      `keys: [${Object.entries(secrets).map(([name, key]) => `{ name: ${name}, key: ${key} }`)}]\n`,
    );
    const sluice = runSluice(
      ...["--slots", "1", "--context", "512"],
      ...["--state-file", join(folder, "state.db"), "--keys-file", keysFile],
    );
    const baseURL = `${await sluice.ready}/v1`;
    const [alice, bob] = [secrets.alice, secrets.bob].map((apiKey) => new OpenAI({ baseURL, apiKey, maxRetries: 0 }));
    if (alice === undefined || bob === undefined) expect.fail("a client is missing");
    // The process is running, and its speed has been measured.
    await alice.embeddings.create({ model, input: texts(3) });

    const leaving = new AbortController();
    const answered: string[] = [];
    const lists = Array.from({ length: 8 }, () =>
      alice.embeddings.create({ model, input: texts(100) }, { signal: leaving.signal }).then(
        () => void answered.push("list"),
        () => void answered.push("left"),
      ),
    );
    // It has its turn among the lists, so they are in the queue.
    await alice.embeddings.create({ model, input: texts(1) });
    const { response } = await bob.embeddings.create({ model, input: "word" }).withResponse();
    expect(answered).toEqual([]);
    // With turns by request it would have waited for a text of each list.
    expect(Number(response.headers.get("sluice-queue-position"))).toBeLessThanOrEqual(2);
    const late = alice.embeddings.create({ model, input: "word" }, { headers: { "sluice-max-wait-ms": "1" } });
    await expect(late).rejects.toMatchObject({ status: 503, code: "server_overloaded" });
    leaving.abort();
    await Promise.all(lists);
  });
});

describe("reranking with a model that isn't a reranker", () => {
  test("is refused, and the error names the kind of model that is needed", async () => {
    const response = await fetch(`${inject("gatewayUrl")}/v1/rerank`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model, query: "a", documents: ["b"] }),
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { param: "model", code: "unsupported_model", message: expect.stringContaining("reranking model") },
    });
  });
});
