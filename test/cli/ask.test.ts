import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { run } from "../../src/cli/run.ts";
import type { BackendState } from "../../src/generation/backend.ts";
import type { Embed } from "../../src/generation/embedding.ts";
import { answerWith, createTestApp, listen, MODEL_ID, script, servedModel } from "../http/support.ts";
import { fakeContext, fakeOutput } from "./fake-context.ts";

/** Vectors and scores that say how many characters an item has. */
const countChars: Embed = async ({ items }) => ({
  vectors: items.map((item) =>
    item.type === "pair"
      ? Float32Array.of(item.document.length)
      : Float32Array.of(item.type === "text" ? item.text.length : 0, 0),
  ),
  tokens: items.length,
});

type Given = { readonly stdin?: string; readonly isTTY?: boolean };

async function sluice(app: ReturnType<typeof createTestApp>["app"], words: readonly string[], given: Given = {}) {
  await using server = await listen(app);
  const context = {
    ...fakeContext(),
    stdout: fakeOutput({ isTTY: given.isTTY === true }),
    ...(given.stdin !== undefined && { stdin: Readable.from([given.stdin]) }),
  };
  const exitCode = await run([...words, "--url", server.url], context);
  return { exitCode, stdout: context.stdout.text(), stderr: context.stderr.text() };
}

const writing = (texts: readonly string[]) => createTestApp({ models: [servedModel(script(answerWith(texts)))] }).app;
const reading = (can: object = {}) => {
  const model = servedModel(script([]), { embed: countChars });
  return createTestApp({ models: [{ ...model, can: { ...model.can, ...can } }] }).app;
};

describe("sluice complete", () => {
  it("goes on with the words after it, or with what is piped in", async () => {
    expect(await sluice(writing([" there", " was"]), ["complete", "Once", "upon"])).toEqual({
      ...{ exitCode: 0, stdout: " there was\n", stderr: "" },
    });
    const whole = await sluice(writing([" x"]), ["complete", "--json", "--max-tokens", "3"], { stdin: "Once\n" });
    expect(JSON.parse(whole.stdout)).toMatchObject({ model: MODEL_ID, choices: [{ text: " x" }] });
  });

  it("says that an answer was cut off at its maximum length", async () => {
    const app = createTestApp({
      models: [
        servedModel(
          script([
            ...answerWith(["x"]).slice(0, -1),
            { type: "finished", choice: 0, reason: "length", completionTokens: 2 },
          ]),
        ),
      ],
    }).app;
    expect(await sluice(app, ["complete", "a"])).toEqual({
      ...{ exitCode: 0, stdout: "x\n", stderr: "The answer was cut off at its maximum length.\n" },
    });
  });

  it("shows on a terminal what would move its cursor, and leaves it alone in a file", async () => {
    const app = () => writing(["\u001b[2Jred\n"]);
    expect((await sluice(app(), ["complete", "x"], { isTTY: true })).stdout).toBe("\\x1b[2Jred\n\n");
    expect((await sluice(app(), ["complete", "x"])).stdout).toBe("\u001b[2Jred\n\n");
  });

  it.each([
    [["complete"], "There is no text. Add it after the command, or pipe it in"],
    [["complete", "x", "--max-tokens", "0"], '--max-tokens: "0" is not allowed.'],
    [["complete", "x", "--temperature", "3"], '--temperature: "3" is not allowed. Give a number from 0 to 2.'],
    [["tokenize"], "There is no text."],
    [["rerank", "query"], "There is no text."],
    [["rerank", "query", "a", "--top", "2"], '--top: "2" is not allowed. Give a whole number from 1 to 1.'],
  ])("refuses %j as wrong usage", async (words, message) => {
    const { exitCode, stdout, stderr } = await sluice(writing([]), words);
    expect([exitCode, stdout, stderr]).toEqual([2, "", expect.stringContaining(message)]);
  });
});

describe("a model that nobody knows", () => {
  const ask = async (words: readonly string[]) => {
    const context = fakeContext();
    return { exitCode: await run(words, context), said: context.stderr.text() };
  };

  it("is refused by a gateway that was named, which says what it serves", async () => {
    const { exitCode, stderr } = await sluice(writing([]), ["complete", "x", "--model", "nosuch"]);
    expect([exitCode, stderr]).toEqual([4, expect.stringContaining(`Available: ${MODEL_ID}.`)]);
  });

  it("is looked up in what the running gateway serves, and not in the catalogue", async () => {
    await using server = await listen(writing([]));
    const port = new URL(server.url).port;
    const { exitCode, said } = await ask(["complete", "x", "--model", "smollm3", "--port", port]);
    expect([exitCode, said]).toEqual([4, expect.stringContaining(`It serves: ${MODEL_ID}.`)]);
    expect(said).not.toContain("The catalogue has");
  });

  it("has the same exit code where only the catalogue was asked", async () => {
    const { exitCode, said } = await ask(["pull", "nosuch"]);
    expect([exitCode, said]).toEqual([4, expect.stringContaining("The catalogue has: ")]);
  });
});

describe("sluice embed", () => {
  it("prints a line of JSON for each text, piped lines without the empty ones", async () => {
    expect((await sluice(reading(), ["embed", "a", "bb"])).stdout).toBe("[1,0]\n[1,0]\n");
    expect((await sluice(reading(), ["embed"], { stdin: "a\r\n\nb\n" })).stdout).toBe("[1,0]\n[1,0]\n");
    const all = await sluice(reading(), ["embed", "a", "--json"]);
    expect(JSON.parse(all.stdout)).toMatchObject({ object: "list", data: [{ index: 0 }] });
  });

  it("says that no model can", async () => {
    const { exitCode, stderr } = await sluice(writing([]), ["embed", "a"]);
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining("serves no model for this (embeddings)")]);
  });
});

describe("sluice rerank", () => {
  it("prints the best documents first", async () => {
    const { stdout } = await sluice(reading({ reranking: true }), ["rerank", "q", "--top", "2"], {
      stdin: "a\nccc\nbb\n",
    });
    expect(stdout.split("\n").map((line) => line.trim().split(/ {2,}/)[1])).toEqual([
      "DOCUMENT",
      "ccc",
      "bb",
      undefined,
    ]);
  });
});

describe("sluice load and unload", () => {
  it("wait until the model is there, or away", async () => {
    let state: BackendState = "unloaded";
    const become = (next: BackendState) => async () => {
      state = next;
    };
    const model = servedModel(script([]), { state: () => state, load: become("ready"), unload: become("unloaded") });
    const app = () => createTestApp({ models: [model] }).app;
    expect(await sluice(app(), ["load", "smollm2"])).toMatchObject({ exitCode: 0, stdout: `${MODEL_ID}: ready\n` });
    const away = await sluice(app(), ["unload", MODEL_ID, "--json"]);
    expect([away.exitCode, JSON.parse(away.stdout)]).toEqual([0, { id: MODEL_ID, state: "unloaded" }]);
  });

  it("say that it failed, or that there is none", async () => {
    const model = servedModel(script([]), { state: () => "failed", load: async () => {} });
    const { app } = createTestApp({ models: [model] });
    expect(await sluice(app, ["load", MODEL_ID])).toMatchObject({
      ...{ exitCode: 1, stderr: expect.stringContaining(`${MODEL_ID} has failed to load.`) },
    });
    expect((await sluice(app, ["load", "nosuch"])).exitCode).toBe(4);
  });
});
