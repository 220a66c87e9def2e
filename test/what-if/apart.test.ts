import { describe, expect, it } from "vitest";
import { OverloadedError } from "../../src/generation/errors.ts";
import type { Question } from "../../src/what-if/answer.ts";
import { createSimulator } from "../../src/what-if/apart.ts";

const TODAY: Question["today"] = {
  ...{ slots: 2, minSlots: 1, targetItlMs: 250, maxPending: 256, maxPendingTokens: 1_000_000, maxWaitMs: 60_000 },
  ...{ replicas: 1, spill: undefined, traffic: 1 },
};

function question(requests: number): Question {
  const log = Array.from({ length: requests }, (_, at) => ({
    ...{ atMs: 100 * at, tenant: "one", class: "default" as const, session: String(at), promptTokens: 50 },
    ...{ prefillTokens: 50, completionTokens: 20, choices: 1, maxTokens: 20, others: 1, cost: undefined },
    ...{ firstTokenMs: 60, waitMs: 5, prefillMs: 50, decodeMs: 100 },
  }));
  return { log, today: TODAY, changed: { ...TODAY, slots: 4 } };
}

const never = new AbortController().signal;

describe("a simulation in a thread of its own", () => {
  it("answers, while the event loop goes on", async () => {
    const simulator = createSimulator();
    let isDone = false;
    const answer = simulator.ask(question(400), never).finally(() => {
      isDone = true;
    });
    let turns = 0;
    while (!isDone) {
      await new Promise((resolve) => setImmediate(resolve));
      turns += 1;
    }
    expect((await answer).changed.answered).toBe(400);
    expect(turns).toBeGreaterThan(10);
  });

  it("runs one after the other, and refuses what is too much", async () => {
    const simulator = createSimulator();
    const all = await Promise.allSettled(Array.from({ length: 6 }, () => simulator.ask(question(10), never)));
    expect(all.map(({ status }) => status)).toEqual([...Array(4).fill("fulfilled"), "rejected", "rejected"]);
    await expect(simulator.ask(question(10), never)).resolves.toBeDefined();
  });

  it("ends when it takes too long, and when nobody waits for it", async () => {
    await expect(createSimulator(0).ask(question(10), never)).rejects.toThrow(OverloadedError);
    const gone = new AbortController();
    const asked = createSimulator().ask(question(10), gone.signal);
    gone.abort(new Error("left"));
    await expect(asked).rejects.toThrow("left");
  });
});
