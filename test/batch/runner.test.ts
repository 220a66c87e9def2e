import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { StateError } from "../../src/store/errors.ts";
import { createFakeClock } from "../fake-clock.ts";
import { batchResult } from "../fixtures/openai/batches.ts";
import { createBatchPlace, doorTo, lineOf, ok, openRunner } from "./support.ts";

const many = (count: number) => Array.from({ length: count }, (_, n) => lineOf(`line-${n}`, { n }));
const idsOf = (texts: readonly string[]) => texts.map((text) => batchResult.parse(JSON.parse(text)).custom_id);
const codesOf = (texts: readonly string[]) => texts.map((text) => batchResult.parse(JSON.parse(text)).error?.code);

/** Waits until the signal of a request is aborted, as a request that never ends. */
function never(signal: AbortSignal | undefined): Promise<Response> {
  return new Promise((_, reject) => {
    if (signal?.aborted === true) reject(signal.reason);
    signal?.addEventListener("abort", () => reject(signal.reason));
  });
}

/** Waits until so many lines of a batch are recorded. */
async function recorded(gateway: Awaited<ReturnType<typeof openRunner>>, id: string, lines: number): Promise<void> {
  const count = () => JSON.parse(gateway.state.batches.get("openai", id)?.progress ?? "{}").counts?.completed;
  while (count() !== lines) await new Promise((resolve) => setImmediate(resolve));
}

