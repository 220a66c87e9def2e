import { readFile } from "node:fs/promises";
import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { newProgress } from "../../src/batch/progress.ts";
import { newBatchRecord } from "../../src/http/routes/batches.ts";
import { createAccess } from "../../src/keys/access.ts";
import { policySchema } from "../../src/keys/key.ts";
import { issueKey, revokeKey } from "../../src/keys/manage.ts";
import { error } from "../../src/protocols/openai-responses.ts";
import { openKeyState } from "../../src/store/state.ts";
import { batchList, batchResult, batch as batchSchema } from "../fixtures/openai/batches.ts";
import { openState, temporaryFolder } from "../store/support.ts";
import { BATCHES, createBatchApp } from "./batch-support.ts";
import { answerWith, MODEL_ID, script } from "./support.ts";

const CHAT = "/v1/chat/completions";
const message = (content: string) => ({ model: MODEL_ID, messages: [{ role: "user", content }] });
const NO_USAGE = { input: 0, cached: 0, output: 0, reasoning: 0, cost: 0 };
const BODY = JSON.stringify({ completion_window: "24h", metadata: null });
const line = (id: string, body: object = message(id)) => ({ custom_id: id, method: "POST", url: CHAT, body });

describe("a batch", () => {
  it("is created, runs at batch class, is shown and listed, and its results are files", async () => {
    const classes = new Set<string>();
    await using it = await createBatchApp({
      generate: script(async function* (request) {
        classes.add(request.terms?.priority ?? "none");
        yield* answerWith(["Hello"]);
      }),
    });
    const input = await it.upload([line("a"), line("b", { model: MODEL_ID }), line("c")]);
    const created = batchSchema.parse(
      await (await it.create({ input_file_id: input, endpoint: CHAT, metadata: { job: "1" } })).json(),
    );
    expect(created).toMatchObject({ status: "validating", metadata: { job: "1" }, input_file_id: input });
    expect(created.expires_at - created.created_at).toBe(86_400);
    const ended = await it.ended(created.id);
    expect(ended).toMatchObject({
      status: "completed",
      model: MODEL_ID,
      request_counts: { total: 3, completed: 2, failed: 1 },
      usage: { input_tokens: 24, output_tokens: 4, total_tokens: 28 },
    });
    expect(classes).toEqual(new Set(["batch"]));
    const answered = await it.results(ended.output_file_id);
    expect(answered.map(({ custom_id }) => custom_id).toSorted()).toEqual(["a", "c"]);
    expect(answered[0]?.response?.body).toMatchObject({ object: "chat.completion" });
    expect(answered[0]?.response?.request_id).toMatch(/^req_/);
    const [failed] = await it.results(ended.error_file_id);
    expect(failed).toMatchObject({
      custom_id: "b",
      response: { status_code: 400, body: { error: { param: "messages" } } },
    });
    const list = batchList.parse(await (await it.app.request(BATCHES)).json());
    expect(list.data).toEqual([ended]);
    const refused = await it.app.request(`${BATCHES}/${ended.id}/cancel`, { method: "POST" });
    expect(refused.status).toBe(409);
  });

  it.each([
    ["counts beyond all integers", JSON.stringify({ ...newProgress(2), usage: { ...NO_USAGE, input: 2e16 } })],
    ["no JSON", "{"],
  ])("is shown and listed though its progress has %s", async (_, progress) => {
    await using it = await createBatchApp();
    const id = `batch_${"0".repeat(48)}`;
    const record = newBatchRecord(
      { id, kind: "openai", endpoint: CHAT, inputFile: "file-1", body: BODY },
      undefined,
      Date.now(),
      86_400_000,
    );
    it.state.batches.add({ ...record, status: "completed", progress });
    expect(await it.show(id)).toMatchObject({ status: "completed" });
    const list = batchList.parse(await (await it.app.request(BATCHES)).json());
    expect(list.data.map(({ usage }) => Number.isSafeInteger(usage?.total_tokens))).toEqual([true]);
  });

  it("whose input is at fault fails, with the line and the field of each fault", async () => {
    await using it = await createBatchApp();
    const input = await it.upload([line("a"), { ...line("a"), method: "GET" }]);
    const { id } = batchSchema.parse(await (await it.create({ input_file_id: input, endpoint: CHAT })).json());
    expect(await it.ended(id)).toMatchObject({
      status: "failed",
      errors: { data: [{ line: 2, param: "method", code: "invalid_method" }] },
      output_file_id: null,
    });
  });

  it("keeps its input file until it has ended", async () => {
    await using it = await createBatchApp({
      generate: script(async function* ({ signal }) {
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        yield* answerWith([]);
      }),
    });
    const input = await it.upload([line("a")]);
    const { id } = batchSchema.parse(await (await it.create({ input_file_id: input, endpoint: CHAT })).json());
    const remove = () => it.app.request(`/v1/files/${input}`, { method: "DELETE" });
    expect((await remove()).status).toBe(409);
    const cancelling = await it.app.request(`${BATCHES}/${id}/cancel`, { method: "POST" });
    expect(batchSchema.parse(await cancelling.json()).cancelling_at).not.toBeNull();
    expect(await it.ended(id)).toMatchObject({ status: "cancelled" });
    expect((await remove()).status).toBe(200);
  });

  it.each([
    ["a missing file", { input_file_id: "file-0" }, "No such File object: file-0", "input_file_id"],
    ["an unknown endpoint", { endpoint: "/v1/files" }, "Invalid value: '/v1/files'.", "endpoint"],
    ["an endless window", { completion_window: "31d" }, "Invalid 'completion_window'", "completion_window"],
    ["a window of no time", { completion_window: "0h" }, "Invalid 'completion_window'", "completion_window"],
  ])("with %s is refused", async (_, wrong, words, param) => {
    await using it = await createBatchApp();
    const input = await it.upload([line("a")]);
    const answer = await it.create({ input_file_id: input, endpoint: CHAT, ...wrong });
    expect(answer.status).toBe(400);
    expect(error.parse(await answer.json()).error).toMatchObject({ param, message: expect.stringContaining(words) });
  });

  it("with a file of another purpose is refused", async () => {
    await using it = await createBatchApp();
    const input = await it.upload([line("a")], "user_data");
    const answer = await it.create({ input_file_id: input, endpoint: CHAT });
    expect(error.parse(await answer.json()).error.message).toContain("Upload it with the purpose 'batch'");
  });
});

