import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Client, createBench, PREFILL_MS, PROMPT_TOKENS, SOON_MS, TOKEN_MS, USUAL_MS } from "./bench.ts";

describe("an estimate that ages", () => {
  it("grows while the running requests exceed their own estimates", () => {
    const { send, runFor } = createBench();
    for (let slot = 0; slot < 2; slot++) send({ tokens: 1_000_000, canPause: false });
    runFor(USUAL_MS);
    const { etasMs, turnMs } = send({ tokens: 3, maxTokens: 3 });
    runFor(120_000);
    expect(turnMs).toBeUndefined();
    expect(etasMs.length).toBeGreaterThan(100);
    for (const [index, etaMs] of etasMs.entries()) {
      const before = etasMs[index - 1];
      if (before !== undefined) expect(etaMs).toBeGreaterThan(before);
    }
    expect(etasMs.at(-1)).toBeGreaterThan(60_000);
  });

  it("counts only what is left until a running request reaches its limit of tokens", () => {
    const { send, runFor } = createBench({ slots: 1 });
    send({ tokens: 100, maxTokens: 100, canPause: false });
    runFor(90 * TOKEN_MS);
    const { etasMs } = send({ tokens: 3, maxTokens: 3 });
    expect(etasMs[0]).toBeLessThan(PREFILL_MS + 40 * TOKEN_MS);
  });
});

describe("endless requests", () => {
  it("are set aside for a short one within a few times its estimated wait, and go on when it has ended", () => {
    const { send, runFor, queue } = createBench();
    const endless = [send({ tokens: 1_000_000 }), send({ tokens: 1_000_000 })];
    runFor(USUAL_MS);
    const short = send({ tokens: 3, maxTokens: 3 });
    const [toldMs = 0] = short.etasMs;
    runFor(60_000);
    expect(short.endMs).toBeDefined();
    expect((short.turnMs ?? Infinity) - short.sentMs).toBeLessThanOrEqual(4 * Math.max(toldMs, USUAL_MS) + 2_000);
    expect(endless.map(({ pauses }) => pauses).toSorted()).toEqual([0, 1]);
    const said = endless.map((client) => client.said);
    runFor(60_000);
    for (const [index, client] of endless.entries()) expect(client.said).toBeGreaterThan(said[index] ?? 0);
    for (const client of endless) client.leave();
    expect(queue.counts).toMatchObject({ waiting: 0, running: 0, sequences: 0, waits: 0 });
  });

  it("are set aside by the time the waiting request was told, even if the machine has become slower", () => {
    for (const slower of [1, 3, 8]) {
      const { clock, pace, send, runFor } = createBench();
      pace.tokenMs = slower * TOKEN_MS;
      for (let slot = 0; slot < 2; slot++) send({ tokens: 1_000_000 });
      runFor(500);
      const short = send({ tokens: 3, maxTokens: 3 });
      const told: { readonly atMs: number; readonly etaMs: number | undefined }[] = [];
      while (short.turnMs === undefined) {
        told.push({ atMs: clock.now(), etaMs: short.etasMs.at(-1) });
        runFor(1_000);
        expect(told.length).toBeLessThan(60);
      }
      for (const { atMs, etaMs = 0 } of told) expect(short.turnMs - atMs).toBeLessThanOrEqual(4 * etaMs + SOON_MS);
    }
  });

  it("are set aside at once for a short one after they have run for long", () => {
    const { send, runFor } = createBench();
    for (let slot = 0; slot < 2; slot++) send({ tokens: 1_000_000 });
    runFor(60_000);
    const short = send({ tokens: 3, maxTokens: 3 });
    expect(short.turnMs).toBe(short.sentMs);
  });

  it("in class batch get a turn about once a minute while interactive requests keep coming", () => {
    const { send, runFor } = createBench({ slots: 1 });
    const batch = send({ tokens: 1_000_000, priority: "batch" });
    runFor(10_000);
    const before = batch.said;
    const waiting: Client[] = [];
    for (let elapsedMs = 0; elapsedMs < 600_000; elapsedMs += 100) {
      while (waiting.filter(({ endMs }) => endMs === undefined).length < 3) {
        waiting.push(send({ tokens: 3, maxTokens: 3, priority: "interactive" }));
      }
      runFor(100);
    }
    expect(batch.pauses).toBeGreaterThanOrEqual(5);
    const spokenMs = (batch.said - before) * TOKEN_MS;
    expect(spokenMs).toBeGreaterThan(10_000);
    expect(spokenMs).toBeLessThan(60_000);
  });

  it("make no short request wait, of their own tenant or another", () => {
    const { send, runFor } = createBench();
    for (let slot = 0; slot < 2; slot++) send({ tokens: 1_000_000, tenant: "greedy" });
    for (let time = 0; time < 20; time++) {
      const short = send({ tokens: 3, maxTokens: 3, tenant: time % 2 === 0 ? "greedy" : "polite" });
      runFor(5_000);
      expect(short.endMs).toBeDefined();
    }
  });

  it("are not set aside until they have taken four times what answers usually take", () => {
    const { send, runFor } = createBench({ slots: 1, usualTokens: 200 });
    const endless = send({ tokens: 1_000_000 });
    send({ tokens: 3, maxTokens: 3 });
    runFor(8_000);
    expect(endless.pauses).toBe(0);
    runFor(2_000);
    expect(endless.pauses).toBe(1);
  });

  it("are not confused with the first answers after the start", () => {
    const { send, runFor } = createBench({ slots: 1, warmUps: 0 });
    const first = send({ tokens: 400 });
    send({ tokens: 3, maxTokens: 3 });
    runFor(10_000);
    expect(first).toMatchObject({ pauses: 0, said: 400 });
  });

  it("go on about ten seconds after they were set aside, however long they had run", () => {
    const { send, runFor } = createBench();
    const endless = [send({ tokens: 1_000_000 }), send({ tokens: 1_000_000 })];
    runFor(120_000);
    for (let time = 0; time < 60; time++) {
      for (let chat = 0; chat < 10; chat++) send({ tokens: 3, maxTokens: 3 });
      runFor(500);
    }
    const longest = Math.max(...endless.map(({ gapMs }) => gapMs));
    expect(longest).toBeGreaterThan(5_000);
    expect(longest).toBeLessThan(15_000);
  });

  it("are not set aside for requests that are likely to take longer than they have, or are of a lower class", () => {
    const { send, runFor } = createBench({ slots: 1 });
    const running = send({ tokens: 300, priority: "interactive" });
    runFor(2_500);
    send({ tokens: 1, priority: "batch", maxTokens: 1 });
    runFor(400);
    expect(running.pauses).toBe(0);
    runFor(1_000);
    expect(running.endMs).toBeDefined();
  });

  it("are not set aside if no request waits", () => {
    const { send, runFor } = createBench({ slots: 1 });
    const alone = send({ tokens: 1_000_000 });
    runFor(100_000);
    expect(alone.pauses).toBe(0);
  });

  it("can be left while they are set aside, and hold nothing then", () => {
    const { send, runFor, queue } = createBench({ slots: 1 });
    const endless = send({ tokens: 1_000_000 });
    runFor(60_000);
    send({ tokens: 500, maxTokens: 500 });
    expect(endless.pauses).toBe(1);
    endless.leave();
    expect(queue.counts).toMatchObject({ waiting: 0, running: 1 });
    runFor(10_000);
    expect(queue.counts).toMatchObject({ waiting: 0, running: 0, sequences: 0 });
  });
});

