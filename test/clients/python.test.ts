import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { z } from "zod";
import { writeSamples } from "../../pages/chat/request/samples.ts";
import { preparePython, runPython } from "./python/environment.ts";

const model = "smollm2-135m-instruct";

const failure = z.strictObject({ type: z.string(), status: z.int(), code: z.string(), param: z.string() });

const report = z.strictObject({
  chat: z.strictObject({
    text: z.string(),
    finish_reason: z.string(),
    completion_tokens: z.int(),
    request_id: z.string(),
  }),
  chat_streamed: z.strictObject({ text: z.string(), completion_tokens: z.int() }),
  chat_kept: z.strictObject({ text: z.string() }),
  completions: z.strictObject({ texts: z.array(z.string()), tokens: z.array(z.int()) }),
  neighbours: z.strictObject({
    choice: z.string(),
    structured: z.string(),
    grammar: z.string(),
    schema: z.unknown(),
    ollama: z.string(),
    refused: z.array(z.string().nullable()),
    scored: z.tuple([z.string(), z.null(), z.int()]),
  }),
  models: z.strictObject({ ids: z.array(z.string()), by_alias: z.string() }),
  batches: z.strictObject({
    status: z.string(),
    ids: z.array(z.string()),
    text: z.string(),
    listed: z.boolean(),
    deleted: z.boolean(),
  }),
  errors: z.strictObject({ unknown_model: failure, wrong_temperature: failure, wrong_stream: failure }),
  aborted: z.strictObject({ chunks: z.int(), text_after: z.string() }),
  cancelled: z.strictObject({ cancelled: z.boolean() }),
});

let found: z.infer<typeof report>;
let python: string;
let folder: string;

beforeAll(async () => {
  python = await preparePython();
  folder = await mkdtemp(join(tmpdir(), "sluice-python-"));
  found = report.parse(await runPython(python, "openai_client.py", `${inject("gatewayUrl")}/v1`, model));
}, 200_000);

afterAll(() => rm(folder, { recursive: true }));

describe("the official Python openai package", () => {
  test("gets an unstreamed answer, with the request's id", () => {
    expect(found.chat.text).toContain("glad");
    expect(found.chat.request_id).toMatch(/^req_/);
    expect(found.chat.completion_tokens).toBeGreaterThan(0);
  });

  test("streams the same answer, with usage at the end", () => {
    expect(found.chat_streamed).toEqual({
      text: found.chat.text,
      completion_tokens: found.chat.completion_tokens,
    });
  });

  test("runs the program that the Chat page writes for a request", async () => {
    const body = {
      ...{ model, messages: [{ role: "user", content: 'Say "it\'s".' }], temperature: 0, max_tokens: 8 },
      ...{ top_k: 1, regex: "(yes|no)!", stream: true, stream_options: { include_usage: true } },
    };
    const sample = writeSamples(inject("gatewayUrl"), body).find(({ language }) => language === "Python");
    const file = join(folder, "sample.py");
    await writeFile(file, sample?.code ?? "");
    const { stdout } = await promisify(execFile)(python, [file]);
    expect(stdout).toMatch(/^(yes|no)!$/);
  });

  test("takes up a stream that broke off", () => {
    expect(found.chat_kept.text).toBe(found.chat.text);
  });

  test("runs a batch of a file that came in parts", () => {
    const { text } = found.chat;
    expect(found.batches).toEqual({ status: "completed", ids: ["one", "two"], text, listed: true, deleted: true });
  });

  test("completes a batch of prompts, with log-probabilities", () => {
    const { texts, tokens } = found.completions;
    expect(texts).toHaveLength(4);
    expect([texts[0], texts[2]]).toEqual([texts[1], texts[3]]);
    expect(texts[0]).not.toBe(texts[2]);
    expect(tokens).toEqual([4, 4, 4, 4]);
  });

  test("sends other servers' fields in its extra body, and they are honoured or refused by name", () => {
    const { choice, structured, grammar, schema, ollama, refused, scored } = found.neighbours;
    expect(choice).toMatch(/^(left|right)$/);
    expect(structured).toMatch(/^[0-9]{4}$/);
    expect(grammar).toMatch(/^<[ab]>$/);
    expect([{ a: 1 }, { a: 2 }]).toContainEqual(schema);
    expect(JSON.parse(ollama)).toEqual([7]);
    expect(refused).toEqual(["mirostat", "input", "chat_template", null]);
    expect(scored).toEqual(["One two three", null, 3]);
  });

  test("lists the models and finds one by its alias", () => {
    expect(found.models.ids.filter((id) => !id.startsWith("preset/"))).toEqual([model]);
    expect(found.models.by_alias).toBe(model);
  });

  test("raises its typed exceptions, which name the field", () => {
    expect(found.errors).toEqual({
      unknown_model: { type: "NotFoundError", status: 404, code: "model_not_found", param: "model" },
      wrong_temperature: {
        type: "BadRequestError",
        status: 400,
        code: "decimal_above_max_value",
        param: "temperature",
      },
      wrong_stream: { type: "BadRequestError", status: 400, code: "empty_array", param: "messages" },
    });
  });

  test("leaves a stream, and gets answers as before afterwards", () => {
    expect(found.aborted).toEqual({ chunks: 3, text_after: found.chat.text });
  });

  test("cancels an unstreamed answer in progress", () => {
    expect(found.cancelled).toEqual({ cancelled: true });
  });
});
