import { existsSync } from "node:fs";
import { symlink } from "node:fs/promises";
import Anthropic from "@anthropic-ai/sdk";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { allClosed } from "../files/support.ts";
import { messageBatch } from "../fixtures/anthropic/batches.ts";
import { createBatchApp } from "./batch-support.ts";
import { answerWith, jsonInit, listenAsGateway, MODEL_ID, script } from "./support.ts";

const BATCHES = "/v1/messages/batches";
const params = (content: string) => ({
  model: MODEL_ID,
  max_tokens: 10,
  messages: [{ role: "user" as const, content }],
});

/** Waits for a batch's end. */
async function ended(client: Anthropic, id: string) {
  for (;;) {
    const batch = messageBatch.parse(await client.messages.batches.retrieve(id));
    if (batch.processing_status === "ended") return batch;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe("the official Anthropic package", () => {
  it("creates, lists, reads and deletes a batch of messages", async () => {
    await using it = await createBatchApp();
    await using server = await listenAsGateway(it.app);
    const client = new Anthropic({ baseURL: server.url, apiKey: "none", maxRetries: 0 });
    const wrong = { ...params("Hi"), temperature: 7 };
    const created = await client.messages.batches.create({
      requests: [
        { custom_id: "good", params: params("Hi") },
        { custom_id: "bad", params: wrong },
      ],
    });
    expect(messageBatch.parse(created)).toMatchObject({
      processing_status: "in_progress",
      request_counts: { processing: 2, succeeded: 0 },
      results_url: null,
    });
    const batch = await ended(client, created.id);
    expect(batch.request_counts).toEqual({ processing: 0, succeeded: 1, errored: 1, canceled: 0, expired: 0 });
    const results = new Map<string, unknown>();
    for await (const { custom_id, result } of await client.messages.batches.results(created.id)) {
      results.set(custom_id, result);
    }
    expect(Object.fromEntries(results)).toMatchObject({
      good: { type: "succeeded", message: { type: "message", content: [{ type: "text", text: "Hello there!" }] } },
      bad: { type: "errored", error: { type: "error", error: { type: "invalid_request_error" } } },
    });
    // Their files are closed, whether they were read, only their head was, or the client left.
    const path = `${BATCHES}/${created.id}/results`;
    expect((await it.app.request(path, { method: "HEAD" })).status).toBe(200);
    await (await it.app.request(path)).body?.cancel().catch(() => {});
    expect(it.opened).toHaveLength(6);
    await allClosed(it.opened);
    const listed: string[] = [];
    for await (const { id } of client.messages.batches.list()) listed.push(id);
    expect(listed).toEqual([created.id]);
    // Neither its input nor its results are files that anybody uploaded.
    expect(it.state.files.usedBytes()).toBe(0);
    expect(await client.messages.batches.delete(created.id)).toEqual({
      id: created.id,
      type: "message_batch_deleted",
    });
    await expect(client.messages.batches.retrieve(created.id)).rejects.toThrow("not found");
  });

  it("cancels a batch, whose requests are then cancelled", async () => {
    await using it = await createBatchApp({
      generate: script(async function* ({ signal }) {
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        yield* answerWith([]);
      }),
    });
    await using server = await listenAsGateway(it.app);
    const client = new Anthropic({ baseURL: server.url, apiKey: "none", maxRetries: 0 });
    const { id } = await client.messages.batches.create({ requests: [{ custom_id: "a", params: params("Hi") }] });
    await expect(client.messages.batches.delete(id)).rejects.toThrow("has not ended");
    expect((await it.app.request(`${BATCHES}/${id}/results`)).status).toBe(400);
    expect(messageBatch.parse(await client.messages.batches.cancel(id)).cancel_initiated_at).not.toBeNull();
    expect((await ended(client, id)).request_counts).toMatchObject({ canceled: 1, processing: 0 });
    const lines = (await (await it.app.request(`${BATCHES}/${id}/results`)).text()).trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual([{ custom_id: "a", result: { type: "canceled" } }]);
  });
});

/** A batch that has ended, with one result. */
async function createEnded(it: Awaited<ReturnType<typeof createBatchApp>>) {
  const body = { requests: [{ custom_id: "good", params: params("Hi") }] };
  const { id } = messageBatch.parse(await (await it.app.request(BATCHES, jsonInit(body))).json());
  for (;;) {
    const batch = it.state.batches.get("anthropic", id);
    if (batch?.status === "completed") return batch;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe("a batch of messages", () => {
  it("whose second file of results can't be opened leaves the first one closed", async () => {
    await using it = await createBatchApp();
    const batch = await createEnded(it);
    const path = it.pathOf(batch.errorFile);
    while (existsSync(path)) await new Promise((resolve) => setImmediate(resolve));
    // A link to itself can't be opened by anybody.
    await symlink(path, path);
    expect((await it.app.request(`${BATCHES}/${batch.id}/results`)).status).toBe(503);
    expect(it.opened).toHaveLength(1);
    await allClosed(it.opened);
  });

  it("whose counts can't be read is listed with the others, without counts", async () => {
    await using it = await createBatchApp();
    const [broken, whole] = [await createEnded(it), await createEnded(it)];
    for (const progress of ["", "not JSON", "null", '{"total":1,"counts":{"completed":0.5}}']) {
      it.state.batchQueue.record(broken.id, progress);
      const list = z.object({ data: z.array(messageBatch) }).parse(await (await it.app.request(BATCHES)).json());
      expect(list.data.map(({ id, request_counts: { succeeded } }) => [id, succeeded])).toEqual([
        [whole.id, 1],
        [broken.id, 0],
      ]);
    }
  });

  it.each([
    ["no requests", { requests: [] }, "empty array"],
    ["an id with spaces", { requests: [{ custom_id: "a b", params: {} }] }, "requests[0].custom_id"],
    ["an id twice", { requests: [1, 2].map(() => ({ custom_id: "a", params: {} })) }, "requests[1].custom_id"],
    ["no params", { requests: [{ custom_id: "a" }] }, "requests[0].params"],
    ["a stream", { requests: [{ custom_id: "a", params: { stream: true } }] }, "requests[0].params.stream"],
  ])("with %s is refused", async (_, body, words) => {
    await using it = await createBatchApp();
    const answer = await it.app.request(BATCHES, jsonInit(body));
    expect(answer.status).toBe(400);
    const text = await answer.text();
    expect(JSON.parse(text)).toMatchObject({ type: "error", error: { type: "invalid_request_error" } });
    expect(text).toContain(words);
  });
});
