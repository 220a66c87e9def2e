import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { error } from "../../src/protocols/openai-responses.ts";
import { allClosed, openTestFiles } from "../files/support.ts";
import { deletedFile, fileList, file as fileSchema } from "../fixtures/openai/files.ts";
import { openState } from "../store/support.ts";
import { createTestApp, formInit, listenAsGateway } from "./support.ts";

const FILES = "/v1/files";

async function createFilesApp(bounds: { maxFileBytes?: number } = {}) {
  const state = openState();
  const files = openTestFiles(":memory:", state, bounds);
  const { app } = createTestApp({ state, files: async () => files });
  const create = async (fields: unknown) => fileSchema.parse(await (await app.request(FILES, formInit(fields))).json());
  const refusal = async (init: RequestInit) => {
    const answer = await app.request(FILES, init);
    return { status: answer.status, ...error.parse(await answer.json()).error };
  };
  return { app, state, opened: files.opened, create, refusal, [Symbol.dispose]: () => files.close() };
}

function withHeader(name: string, value: string) {
  const init = formInit({ file: "x", purpose: "batch" });
  return { ...init, headers: { ...init.headers, [name]: value } };
}

const FILE_PART = '--a\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nabc\r\n';
const PURPOSE_PART = '--a\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n';

/** A form with the boundary `a`. */
function rawForm(body: string) {
  return { method: "POST", headers: { "content-type": "multipart/form-data; boundary=a" }, body };
}

