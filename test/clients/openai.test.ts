import OpenAI, { APIUserAbortError, BadRequestError, NotFoundError, toFile } from "openai";
import { describe, expect, inject, test, vi } from "vitest";
import { batchResult } from "../fixtures/openai/batches.ts";

const client = new OpenAI({ baseURL: `${inject("gatewayUrl")}/v1`, apiKey: "none", maxRetries: 0 });
const model = "smollm2-135m-instruct";
const messages = [{ role: "user" as const, content: "Say hi" }];

describe("the official openai package", () => {
  test("gets an unstreamed answer", async () => {
    const completion = await client.chat.completions.create({ model, messages, temperature: 0, max_tokens: 20 });
    expect(completion.object).toBe("chat.completion");
    expect(completion.choices[0]?.message.content).toContain("glad");
    expect(completion.usage?.total_tokens).toBe(
      (completion.usage?.prompt_tokens ?? 0) + (completion.usage?.completion_tokens ?? 0),
    );
    expect(completion._request_id).toMatch(/^req_/);
  });

  test("streams an answer, with usage at the end", async () => {
    const stream = await client.chat.completions.create({
      model,
      messages,
      temperature: 0,
      max_tokens: 20,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    let completionTokens = 0;
    const roles: string[] = [];
    for await (const chunk of stream) {
      const delta = chunk.choices[0]?.delta;
      if (delta?.role !== undefined) roles.push(delta.role);
      text += delta?.content ?? "";
      completionTokens = chunk.usage?.completion_tokens ?? completionTokens;
    }
    expect(text).toContain("glad");
    expect(roles).toEqual(["assistant"]);
    expect(completionTokens).toBeGreaterThan(0);
  });

  test("assembles a stream with its own helper", async () => {
    const runner = client.chat.completions.stream({ model, messages, temperature: 0, max_tokens: 20 });
    expect(await runner.finalContent()).toContain("glad");
    expect((await runner.finalChatCompletion()).choices[0]?.finish_reason).toMatch(/stop|length/);
  });

  test("aborts a stream", async () => {
    const stream = await client.chat.completions.create({ model, messages, max_tokens: 500, stream: true });
    let chunks = 0;
    for await (const _ of stream) if (++chunks === 3) stream.controller.abort();
    expect(chunks).toBeLessThan(500);
  });

  test("aborts an unstreamed answer in progress", async () => {
    const controller = new AbortController();
    const answer = client.chat.completions.create(
      { model, messages, logit_bias: { "905": 100 }, max_tokens: 900 },
      { signal: controller.signal },
    );
    controller.abort();
    await expect(answer).rejects.toBeInstanceOf(APIUserAbortError);
  });

  test("lists the models and finds one by its id and by its alias", async () => {
    const ids: string[] = [];
    for await (const each of client.models.list()) ids.push(each.id);
    expect(ids.filter((id) => !id.startsWith("preset/"))).toEqual([model]);
    expect((await client.models.retrieve("smollm2")).id).toBe(model);
  });

  test("throws its typed exceptions, which name the field", async () => {
    const unknown = client.chat.completions.create({ model: "gpt-99", messages });
    await expect(unknown).rejects.toBeInstanceOf(NotFoundError);
    await expect(unknown).rejects.toMatchObject({ status: 404, code: "model_not_found", param: "model" });
    await expect(unknown).rejects.toThrow(model);

    const wrong = client.chat.completions.create({ model, messages, temperature: 3 });
    await expect(wrong).rejects.toBeInstanceOf(BadRequestError);
    await expect(wrong).rejects.toMatchObject({ status: 400, param: "temperature" });

    const stream = client.chat.completions.create({ model, messages: [], stream: true });
    await expect(stream).rejects.toMatchObject({ status: 400, param: "messages" });
  });

  test("runs a batch of a file that came in parts", async () => {
    const endpoint = "/v1/chat/completions";
    const body = { model, messages, temperature: 0, max_tokens: 20 };
    const requests = ["one", "two"].map((custom_id) => ({ custom_id, method: "POST", url: endpoint, body }));
    const bytes = Buffer.from(requests.map((request) => JSON.stringify(request)).join("\n"));
    const upload = await client.uploads.create({
      ...{ purpose: "batch", filename: "in.jsonl", bytes: bytes.byteLength, mime_type: "application/jsonl" },
    });
    const part_ids: string[] = [];
    for (const part of [bytes.subarray(0, 50), bytes.subarray(50)]) {
      part_ids.push((await client.uploads.parts.create(upload.id, { data: await toFile(part) })).id);
    }
    const { file } = await client.uploads.complete(upload.id, { part_ids });
    expect(await client.files.retrieve(file?.id ?? "")).toMatchObject({ bytes: bytes.byteLength, purpose: "batch" });

    const { id } = await client.batches.create({ input_file_id: file?.id ?? "", endpoint, completion_window: "24h" });
    const batch = await vi.waitFor(
      async () => {
        const found = await client.batches.retrieve(id);
        expect(found.status).toBe("completed");
        return found;
      },
      { timeout: 60_000 },
    );
    const output = await (await client.files.content(batch.output_file_id ?? "")).text();
    const results = output
      .trimEnd()
      .split("\n")
      .map((line) => batchResult.parse(JSON.parse(line)));
    expect(results.map(({ custom_id }) => custom_id).toSorted()).toEqual(["one", "two"]);
    for (const { response } of results) expect(JSON.stringify(response?.body)).toContain("glad");
    const listed: string[] = [];
    for await (const other of client.batches.list()) listed.push(other.id);
    expect(listed).toContain(id);
    expect(await client.files.delete(file?.id ?? "")).toMatchObject({ deleted: true });
  });
});
