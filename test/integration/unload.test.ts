import { expect, test } from "vitest";
import type { News } from "../../src/generation/news.ts";
import { answer, greedyRequest, STORY, startEngine } from "./engine.ts";

test("the real model is unloaded after its running requests, frees its memory, and gives the same answer when loaded again", async () => {
  const engine = await startEngine();
  const request = () => greedyRequest({ prompt: STORY, maxTokens: 32, sampling: { seed: 1 } });
  const expected = await answer(engine, request());
  const { pid = 0 } = engine;
  const states: string[] = [];
  engine.onStateChange((state) => states.push(state));

  const seen = Promise.withResolvers<void>();
  const running = answer(engine, request(), () => seen.resolve());
  await seen.promise;
  await engine.unload();
  expect((await running).text).toBe(expected.text);
  expect(engine.state).toBe("unloaded");
  expect(() => process.kill(pid, 0)).toThrow("ESRCH");

  const news: News[] = [];
  const again = await answer(engine, { ...request(), observe: (each) => news.push(each) });
  expect(again.text).toBe(expected.text);
  expect(engine.pid).not.toBe(pid);
  expect(states).toEqual(["unloading", "unloaded", "loading", "ready"]);
  expect(news).toEqual([
    {
      type: "evaluated",
      choice: 0,
      evaluation: {
        waitingMs: expect.any(Number),
        prefillMs: expect.any(Number),
        prefillTokens: expect.any(Number),
        decodeMs: expect.any(Number),
        decodeTokens: expected.tokens,
        computeMs: expect.any(Number),
      },
    },
  ]);
  await engine.stop();
});
