import { fork } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import type { Engine } from "../../src/engine/host/engine.ts";
import type { SampledLogprob, TokenLogprob } from "../../src/generation/event.ts";
import { answer, greedyRequest, STORY, startEngine } from "./engine.ts";
import type { SoftmaxTask } from "./fixtures/softmax.ts";

/** Log-probabilities of these tokens, computed by a separate process. */
async function independently(prompt: readonly number[], logprobs: readonly SampledLogprob[]): Promise<number[][]> {
  const idOf = ({ token }: TokenLogprob): number => token ?? expect.fail("the engine tells the ids");
  const steps = logprobs.map((own) => ({ token: idOf(own), wanted: [own, ...own.top].map(idOf) }));
  const task: SoftmaxTask = { modelPath: inject("modelPath"), prompt, steps };
  const child = fork(new URL("fixtures/softmax.ts", import.meta.url), {
    execArgv: [],
    env: { ...process.env, UV_THREADPOOL_SIZE: "1" },
  });
  const exited = once(child, "exit");
  child.send(task);
  const found = await Promise.race([
    once(child, "message").then(([message]) => message as number[][]),
    exited.then(([code]) => Promise.reject(new Error(`the softmax could not be computed: exit code ${code}`))),
  ]);
  await exited;
  return found;
}

const bytesOf = (logprobs: readonly SampledLogprob[]) => Buffer.from(logprobs.flatMap(({ bytes }) => bytes)).toString();

describe("log-probabilities of the real model", () => {
  let engine: Engine;
  let prompt: readonly number[];
  beforeAll(async () => {
    engine = await startEngine();
    prompt = await engine.text.tokenize("The capital of France is", { addSpecial: false, parseSpecial: false });
  });
  afterAll(() => engine.stop());

  const ask = (given: Parameters<typeof greedyRequest>[0]) =>
    answer(engine, greedyRequest({ prompt: { type: "tokens", tokens: prompt }, maxTokens: 8, ...given }));

  test("equal a separately computed softmax over the whole vocabulary", async () => {
    const { logprobs } = await ask({ logprobs: 20 });
    expect(logprobs).toHaveLength(8);
    const found = await independently(prompt, logprobs);
    logprobs.forEach(({ logprob, top }, index) => {
      const own = [logprob, ...top.map((each) => each.logprob)];
      own.forEach((value, place) => {
        expect(value).toBeCloseTo(found[index]?.[place] ?? Number.NaN, 3);
      });
    });
  });

  test("are in descending order, the greedy token's first, with a total probability of at most 1", async () => {
    for (const { token, logprob, top } of (await ask({ logprobs: 5 })).logprobs) {
      expect(top).toHaveLength(5);
      expect(top[0]).toMatchObject({ token, logprob });
      const values = top.map((each) => each.logprob);
      expect(values).toEqual(values.toSorted((a, b) => b - a));
      expect(values.reduce((sum, value) => sum + Math.exp(value), 0)).toBeLessThanOrEqual(1.0001);
    }
  });

  test("do not change with temperature, bias or penalties", async () => {
    const plain = (await ask({ logprobs: 20, maxTokens: 1 })).logprobs[0];
    const unlikely = plain?.top[13];
    const bent = await ask({
      logprobs: 20,
      maxTokens: 1,
      sampling: { temperature: 1.7, topK: 3, frequencyPenalty: 1, logitBias: [[unlikely?.token ?? 0, 100]], seed: 4 },
    });
    expect(bent.logprobs[0]?.token).toBe(unlikely?.token);
    expect(bent.logprobs[0]?.logprob).toBeCloseTo(unlikely?.logprob ?? Number.NaN, 4);
    expect(bent.logprobs[0]?.top.map(({ token }) => token)).toEqual(plain?.top.map(({ token }) => token));
  });

  test("have the bytes of the text, also for split characters", async () => {
    const text = "é€😀 naïve 漢字";
    const output = { type: "grammar" as const, grammar: { gbnf: `root ::= "${text}"` } };
    const whole = await ask({ logprobs: 0, output, maxTokens: 60 });
    expect(whole.text).toBe(text);
    expect(bytesOf(whole.logprobs)).toBe(text);
    expect(whole.logprobs.length).toBeGreaterThan(6);
    expect(whole.logprobs.every(({ top }) => top.length === 0)).toBe(true);
  });

  test("omit a stop string", async () => {
    const { text } = await ask({ maxTokens: 20 });
    const stop = text.slice(12, 20);
    const stopped = await ask({ maxTokens: 20, logprobs: 1, stop: [stop] });
    expect(stopped.reason).toBe("stop");
    expect(bytesOf(stopped.logprobs).startsWith(stopped.text)).toBe(true);
    expect(bytesOf(stopped.logprobs)).not.toContain(stop);
  });

  test("are complete if the engine dies meanwhile", async () => {
    const request = greedyRequest({ prompt: STORY, maxTokens: 40, logprobs: 3, stop: [" never said"] });
    const undisturbed = await answer(engine, request);
    const { pid } = engine;
    let killed = false;
    const disturbed = await answer(engine, request, (text) => {
      if (killed || text.length < 60 || pid === undefined) return;
      killed = true;
      process.kill(pid, "SIGKILL");
    });
    expect(killed).toBe(true);
    expect(disturbed).toEqual(undisturbed);
    expect(bytesOf(disturbed.logprobs)).toBe(disturbed.text);
  });
});