describe("files", () => {
  it("are stored, listed, shown, returned and deleted, in OpenAI's form", async () => {
    using it = await createFilesApp();
    const { app, create } = it;
    const first = await create({ purpose: "batch", file: "{}\n" });
    const second = await create({
      "expires_after[anchor]": "created_at",
      "expires_after[seconds]": 3600,
      purpose: "user_data",
      file: { content: "né", filename: "../a b's.txt" },
    });
    expect(first).toMatchObject({ bytes: 3, filename: "in.jsonl", purpose: "batch" });
    // Files for batches are kept for 30 days.
    expect((first.expires_at ?? 0) - first.created_at).toBe(30 * 86_400);
    expect(second).toMatchObject({ filename: "a b's.txt", bytes: 3 });
    expect((second.expires_at ?? 0) - second.created_at).toBe(3600);

    const list = async (query: string) => {
      const { data, has_more } = fileList.parse(await (await app.request(`${FILES}?${query}`)).json());
      return { ids: data.map(({ id }) => id), has_more };
    };
    expect(await list("")).toEqual({ ids: [second.id, first.id], has_more: false });
    expect(await list("order=asc&limit=1")).toEqual({ ids: [first.id], has_more: true });
    expect(await list(`order=asc&after=${first.id}`)).toEqual({ ids: [second.id], has_more: false });
    expect(await list("purpose=batch")).toEqual({ ids: [first.id], has_more: false });

    expect(await (await app.request(`${FILES}/${first.id}`)).json()).toEqual(first);
    const content = await app.request(`${FILES}/${second.id}/content`);
    expect(await content.text()).toBe("né");
    expect(content.headers.get("content-disposition")).toBe("attachment; filename*=UTF-8''a%20b%27s.txt");
    deletedFile.parse(await (await app.request(`${FILES}/${first.id}`, { method: "DELETE" })).json());
    for (const path of [`${FILES}/${first.id}`, `${FILES}/${first.id}/content`, `${FILES}/..%2fstate.db`]) {
      const gone = await app.request(path);
      expect(gone.status).toBe(404);
      expect(error.parse(await gone.json()).error.message).toContain("No such File object");
    }
  });

  it("are closed again when only the head of their content is asked for, or the client leaves", async () => {
    using it = await createFilesApp();
    const { id } = await it.create({ purpose: "batch", file: "{}\n" });
    const head = await it.app.request(`${FILES}/${id}/content`, { method: "HEAD" });
    expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([200, "3", ""]);
    await (await it.app.request(`${FILES}/${id}/content`)).body?.cancel().catch(() => {});
    expect(it.opened).toHaveLength(2);
    await allClosed(it.opened);
  });

  it("arrive over a connection piece by piece, however large they are", async () => {
    const state = openState();
    const files = openTestFiles(":memory:", state, { maxFileBytes: 1e9, maxTenantBytes: 1e9 });
    const { app } = createTestApp({ state, files: async () => files, settings: { maxBodyBytes: 1_024 } });
    await using server = await listenAsGateway(app);
    const piece = Buffer.alloc(1 << 20, "0123456789abcde\n");
    const hash = createHash("sha256");
    const pieces = Array.from({ length: 40 }, () => piece);
    for (const part of pieces) hash.update(part);
    const form = new FormData();
    form.append("file", new File(pieces, "big.jsonl"));
    form.append("purpose", "batch");
    const sent = await fetch(`${server.url}${FILES}`, { method: "POST", body: form });
    const { id, bytes } = fileSchema.parse(await sent.json());
    expect(bytes).toBe(40 * piece.byteLength);
    const back = await fetch(`${server.url}${FILES}/${id}/content`);
    expect(back.headers.get("content-length")).toBe(String(bytes));
    expect(
      createHash("sha256")
        .update(Buffer.from(await back.arrayBuffer()))
        .digest("hex"),
    ).toBe(hash.digest("hex"));
    files.close();
  });

  it.each([
    ["no purpose", { file: "x" }, "Missing required parameter: 'purpose'.", "purpose"],
    ["an unknown purpose", { file: "x", purpose: "fun" }, "Invalid value: 'fun'.", "purpose"],
    ["no file", { purpose: "batch" }, "Missing required parameter: 'file'.", "file"],
    [
      "too short a life",
      { purpose: "batch", "expires_after[anchor]": "created_at", "expires_after[seconds]": 1, file: "x" },
      "Expected a value >= 3600",
      "expires_after.seconds",
    ],
    ["a long field", { purpose: "x".repeat(100_000), file: "x" }, "the field 'purpose' is too long", null],
    ["a file elsewhere", { data: "x", purpose: "batch" }, "its file must be in 'file'", null],
  ])("with %s are refused, and nothing is kept", async (_, fields, message, param) => {
    using it = await createFilesApp();
    expect(await it.refusal(formInit(fields))).toMatchObject({
      status: 400,
      param,
      message: expect.stringContaining(message),
    });
    expect(it.state.files.usedBytes()).toBe(0);
  });

  it.each([
    ["a file without a filename", 'name="file"', "file", "The file has no name."],
    ["a file with an empty filename", 'name="file"; filename=""', "file", "The file has no name."],
    ["a file without a field's name", 'filename="a"', null, "it has a file without a name"],
  ])("with %s are refused, and nothing is kept", async (_, disposition, param, message) => {
    using it = await createFilesApp();
    const head = `content-disposition: form-data; ${disposition}\r\ncontent-type: application/octet-stream`;
    expect(await it.refusal(rawForm(`--a\r\n${head}\r\n\r\nx\r\n${PURPOSE_PART}--a--\r\n`))).toMatchObject({
      status: 400,
      param,
      message: expect.stringContaining(message),
    });
    expect(it.state.files.usedBytes()).toBe(0);
  });

  it("with a field without a name are refused", async () => {
    using it = await createFilesApp();
    const body = `${FILE_PART}--a\r\ncontent-disposition: form-data\r\n\r\nx\r\n${PURPOSE_PART}--a--\r\n`;
    expect(await it.refusal(rawForm(body))).toMatchObject({
      status: 400,
      message: expect.stringContaining("it has a part without a name"),
    });
  });

  it.each([
    ["before the first boundary", (noise: string) => `${noise}\r\n${FILE_PART}${PURPOSE_PART}--a--\r\n`],
    ["after the last boundary", (noise: string) => `${FILE_PART}${PURPOSE_PART}--a--\r\n${noise}`],
    ["in a part's headers", (noise: string) => `--a\r\nx: ${noise}\r\n${FILE_PART.slice(5)}${PURPOSE_PART}--a--\r\n`],
    [
      "in a field",
      (noise: string) =>
        `${FILE_PART}--a\r\ncontent-disposition: form-data; name="x"\r\n\r\n${noise}\r\n${PURPOSE_PART}--a--\r\n`,
    ],
  ])("with megabytes %s are refused, at once or at their end", async (_, formWith) => {
    using it = await createFilesApp();
    const body = formWith("x".repeat(5_000_000));
    const reason = expect.stringContaining("bytes beside the file's own");
    expect(await it.refusal(rawForm(body))).toMatchObject({ status: 400 });
    const pieces = body.match(/[\s\S]{1,65536}/g) ?? [];
    const slow = ReadableStream.from(pieces.map((piece) => new TextEncoder().encode(piece)));
    const init = { ...rawForm(body), body: slow, duplex: "half" as const };
    expect(await it.refusal(init)).toMatchObject({ status: 400, message: reason });
    expect(it.state.files.usedBytes()).toBe(0);
  });

  it.each([
    ["without a name", "x: y"],
    ["of another kind", 'content-disposition: attachment; name="x"'],
  ])("are stored without a part %s, though that and its end come at once", async (_, head) => {
    using it = await createFilesApp();
    const passedOver = `--a\r\n${head}\r\n\r\n${"x".repeat(200_000)}\r\n`;
    for (const body of [
      `${passedOver}${FILE_PART}${PURPOSE_PART}--a--\r\n`,
      `${FILE_PART}${passedOver}${passedOver}${PURPOSE_PART}--a--\r\n`,
      `${FILE_PART}${PURPOSE_PART}${passedOver}--a--\r\n`,
    ]) {
      const stored = await it.app.request(FILES, rawForm(body));
      expect(fileSchema.parse(await stored.json())).toMatchObject({ bytes: 3, purpose: "batch" });
    }
  });

  it("that are too large are refused with a 413", async () => {
    using it = await createFilesApp({ maxFileBytes: 100 });
    expect(await it.refusal(formInit({ purpose: "batch", file: "x".repeat(101) }))).toMatchObject({
      status: 413,
      code: "file_too_large",
      message: expect.stringContaining("--max-file-bytes"),
    });
  });

  it.each([
    ["as JSON", { headers: { "content-type": "application/json" }, body: "{}" }, 415],
    ["without a boundary", { headers: { "content-type": "multipart/form-data; x=y" }, body: "--a" }, 415],
    ["by a strange page", withHeader("origin", "https://example.com"), 415],
    ["compressed", withHeader("content-encoding", "gzip"), 415],
    [
      "cut off",
      {
        headers: { "content-type": "multipart/form-data; boundary=a" },
        body: "--a\r\ncontent-disposition: form-data; name=file; filename=a\r\n\r\nabc",
      },
      400,
    ],
    ["as noise", { headers: { "content-type": "multipart/form-data; boundary=a" }, body: "noise" }, 400],
  ])("sent %s are refused", async (_, init, status) => {
    using it = await createFilesApp();
    expect(await it.refusal({ method: "POST", ...init })).toMatchObject({ status });
    expect(it.state.files.usedBytes()).toBe(0);
  });
});
