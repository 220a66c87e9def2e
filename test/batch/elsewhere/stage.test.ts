import { afterEach, describe, expect, it, vi } from "vitest";
import { type Remote, RemoteError } from "../../../src/batch/elsewhere/remote.ts";
import { expiredLine, resultLine } from "./fake-server.ts";
import { closeBatches, openBatch } from "./support.ts";

afterEach(closeBatches);

const HOUR_MS = 3_600_000;

const usual = (n: number) => resultLine(String(n), { by: "there", n });

describe("a batch at another server", () => {
  it("is answered there in parts, and tells how far they are", async () => {
    let isOver = false;
    const { outcome, opened, id, server, asked } = openBatch(
      25,
      { endsAs: () => (isOver ? { status: "completed" } : { status: "in_progress", completed: 3 }) },
      { lines: 10, bytes: 1_000_000 },
    );
    await vi.waitFor(() =>
      expect(opened.runner.live(id)).toMatchObject({
        elsewhere: { upstream: "there", requests: 25, completed: 9 },
        perSecond: undefined,
      }),
    );
    isOver = true;
    expect(await outcome()).toEqual({ status: "completed", fates: Array(25).fill("there") });
    expect(server.batches.size).toBe(3);
    expect(asked).toEqual([]);
    expect(server.files.size).toBe(0);
    expect(opened.runner.live(id)).toBeUndefined();
  });

  it("gets parts that are no larger than they may be, in bytes too", async () => {
    const sizes: number[] = [];
    const { outcome, server } = openBatch(12, {}, { lines: 50, bytes: 400 });
    const { upload } = server.remote();
    Object.assign(server.remote(), {
      upload: (file: Parameters<Remote["upload"]>[0], signal: AbortSignal) => {
        sizes.push(file.bytes);
        return upload(file, signal);
      },
    });
    expect((await outcome()).fates).toEqual(Array(12).fill("there"));
    expect(sizes.length).toBeGreaterThan(2);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(400);
  });

  it("has those lines made here that expired there, failed there, or are missing", async () => {
    const { outcome } = openBatch(6, {
      answer: ({ custom_id: id }) =>
        [
          { output: [usual(0)] },
          { error: [expiredLine(id)] },
          { error: [resultLine(id, {}, 500)] },
          { error: [resultLine(id, {}, 429)] },
          {},
          {
            output: [
              `{"custom_id":"${id}","response":{"status_code":200,"body":{"by":"there","long":"${"x".repeat(17 * 1024 * 1024)}"}}}`,
            ],
          },
        ][Number(id)] ?? {},
      endsAs: () => ({ status: "expired" }),
    });
    expect(await outcome()).toEqual({
      status: "completed",
      fates: ["there", "here", "here", "here", "here", "here"],
    });
  });

  it("takes no result of a line that is not in its part, comes twice, or is none", async () => {
    const { outcome, log } = openBatch(4, {
      answer: ({ custom_id: id }) => ({
        output: [usual(Number(id)), resultLine(id, { by: "nobody" }), usual(77), usual(-1), "null", "", "[", "{}"],
      }),
    });
    expect(await outcome()).toEqual({ status: "completed", fates: Array(4).fill("there") });
    expect(log).toContain("a part of a batch was taken from an upstream");
  });

  it("is taken up to where a file of results has far too much in it, which is told once, and the rest is made here", async () => {
    const { outcome, log } = openBatch(3, {
      answer: ({ custom_id: id }) => ({
        output: id === "0" ? [usual(0), ...Array(2_000).fill("{}")] : [usual(Number(id))],
      }),
    });
    expect(await outcome()).toEqual({ status: "completed", fates: ["there", "here", "here"] });
    expect(log.filter((message) => message.includes("far too long"))).toHaveLength(1);
  });

  it("is made here where the server refuses it as a whole, and leaves no file there", async () => {
    const faults = [{ code: "invalid_json", message: "It is no batch." }];
    const { outcome, server } = openBatch(3, { endsAs: () => ({ status: "failed", faults }) });
    expect(await outcome()).toEqual({ status: "completed", fates: Array(3).fill("here") });
    expect(server.files.size).toBe(0);
  });

  it.each(["upload", "create"] as const)("is made here where the server takes no %s, and asks once", async (call) => {
    const { outcome, server, log } = openBatch(
      30,
      {
        async step(name, when) {
          if (name === call && when === "before") throw new RemoteError("refused", "No.");
        },
      },
      { lines: 10, bytes: 1_000_000 },
    );
    expect(await outcome()).toEqual({ status: "completed", fates: Array(30).fill("here") });
    expect(server.heard.filter((name) => name === call)).toHaveLength(1);
    expect(log).toContain("an upstream takes no batches: their requests are made one by one");
    expect(server.files.size).toBe(0);
  });

  it("is brought again later where the server has too much in batches", async () => {
    const faults = [{ code: "token_limit_exceeded", message: "Too much." }];
    const test = openBatch(3, {
      endsAs: ({ tag }) => (tag.endsWith(".0") ? { status: "failed", faults } : { status: "completed" }),
    });
    await vi.waitFor(() => expect(test.opened.runner.live(test.id)?.pausedFor).toContain("no room for more batches"));
    test.later(60_000);
    expect(await test.outcome()).toEqual({ status: "completed", fates: Array(3).fill("there") });
    expect([...test.server.batches.values()].map(({ tag }) => tag.slice(-4))).toEqual([".0.0", ".0.1"]);
  });

  it("waits for the file of results of a batch that has some and names none yet", async () => {
    let isThere = false;
    const { outcome, server } = openBatch(3, {
      endsAs: () => (isThere ? { status: "completed" } : { status: "in_progress" }),
    });
    const { get } = server.remote();
    let told = 0;
    Object.assign(server.remote(), {
      async get(id: string, signal: AbortSignal) {
        told += 1;
        isThere = told > 3;
        const batch = await get(id, signal);
        return isThere ? batch : { ...batch, status: "completed", completed: 3 };
      },
    });
    expect((await outcome()).fates).toEqual(Array(3).fill("there"));
  });

  it("is made here where the server has lost it", async () => {
    const { outcome, server } = openBatch(3, { polls: 1_000 });
    await vi.waitFor(() => expect(server.heard).toContain("get"));
    server.batches.clear();
    expect(await outcome()).toEqual({ status: "completed", fates: Array(3).fill("here") });
  });

  it("is waited for while the server is away, which is told once, and to its owner", async () => {
    let isAway = false;
    let isOver = false;
    const { outcome, opened, id, log, asked } = openBatch(3, {
      endsAs: () => ({ status: isOver ? "completed" : "in_progress" }),
      async step() {
        if (isAway) throw new RemoteError("away", "The upstream 'there' can't be reached.");
      },
    });
    await vi.waitFor(() => expect(opened.runner.live(id)?.elsewhere?.requests).toBe(3));
    isAway = true;
    await vi.waitFor(() => expect(opened.runner.live(id)?.pausedFor).toContain("can't be reached"));
    const waits = "an upstream with a part of a batch is waited for";
    expect(log.filter((message) => message === waits)).toHaveLength(1);
    isAway = false;
    await vi.waitFor(() => expect(opened.runner.live(id)?.pausedFor).toBeUndefined());
    isOver = true;
    expect((await outcome()).fates).toEqual(Array(3).fill("there"));
    expect(asked).toEqual([]);
  });

  it("is created once though the answer was lost, and one that comes to light late is cancelled", async () => {
    let lost = 0;
    const { outcome, server } = openBatch(3, {
      polls: 20,
      async step(name, when) {
        if (name !== "create" || when !== "after" || lost > 0) return;
        lost += 1;
        throw new RemoteError("away", "The connection broke.");
      },
    });
    expect((await outcome()).fates).toEqual(Array(3).fill("there"));
    expect(server.batches.size).toBe(1);

    const late = openBatch(3, {
      polls: 20,
      async step(name, when) {
        if (name === "create" && when === "after" && late.server.batches.size === 1)
          throw new RemoteError("away", "The connection broke.");
      },
    });
    const { find } = late.server.remote();
    let finds = 0;
    Object.assign(late.server.remote(), {
      async find(tag: string, sinceMs: number, signal: AbortSignal) {
        finds += 1;
        return finds === 1 ? [] : find(tag, sinceMs, signal);
      },
    });
    expect((await late.outcome()).fates).toEqual(Array(3).fill("there"));
    expect([...late.server.batches.values()].map(({ status }) => status)).toEqual(["cancelling", "completed"]);
  });

  it("is cancelled there, and what was answered by then is taken", async () => {
    const { outcome, cancel, server } = openBatch(6, {
      polls: 1_000,
      answer: ({ custom_id: id }) => (Number(id) < 2 ? { output: [usual(Number(id))] } : {}),
    });
    await vi.waitFor(() => expect(server.heard).toContain("get"));
    cancel();
    expect(await outcome()).toEqual({
      status: "cancelled",
      fates: ["there", "there", ...Array(4).fill("batch_cancelled")],
    });
    expect([...server.batches.values()].map(({ status }) => status)).toEqual(["cancelled"]);
    expect(server.files.size).toBe(0);
  });

  it("is cancelled at once where the server knows no batches, though its file may be there", async () => {
    const { outcome, cancel, server } = openBatch(2, {
      async step(name) {
        if (name === "findFiles" && isCancelled) throw new RemoteError("gone", "There is no such path.");
        if (name === "upload" || name === "findFiles") throw new RemoteError("away", "It can't be reached.");
      },
    });
    let isCancelled = false;
    await vi.waitFor(() => expect(server.heard).toContain("findFiles"));
    isCancelled = true;
    cancel();
    expect(await outcome()).toEqual({ status: "cancelled", fates: Array(2).fill("batch_cancelled") });
  });

  it("is not waited for longer than a quarter of an hour when it does not stop", async () => {
    const test = openBatch(2, {
      polls: 1_000,
      async step(name) {
        if (name === "cancel") throw new RemoteError("away", "It can't be reached.");
      },
    });
    await vi.waitFor(() => expect(test.server.heard).toContain("get"));
    test.cancel();
    await vi.waitFor(() => expect(test.server.heard).toContain("cancel"));
    test.later(HOUR_MS / 4);
    expect(await test.outcome()).toEqual({ status: "cancelled", fates: Array(2).fill("batch_cancelled") });
  });

  it("is stopped there towards the end of its window, and the rest is made here", async () => {
    const test = openBatch(6, {
      polls: 1_000,
      answer: ({ custom_id: id }) => (Number(id) < 2 ? { output: [usual(Number(id))] } : {}),
    });
    await vi.waitFor(() => expect(test.server.heard).toContain("get"));
    test.later(21 * HOUR_MS);
    expect(await test.outcome()).toEqual({ status: "completed", fates: ["there", "there", ...Array(4).fill("here")] });
  });

  it("expires with its window, and keeps what was answered there", async () => {
    const test = openBatch(4, {
      polls: 1_000,
      answer: ({ custom_id: id }) => (Number(id) < 2 ? { output: [usual(Number(id))] } : {}),
    });
    await vi.waitFor(() => expect(test.server.heard).toContain("get"));
    test.later(24 * HOUR_MS);
    expect(await test.outcome()).toEqual({
      status: "expired",
      fates: ["there", "there", "batch_expired", "batch_expired"],
    });
    expect([...test.server.batches.values()].map(({ status }) => status)).toEqual(["cancelled"]);
  });

  it("goes on here where its server is no longer in the settings", async () => {
    const { outcome, server, of } = openBatch(3, { polls: 1_000 });
    await vi.waitFor(() => expect(server.heard).toContain("get"));
    of.remoteOf = () => undefined;
    of.targetFor = () => undefined;
    expect(await outcome()).toEqual({ status: "completed", fates: Array(3).fill("here") });
  });

  it("waits for a server whose models are not known yet, and asks nobody else", async () => {
    const place = openBatch(2, {});
    const { targetFor } = place.of;
    const awaited = vi.fn(() => "awaited" as const);
    place.of.targetFor = awaited;
    await vi.waitFor(() => expect(awaited.mock.calls.length).toBeGreaterThan(2));
    expect(place.asked).toEqual([]);
    place.of.targetFor = targetFor;
    expect((await place.outcome()).fates).toEqual(["there", "there"]);
  });
});