describe("endless runs", () => {
  const manySlots = fc.integer({ min: 2, max: 6 });

  it("are not set aside while they hold no more than half of the slots, however many requests come", () => {
    fc.assert(
      fc.property(manySlots, fc.boolean(), fc.integer({ min: 1, max: 200 }), (slots, isOther, crowd) => {
        const { send, runFor } = createBench({ slots });
        const endless = Array.from({ length: Math.floor(slots / 2) }, () => send({ tokens: 1_000_000 }));
        runFor(5_000);
        const tenant = isOther ? "crowd" : "a";
        const chats = Array.from({ length: crowd }, () => send({ tokens: 6, maxTokens: 6, tenant }));
        runFor(60_000);
        for (const { gapMs } of endless) expect(gapMs).toBe(TOKEN_MS);
        for (const { endMs } of chats) expect(endMs).toBeDefined();
      }),
      { numRuns: 30 },
    );
  });

  it("are those that don't reach their limit of tokens within half a minute", () => {
    for (const [tokens, isLeft] of [
      [2_500, true],
      [20_000, false],
    ] as const) {
      const { send, runFor } = createBench();
      const long = [0, 1].map(() => send({ tokens, maxTokens: tokens }));
      runFor(5_000);
      const short = send({ tokens: 3, maxTokens: 3 });
      runFor(35_000);
      expect(short.endMs).toBeDefined();
      expect(long.every(({ pauses }) => pauses === 0)).toBe(isLeft);
    }
  });

  it("are set aside in turns, the one that has run longest first, and come back soon while short requests keep coming", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), (slots) => {
        const { send, runFor } = createBench({ slots });
        const endless = Array.from({ length: slots }, () => {
          const client = send({ tokens: 1_000_000 });
          runFor(500);
          return client;
        });
        runFor(2_500);
        send({ tokens: 3, maxTokens: 3 });
        expect(endless.map(({ pauses }) => pauses)).toEqual(endless.map((_, index) => (index === 0 ? 1 : 0)));
        for (let time = 0; time < 240; time++) {
          for (let chat = 0; chat < 2 * slots; chat++) send({ tokens: 3, maxTokens: 3 });
          runFor(500);
        }
        for (const client of endless) client.leave();
        for (const { gapMs, said } of endless) {
          expect(gapMs).toBeLessThan(25_000);
          expect(said).toBeGreaterThan(1_000);
        }
      }),
      { numRuns: 6 },
    );
  });

  it("don't keep a short request waiting if they are one request with very many choices", () => {
    for (const choices of [16, 128]) {
      for (const afterMs of [0, PREFILL_MS, 1_000, 20_000]) {
        const { send, runFor, queue } = createBench({ slots: 4 });
        const wide = send({ tokens: 1_000_000, choices, maxTokens: 2_000 });
        runFor(afterMs);
        const order = {
          tenant: "a",
          choices: 1,
          maxTokens: 3,
          size: { type: "tokens", count: PROMPT_TOKENS },
        } as const;
        expect(queue.predictMs({ ...order, priority: "default" })).toBeLessThan(10_000);
        const short = send({ tokens: 3, maxTokens: 3 });
        runFor(5_000);
        expect(short.endMs).toBeDefined();
        runFor(15_000);
        const { said } = wide;
        runFor(1_000);
        expect(wide.said).toBeGreaterThan(said);
      }
    }
  });

  it("give a crowd of another tenant's requests no more slots than its share", () => {
    const { send, runFor, queue } = createBench({ slots: 4 });
    const endless = ["b", "c", "d", "e"].map((tenant) => send({ tokens: 1_000_000, tenant }));
    runFor(5_000);
    for (let chat = 0; chat < 100; chat++) send({ tokens: 6, maxTokens: 6, tenant: "crowd" });
    for (let time = 0; time < 30; time++) {
      runFor(100);
      expect(queue.counts.running).toBe(4);
      expect(endless.reduce((sum, { pauses }) => sum + pauses, 0)).toBeLessThanOrEqual(1);
    }
  });

  it("are set aside first for the tenant that holds most slots", () => {
    const { send, runFor } = createBench({ slots: 4 });
    const only = send({ tokens: 1_000_000, tenant: "one" });
    runFor(5_000);
    const many = [0, 1, 2].map(() => send({ tokens: 1_000_000, tenant: "many" }));
    runFor(5_000);
    for (let time = 0; time < 20; time++) {
      send({ tokens: 3, maxTokens: 3, tenant: "third" });
      runFor(1_000);
    }
    expect(only.pauses).toBe(0);
    expect(many.reduce((sum, { pauses }) => sum + pauses, 0)).toBeGreaterThan(0);
  });

  it("keep no short request waiting beside a late one that has up to half a minute until its limit", () => {
    const { send, runFor } = createBench();
    const endless = [0, 1].map(() => send({ tokens: 1_000_000 }));
    const late = send({ tokens: 50_000, tenant: "b", maxTokens: 50_000 });
    runFor(1_000);
    while (late.said < 47_100) runFor(1_000);
    const [before = 0, other = 0] = endless.map(({ pauses }) => pauses);
    expect(before + other).toBeGreaterThan(0);
    const short = send({ tokens: 3, maxTokens: 3 });
    runFor(2 * SOON_MS);
    expect(short.endMs).toBeDefined();
    expect(late).toMatchObject({ pauses: 0, endMs: undefined });
  });

  it("keep no short request waiting for longer than a few times its estimated wait, whatever their tenants", () => {
    const endless = fc.record({
      tenant: fc.constantFrom("a", "b", "c"),
      beforeMs: fc.integer({ min: 0, max: 20_000 }),
      maxTokens: fc.constantFrom(undefined, 50_000),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.array(endless, { minLength: 1, maxLength: 8 }),
        fc.constantFrom("a", "b", "d"),
        fc.array(fc.integer({ min: 0, max: 10_000 }), { minLength: 1, maxLength: 20 }),
        (slots, others, tenant, pauses) => {
          const { send, runFor } = createBench({ slots });
          for (const { beforeMs, ...asked } of others) {
            send({ tokens: 1_000_000, ...asked });
            runFor(beforeMs);
          }
          runFor(3_000);
          for (const pause of pauses) {
            const short = send({ tokens: 3, maxTokens: 3, tenant });
            const toldMs = Math.max(USUAL_MS, short.etasMs[0] ?? 0);
            runFor(4 * toldMs + SOON_MS);
            expect(short.turnMs).toBeDefined();
            runFor(pause);
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});

it("answers every request, long or short, and holds nothing at the end", () => {
  const job = fc.record({
    afterMs: fc.integer({ min: 0, max: 4_000 }),
    tokens: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 100, max: 2_000 })),
    tenant: fc.constantFrom("a", "b", "c"),
    priority: fc.constantFrom("interactive" as const, "default" as const, "batch" as const),
  });
  fc.assert(
    fc.property(fc.array(job, { maxLength: 40 }), fc.integer({ min: 1, max: 5 }), (jobs, slots) => {
      const { send, runFor, queue } = createBench({ slots });
      const clients = jobs.map(({ afterMs, ...asked }) => {
        runFor(afterMs);
        return send(asked);
      });
      runFor(40 * 2_000 * TOKEN_MS * 4);
      for (const { endMs } of clients) expect(endMs).toBeDefined();
      expect(queue.counts).toMatchObject({ waiting: 0, running: 0, sequences: 0, waits: 0 });
    }),
    { numRuns: 60 },
  );
}, 60_000);