describe("a batch", () => {
  it("runs one request more than the model has slots, and fails those that are at fault", async () => {
    using place = createBatchPlace();
    const id = place.addBatch(many(30));
    let [running, most] = [0, 0];
    await using gateway = openRunner(place, {
      doorFor: () =>
        doorTo(async ({ n }) => {
          running += 1;
          most = Math.max(most, running);
          await new Promise((resolve) => setImmediate(resolve));
          running -= 1;
          return n === 7
            ? Response.json({ error: {} }, { status: 400 })
            : ok({ usage: { prompt_tokens: 2, completion_tokens: 1 } });
        }),
      parallel: () => 3,
    });
    gateway.runner.wake();
    await gateway.ended;
    const { batch, output, errors } = await gateway.results(id);
    expect(most).toBe(4);
    expect(output).toHaveLength(29);
    expect(idsOf(errors)).toEqual(["line-7"]);
    expect(JSON.parse(batch.progress ?? "")).toMatchObject({
      counts: { completed: 29, failed: 1 },
      usage: { input: 58, output: 29 },
    });
    // Both are stored files now, which expire.
    expect(gateway.state.files.get(batch.outputFile)).toMatchObject({
      filename: `${id}_output.jsonl`,
      purpose: "batch_output",
    });
    expect(gateway.state.files.get(batch.errorFile)?.expiresMs).toBeGreaterThan(Date.now());
  });

  it("sends lines that begin alike together", async () => {
    using place = createBatchPlace();
    const lines = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => lineOf(`line-${n}`, { messages: [`system ${n % 2}`, n] }));
    place.addBatch(lines);
    const order: number[] = [];
    await using gateway = openRunner(place, {
      doorFor: () =>
        doorTo(async ({ messages }) => {
          order.push(Number(String(Object(messages)[0]).at(-1)));
          return ok({});
        }),
    });
    gateway.runner.wake();
    await gateway.ended;
    expect(order).toEqual([0, 0, 0, 0, 1, 1, 1, 1]);
  });

  it("of which no line can be read fails with the lines' faults", async () => {
    using place = createBatchPlace();
    const id = place.addBatch(["{", lineOf("a"), lineOf("a")]);
    await using gateway = openRunner(place, { doorFor: () => doorTo(() => ok({})) });
    gateway.runner.wake();
    await gateway.ended;
    const { batch } = await gateway.results(id);
    expect(batch.status).toBe("failed");
    expect(JSON.parse(batch.body).errors.data).toMatchObject([
      { line: 1, code: "invalid_json_line" },
      { line: 3, code: "duplicate_custom_id" },
    ]);
    expect(existsSync(join(place.path, "files", batch.outputFile))).toBe(false);
  });

  it("that is cancelled keeps what is answered and gives the other lines an error", async () => {
    using place = createBatchPlace();
    const id = place.addBatch(many(20));
    const hung = Promise.withResolvers<void>();
    await using gateway = openRunner(place, {
      doorFor: () =>
        doorTo(({ n }, signal) => {
          if (Number(n) < 5) return ok({});
          hung.resolve();
          return never(signal);
        }),
    });
    gateway.runner.wake();
    await hung.promise;
    await recorded(gateway, id, 5);
    expect(gateway.state.batches.cancel(id, 1)).toBe(true);
    gateway.runner.look(id);
    await gateway.ended;
    const { batch, output, errors } = await gateway.results(id);
    expect(batch.status).toBe("cancelled");
    expect(output).toHaveLength(5);
    expect(codesOf(errors)).toEqual(Array.from({ length: 15 }, () => "batch_cancelled"));
    expect(new Set([...idsOf(output), ...idsOf(errors)]).size).toBe(20);
    expect(gateway.state.batches.cancel(id, 1)).toBe(false);
  });

  it("that is cancelled before it is read ends too", async () => {
    using place = createBatchPlace();
    const id = place.addBatch(many(3));
    await using gateway = openRunner(place, { doorFor: () => doorTo(() => ok({})) });
    gateway.state.batches.cancel(id, 1);
    gateway.runner.wake();
    await gateway.ended;
    expect((await gateway.results(id)).batch).toMatchObject({ status: "cancelled", progress: null });
  });

  it("whose window ends gives the lines that are left an error", async () => {
    using place = createBatchPlace();
    const id = place.addBatch(many(10), { windowMs: 5_000 });
    let nowMs = Date.now();
    const hung = Promise.withResolvers<void>();
    const clock = createFakeClock();
    await using gateway = openRunner(place, {
      doorFor: () =>
        doorTo(({ n }, signal) => {
          if (Number(n) < 2) return ok({});
          hung.resolve();
          return never(signal);
        }),
      clock,
      now: () => nowMs,
    });
    gateway.runner.wake();
    await hung.promise;
    await recorded(gateway, id, 2);
    nowMs += 5_000;
    clock.advance(5_000);
    await gateway.ended;
    const { batch, output, errors } = await gateway.results(id);
    expect(batch.status).toBe("expired");
    expect(output).toHaveLength(2);
    expect(codesOf(errors)).toEqual(Array.from({ length: 8 }, () => "batch_expired"));
  });

  it("that is stopped goes on at once with the next runner, and loses nothing that is done", async () => {
    using place = createBatchPlace();
    const id = place.addBatch(many(12));
    const asked: number[] = [];
    const hung = Promise.withResolvers<void>();
    {
      await using first = openRunner(place, {
        doorFor: () =>
          doorTo(({ n }, signal) => {
            if (Number(n) < 4) return ok({});
            hung.resolve();
            return never(signal);
          }),
      });
      first.runner.wake();
      await hung.promise;
      await recorded(first, id, 4);
    }
    await using second = openRunner(place, {
      doorFor: () =>
        doorTo(({ n }) => {
          asked.push(Number(n));
          return ok({});
        }),
    });
    second.runner.wake();
    await second.ended;
    expect(asked.toSorted((a, b) => a - b)).toEqual([4, 5, 6, 7, 8, 9, 10, 11]);
    expect((await second.results(id)).output).toHaveLength(12);
  });

  it("is run by one of two gateways, and the other takes over when that has ended", async () => {
    using place = createBatchPlace();
    place.addBatch(many(4));
    const hung = Promise.withResolvers<void>();
    const clock = createFakeClock();
    let asked = 0;
    await using second = openRunner(place, {
      doorFor: () =>
        doorTo(() => {
          asked += 1;
          return ok({});
        }),
      clock,
    });
    {
      await using first = openRunner(place, {
        doorFor: () =>
          doorTo((_, signal) => {
            hung.resolve();
            return never(signal);
          }),
      });
      first.runner.wake();
      await hung.promise;
      second.runner.wake();
      while (clock.pending === 0) await new Promise((resolve) => setImmediate(resolve));
      expect(asked).toBe(0);
    }
    clock.advance(2_000);
    await second.ended;
    expect(asked).toBe(4);
  });

  it("makes no more requests while its key's files have no more room, says so, and goes on when they have", async () => {
    using place = createBatchPlace();
    const id = place.addBatch(many(40));
    const clock = createFakeClock();
    let maxBytes = 3_000;
    await using gateway = openRunner(place, {
      doorFor: () => doorTo(() => ok({ text: "x".repeat(500) })),
      clock,
      maxTenantBytes: () => maxBytes,
    });
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    gateway.runner.wake();
    while (gateway.runner.live(id)?.pausedFor === undefined) await turn();
    expect(gateway.runner.live(id)?.pausedFor).toContain("3000 bytes");
    // What ran when the room was used up is written, too.
    const writtenBytes = () => JSON.parse(gateway.state.batches.get("openai", id)?.progress ?? "").outputBytes;
    while (writtenBytes() < 3_000) await turn();
    expect(writtenBytes()).toBeLessThan(3_000 + 5 * 1_000);
    maxBytes = 1_000_000;
    while (gateway.state.batches.get("openai", id)?.status !== "completed") {
      clock.advance(2_000);
      await turn();
    }
    const { output } = await gateway.results(id);
    expect(idsOf(output).toSorted()).toEqual(
      many(40)
        .map((_, n) => `line-${n}`)
        .toSorted(),
    );
  });

  it("makes no more requests while large results are not written yet", async () => {
    using place = createBatchPlace();
    const id = place.addBatch(many(8));
    const disk = Promise.withResolvers<void>();
    let asked = 0;
    const text = "x".repeat(9 * 1024 * 1024);
    await using gateway = openRunner(place, {
      doorFor: () =>
        doorTo(() => {
          asked += 1;
          return ok({ text });
        }),
      parallel: () => 1,
      async openOutput(path) {
        const file = await open(path, "w+");
        return {
          datasync: () => file.datasync(),
          truncate: (bytes) => file.truncate(bytes),
          close: () => file.close(),
          write: (async (...given: Parameters<typeof file.write>) => {
            await disk.promise;
            return file.write(...given);
          }) as typeof file.write,
        };
      },
    });
    gateway.runner.wake();
    while (asked < 4) await new Promise((resolve) => setImmediate(resolve));
    for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
    // Four of them are 32 MiB, and two ran.
    expect(asked).toBeLessThanOrEqual(6);
    disk.resolve();
    await gateway.ended;
    expect((await gateway.results(id)).output).toHaveLength(8);
  });

  it("counts the key's other files, and the results of its other batches", async () => {
    using place = createBatchPlace();
    const id = place.addBatch(many(3));
    await using gateway = openRunner(place, { doorFor: () => doorTo(() => ok({})) });
    const { files, batchQueue } = gateway.state;
    const before = batchQueue.storedBytes(id);
    const stored = { id: `file-${"0".repeat(32)}`, createdMs: 1, expiresMs: null, filename: "a", purpose: "batch" };
    files.add({ ...stored, bytes: 700 }, { maxBytes: 1_000, maxFiles: 10 });
    const other = place.addBatch(many(1));
    batchQueue.record(other, JSON.stringify({ outputBytes: 20, errorBytes: 3 }));
    expect(batchQueue.storedBytes(id) - before).toBe(723);
    batchQueue.record(other, "not JSON");
    expect(batchQueue.storedBytes(id) - before).toBe(700);
  });

  it("waits while the disk is full, says so, and goes on", async () => {
    using place = createBatchPlace();
    const id = place.addBatch(many(10));
    const clock = createFakeClock();
    const paused = Promise.withResolvers<void>();
    let isFull = true;
    await using gateway = openRunner(place, { doorFor: () => doorTo(() => ok({})), clock });
    const { batchQueue } = gateway.state;
    await using full = openRunner(place, {
      doorFor: () => doorTo(() => ok({})),
      clock,
      queue: {
        ...batchQueue,
        record(...given) {
          if (!isFull) return batchQueue.record(...given);
          paused.resolve();
          throw new StateError("state.db", "the disk is full; free some space");
        },
      },
    });
    full.runner.wake();
    await paused.promise;
    while (full.runner.live(id)?.pausedFor === undefined) await new Promise((resolve) => setImmediate(resolve));
    expect(full.runner.live(id)?.pausedFor).toContain("the disk is full");
    expect(JSON.parse(gateway.state.batches.get("openai", id)?.progress ?? "")).toMatchObject({ outputBytes: 0 });
    isFull = false;
    while (gateway.state.batches.get("openai", id)?.status !== "completed") {
      clock.advance(2_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await gateway.results(id)).output).toHaveLength(10);
  });

  it("whose requests are all refused gives its place to others, says why it waits, and goes on later", async () => {
    using place = createBatchPlace();
    const refused = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => place.addBatch(many(5), { tenant: `key_${n >> 1}` }));
    const clock = createFakeClock();
    let isRefused = true;
    await using gateway = openRunner(place, {
      clock,
      doorFor: (keyId) =>
        doorTo(() =>
          isRefused && keyId !== "key_other"
            ? new Response("{}", { status: 429, headers: { "retry-after": "60" } })
            : ok({}),
        ),
    });
    const statusOf = (id: string) => gateway.state.batchQueue.statusOf(id);
    gateway.runner.wake();
    while (refused.some((id) => gateway.runner.live(id)?.pausedFor === undefined)) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    const other = place.addBatch(many(5), { tenant: "key_other" });
    gateway.runner.wake();
    while (statusOf(other) !== "completed") await new Promise((resolve) => setImmediate(resolve));
    const [first = "", second = ""] = refused;
    while (gateway.runner.live(first)?.pausedFor === undefined) await new Promise((resolve) => setImmediate(resolve));
    expect(gateway.runner.live(first)?.pausedFor).toContain("refused for now (status 429)");
    gateway.state.of("key_0").batches.cancel(first, 1);
    gateway.runner.wake();
    while (statusOf(first) !== "cancelled") await new Promise((resolve) => setImmediate(resolve));
    isRefused = false;
    while (refused.some((id) => !["completed", "cancelled"].includes(statusOf(id) ?? ""))) {
      clock.advance(2_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(clock.now()).toBeGreaterThanOrEqual(60_000);
    const batch = gateway.state.of("key_0").batches.get("openai", second);
    expect(JSON.parse(batch?.progress ?? "").counts).toMatchObject({ completed: 5, failed: 0 });
  });

  it("that fails again and again rests longer each time, and is given up with what it has", async () => {
    using place = createBatchPlace();
    const id = place.addBatch(many(4), { windowMs: 30 * 86_400_000 });
    const clock = createFakeClock();
    const tries: number[] = [];
    await using gateway = openRunner(place, {
      doorFor: () => doorTo(() => ok({})),
      clock,
      openInput: async () => {
        tries.push(clock.now());
        throw new RangeError("Maximum call stack size exceeded");
      },
    });
    gateway.runner.wake();
    while (gateway.state.batches.get("openai", id)?.status === "validating") {
      clock.advance(2_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { batch } = await gateway.results(id);
    expect(batch.status).toBe("failed");
    expect(JSON.parse(batch.body).errors.data).toMatchObject([{ code: "server_error" }]);
    expect(tries).toHaveLength(10);
    const rests = tries.slice(1).map((at, index) => at - (tries[index] ?? 0));
    for (const [index, rest] of rests.entries()) {
      expect(rest).toBeGreaterThanOrEqual(Math.min(3_600_000, 30_000 * 2 ** index));
    }
  });

  it("that can't be run expires with its window", async () => {
    using place = createBatchPlace();
    const id = place.addBatch(many(4), { windowMs: 0 });
    await using gateway = openRunner(place, {
      doorFor: () => doorTo(() => ok({})),
      openInput: async () => {
        throw new RangeError("Maximum call stack size exceeded");
      },
    });
    gateway.runner.wake();
    await gateway.ended;
    expect((await gateway.results(id)).batch).toMatchObject({ status: "expired" });
  });

  it("of one tenant doesn't keep those of others from beginning", async () => {
    using place = createBatchPlace();
    for (let batch = 0; batch < 9; batch++) place.addBatch(many(1), { tenant: "key_greedy" });
    place.addBatch(many(1), { tenant: "key_other" });
    const tenants: (string | undefined)[] = [];
    const hung = Promise.withResolvers<void>();
    await using gateway = openRunner(place, {
      doorFor: (keyId) =>
        doorTo((_, signal) => {
          tenants.push(keyId);
          if (tenants.length === 3) hung.resolve();
          return never(signal);
        }),
    });
    gateway.runner.wake();
    await hung.promise;
    expect(tenants.toSorted()).toEqual(["key_greedy", "key_greedy", "key_other"]);
  });
});
