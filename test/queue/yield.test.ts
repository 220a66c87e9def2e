import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Client, createBench, PREFILL_MS, RESUME_MS, TOKEN_MS } from "./bench.ts";

const waitOf = ({ turnMs, sentMs }: Client) => (turnMs ?? Number.POSITIVE_INFINITY) - sentMs;

describe("requests of class batch", () => {
  it("yield at once to one that somebody waits for, and go on where they were when it has ended", () => {
    const { send, runFor, queue } = createBench({ slots: 2 });
    const rows = [300, 300, 300].map((tokens) => send({ tokens, maxTokens: tokens, priority: "batch" }));
    runFor(1_000);
    const chat = send({ tokens: 10, maxTokens: 10 });
    expect(waitOf(chat)).toBe(0);
    runFor(PREFILL_MS + 9 * TOKEN_MS);
    expect(chat.endMs).toBeDefined();
    runFor(60_000);
    expect(rows.map(({ said, endMs }) => [said, endMs !== undefined])).toEqual(rows.map(() => [300, true]));
    // The third had its turn after the one that yielded.
    expect(rows.map(({ pauses }) => pauses)).toEqual([1, 0, 0]);
    expect(queue.counts).toMatchObject({ running: 0, waiting: 0, sequences: 0 });
  });

  it("tell others that they need not wait", () => {
    const { send, queue, runFor } = createBench({ slots: 2 });
    for (let row = 0; row < 3; row++) send({ tokens: 5_000, priority: "batch" });
    runFor(1_000);
    const demand = { tenant: "b", choices: 1, maxTokens: 10, size: { type: "tokens", count: 10 } } as const;
    expect(queue.predictMs({ ...demand, priority: "default" })).toBeLessThan(2 * PREFILL_MS);
    expect(queue.predictMs({ ...demand, priority: "batch" })).toBeGreaterThan(2 * PREFILL_MS);
  });

  it("yield to as many as come, and to one with several choices in as many slots", () => {
    const { send, runFor } = createBench({ slots: 4 });
    for (let row = 0; row < 5; row++) send({ tokens: 1_000, maxTokens: 1_000, priority: "batch" });
    runFor(500);
    const chats = [send({ tokens: 20, maxTokens: 20 }), send({ tokens: 40, choices: 2, maxTokens: 20 })];
    expect(chats.map(waitOf)).toEqual([0, 0]);
  });

  it("don't yield to each other, nor where the engine can't set them aside", () => {
    const { send, runFor } = createBench({ slots: 1 });
    const row = send({ tokens: 100, maxTokens: 100, priority: "batch", canPause: false });
    runFor(500);
    expect(waitOf(send({ tokens: 1, maxTokens: 1, priority: "batch" }))).toBe(Number.POSITIVE_INFINITY);
    expect(waitOf(send({ tokens: 1, maxTokens: 1 }))).toBe(Number.POSITIVE_INFINITY);
    expect(row.pauses).toBe(0);
  });

  it("make progress, however many others come", () => {
    const { send, runFor } = createBench({ slots: 1 });
    const row = send({ tokens: 2_000, maxTokens: 2_000, priority: "batch" });
    // One after another, without a pause between them.
    for (let minute = 0; minute < 60; minute++) {
      for (let chat = 0; chat < 300; chat++) {
        send({ tokens: 10, maxTokens: 10 });
        runFor(200);
      }
    }
    expect(row.said).toBeGreaterThan(1_000);
  });

  it("delay no other request by more than a turn of theirs, and are all answered", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.record({ atMs: fc.nat(20_000), tokens: fc.integer({ min: 1, max: 60 }) }), { maxLength: 25 }),
        fc.array(fc.record({ atMs: fc.nat(20_000), tokens: fc.integer({ min: 1, max: 800 }) }), { maxLength: 8 }),
        (slots, chats, rows) => {
          const run = (withRows: boolean) => {
            const bench = createBench({ slots });
            const sent = [
              ...chats.map((chat) => ({ ...chat, priority: "default" as const })),
              ...(withRows ? rows.map((row) => ({ ...row, priority: "batch" as const })) : []),
            ].toSorted((one, other) => one.atMs - other.atMs);
            const clients: { client: Client; priority: string; tokens: number }[] = [];
            let nowMs = 0;
            for (const { atMs, tokens, priority } of sent) {
              bench.runFor(atMs - nowMs);
              nowMs = atMs;
              clients.push({ client: bench.send({ tokens, maxTokens: tokens, priority }), priority, tokens });
            }
            bench.runFor(600_000);
            expect(bench.queue.counts).toMatchObject({ running: 0, waiting: 0, sequences: 0 });
            for (const { client, tokens } of clients) expect(client.said).toBe(tokens);
            return clients.filter(({ priority }) => priority === "default").map(({ client }) => waitOf(client));
          };
          const alone = run(false);
          for (const [index, wait] of run(true).entries()) {
            expect(wait).toBeLessThanOrEqual((alone[index] ?? 0) + 2_000 + 1_000 + RESUME_MS + PREFILL_MS);
          }
        },
      ),
      { numRuns: 40 },
    );
  });
});
