import { fork } from "node:child_process";
import { once } from "node:events";
import { expect, inject, test } from "vitest";
import type { DraftedAnswer, DraftsTask } from "./fixtures/drafts.ts";

const LIST = Array.from(
  { length: 12 },
  (_, index) => `Line ${index + 1}: the ship left harbour ${index + 3} at noon.\n`,
);

async function answerWithDrafts(cases: DraftsTask["cases"]): Promise<readonly DraftedAnswer[]> {
  const child = fork(new URL("fixtures/drafts.ts", import.meta.url), {
    execArgv: [],
    env: { ...process.env, UV_THREADPOOL_SIZE: "1" },
  });
  const exited = once(child, "exit");
  const task: DraftsTask = { modelPath: inject("modelPath"), text: [...LIST, ...LIST.slice(0, 2)].join(""), cases };
  child.send(task);
  const answers = await Promise.race([
    once(child, "message").then(([message]) => message as readonly DraftedAnswer[]),
    exited.then(([code]) => Promise.reject(new Error(`the drafts could not be tried: exit code ${code}`))),
  ]);
  await exited;
  return answers;
}

test("With drafts the real model samples tokens from the same probabilities as without them", async () => {
  const grammar = { gbnf: 'root ::= ([A-Za-z0-9 :.] | "\\n")*' };
  const [greedy, random, constrained, stopped] = await answerWithDrafts([
    { temperature: 0, maxTokens: 120 },
    { temperature: 0.9, maxTokens: 60 },
    { temperature: 0.5, maxTokens: 60, grammar },
    { temperature: 0, maxTokens: 120, stop: ["harbour 7"] },
  ]);
  for (const each of [greedy, random, constrained, stopped]) {
    const { tokens = [], logprobs = [], scored = [], finished, mostInStep = 0 } = each ?? {};
    expect(finished?.completionTokens).toBe(tokens.length);
    expect(mostInStep).toBeGreaterThan(1);
    expect(logprobs.length).toBeGreaterThan(10);
    // A call with several tokens rounds differently. A wrong token in the KV cache would change much more.
    for (const [index, logprob] of logprobs.entries()) {
      expect(Math.abs(logprob - (scored[index] ?? Number.NaN))).toBeLessThan(0.3);
    }
  }
  expect(greedy?.text).toContain(LIST.slice(3, 5).join(""));
  expect(greedy?.mostInStep).toBe(16);
  expect(stopped?.finished).toMatchObject({ reason: "stop", stopString: "harbour 7" });
  expect(stopped?.text.endsWith("the ship left ")).toBe(true);
  expect(constrained?.text).toMatch(/^[A-Za-z0-9 :.\n]*$/);
});