describe("a batch of a key", () => {
  it("is that key's alone, and its requests fail clearly when the key is revoked", async () => {
    using folder = temporaryFolder();
    const state = openState({ file: folder.file });
    const beside = openKeyState(folder.file);
    const policy = policySchema.parse({});
    const issue = (name: string) => issueKey(beside.keys, { name, policy, expiresMs: undefined }, Date.now());
    const [one, other] = [issue("one"), issue("other")];
    const access = createAccess({
      config: { keysFile: "", apiKey: "" },
      state,
      logger: pino({ level: "silent" }),
      redis: undefined,
    });
    let asked = 0;
    await using it = await createBatchApp({
      ...{ state, access },
      generate: script(async function* () {
        asked += 1;
        if (asked === 1) revokeKey(beside.keys, one.record.id);
        yield* answerWith(["Hi"]);
      }),
    });
    const asOne = { authorization: `Bearer ${one.secret}` };
    const input = await it.upload(
      Array.from({ length: 20 }, (_, n) => line(`line-${n}`)),
      "batch",
      asOne,
    );
    const created = await it.create(
      { input_file_id: input, endpoint: CHAT },
      { authorization: `Bearer ${other.secret}` },
    );
    expect(created.status).toBe(400);
    const { id } = batchSchema.parse(await (await it.create({ input_file_id: input, endpoint: CHAT }, asOne)).json());
    const batchesOf = state.of(one.record.id).batches;
    while (batchesOf.get("openai", id)?.status !== "completed") await new Promise((resolve) => setImmediate(resolve));
    const { progress, errorFile } = batchesOf.get("openai", id) ?? {};
    expect(JSON.parse(progress ?? "").counts.failed).toBeGreaterThan(15);
    const failed = await readFile(it.pathOf(errorFile ?? ""), "utf8");
    const { response } = batchResult.parse(JSON.parse(failed.split("\n")[0] ?? ""));
    expect(response).toMatchObject({ status_code: 401, body: { error: { code: "invalid_api_key" } } });
    expect(state.of(other.record.id).batches.get("openai", id)).toBeUndefined();
    beside.close();
  });
});
