import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { dirname } from "node:path";
import OpenAI, { toFile } from "openai";
import { describe, expect, it } from "vitest";
import { error } from "../../src/protocols/openai-responses.ts";
import { openTestFiles } from "../files/support.ts";
import { upload as uploadSchema } from "../fixtures/openai/uploads.ts";
import { openState } from "../store/support.ts";
import { createTestApp, formInit, jsonInit, listenAsGateway } from "./support.ts";

const UPLOADS = "/v1/uploads";
const ANNOUNCED = { purpose: "batch", filename: "in.jsonl", mime_type: "application/jsonl" } as const;

async function createUploadsApp() {
  let nowMs = Date.now();
  const now = () => nowMs;
  const state = openState({ now });
  const files = openTestFiles(":memory:", state, { now });
  const { app } = createTestApp({ state, files: async () => files, now });
  const post = async (path: string, init: RequestInit) => {
    const answer = await app.request(`${UPLOADS}${path}`, init);
    return { status: answer.status, body: await answer.json() };
  };
  return {
    ...{ app, post },
    later(ms: number) {
      nowMs += ms;
    },
    begin: async (bytes: number) => uploadSchema.parse((await post("", jsonInit({ ...ANNOUNCED, bytes }))).body),
    part: async (id: string, data: string) => (await post(`/${id}/parts`, formInit({ data }))).body as { id: string },
    names: () => readdirSync(dirname(files.folder.path("file-0000000000000000"))),
    [Symbol.dispose]: () => files.close(),
  };
}

describe("the official openai package", () => {
  it("uploads a file in parts, which may come in any order, and reads it", async () => {
    using it = await createUploadsApp();
    await using server = await listenAsGateway(it.app);
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
    const text = "first second third";
    const begun = await client.uploads.create({ ...ANNOUNCED, bytes: text.length });
    expect(uploadSchema.parse(begun)).toMatchObject({ status: "pending", file: null });
    const add = async (data: string) =>
      (await client.uploads.parts.create(begun.id, { data: await toFile(Buffer.from(data)) })).id;
    const [third, first, second] = [await add("third"), await add("first "), await add("second ")];
    const md5 = createHash("md5").update(text).digest("hex");
    const done = await client.uploads.complete(begun.id, { part_ids: [first, second, third], md5 });
    expect(uploadSchema.parse(done)).toMatchObject({ status: "completed", file: { bytes: 18, filename: "in.jsonl" } });
    expect(await (await client.files.content(done.file?.id ?? "")).text()).toBe(text);
    // The parts are gone.
    expect(it.names()).toEqual([done.file?.id]);
  });
});

describe("an upload", () => {
  it("that is cancelled or completed takes no more, and keeps no parts", async () => {
    using it = await createUploadsApp();
    const { id } = await it.begin(4);
    await it.part(id, "ab");
    expect(uploadSchema.parse((await it.post(`/${id}/cancel`, { method: "POST" })).body).status).toBe("cancelled");
    expect(it.names()).toEqual([]);
    for (const [path, init] of [
      ["parts", formInit({ data: "x" })],
      ["complete", jsonInit({ part_ids: [] })],
      ["cancel", { method: "POST" }],
    ] as const) {
      const { status, body } = await it.post(`/${id}/${path}`, init);
      expect(status).toBe(400);
      expect(error.parse(body).error.message).toContain("is cancelled. Begin a new one.");
    }
  });

  it("expires after an hour", async () => {
    using it = await createUploadsApp();
    const { id } = await it.begin(2);
    it.later(3_600_000);
    const { status, body } = await it.post(`/${id}/parts`, formInit({ data: "ab" }));
    expect(status).toBe(400);
    expect(error.parse(body).error.message).toContain("is expired");
  });

  it("may not be larger than it was announced, nor than a file may be", async () => {
    using it = await createUploadsApp();
    const { id } = await it.begin(3);
    await it.part(id, "ab");
    expect((await it.post(`/${id}/parts`, formInit({ data: "cd" }))).status).toBe(413);
    expect((await it.post("", jsonInit({ ...ANNOUNCED, bytes: 1_000_001 }))).status).toBe(413);
    expect(it.names()).toHaveLength(1);
  });

  it("takes no empty part, and not more parts than its record can hold", async () => {
    using it = await createUploadsApp();
    const { id } = await it.begin(10_000);
    const empty = await it.post(`/${id}/parts`, formInit({ data: "" }));
    expect([empty.status, error.parse(empty.body).error.message]).toEqual([400, "The part is empty."]);
    expect(it.names()).toEqual([]);
    for (let count = 0; count < 1_024; count++) await it.part(id, "x");
    const { status, body } = await it.post(`/${id}/parts`, formInit({ data: "x" }));
    expect([status, error.parse(body).error.message]).toEqual([400, expect.stringContaining("at most 1024 parts")]);
    expect(it.names()).toHaveLength(1_024);
  });

  it("is completed only with all of its bytes, each part once, and the right sum", async () => {
    using it = await createUploadsApp();
    const { id } = await it.begin(4);
    const one = await it.part(id, "ab");
    const two = await it.part(id, "cd");
    const refusal = async (body: object) => {
      const answer = await it.post(`/${id}/complete`, jsonInit(body));
      expect(answer.status).toBe(400);
      return error.parse(answer.body).error;
    };
    expect((await refusal({ part_ids: [one.id] })).message).toContain("have 2 bytes together");
    expect((await refusal({ part_ids: [one.id, one.id] })).param).toBe("part_ids[1]");
    expect((await refusal({ part_ids: [one.id, "part_x"] })).message).toContain("is no part");
    expect((await refusal({ part_ids: [one.id, two.id], md5: "0".repeat(32) })).param).toBe("md5");
    const { body } = await it.post(`/${id}/complete`, jsonInit({ part_ids: [two.id, one.id] }));
    expect(uploadSchema.parse(body)).toMatchObject({ status: "completed", file: { bytes: 4 } });
  });
});
