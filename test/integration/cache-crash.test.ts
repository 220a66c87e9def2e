import { join } from "node:path";
import OpenAI from "openai";
import { afterEach, describe, expect, test } from "vitest";
import { smallDisk } from "../fixtures/full-disk.ts";
import { endAll, enginePidOf, runSluice, type SluiceProcess } from "./sluice-process.ts";

const MODEL = "smollm2-135m-instruct";
const MISS = "sluice; fwd=miss; stored";
const HIT = /^sluice; hit; ttl=\d+$/;

afterEach(endAll);

type Gateway = { readonly process: SluiceProcess; readonly openai: OpenAI };

async function start(...words: string[]): Promise<Gateway> {
  const process = runSluice("--slots", "4", "--context", "1024", "--state-file", ":memory:", ...words);
  return { process, openai: new OpenAI({ baseURL: `${await process.ready}/v1`, apiKey: "none", maxRetries: 0 }) };
}

function bodyOf(content: string, maxTokens: number) {
  return { model: MODEL, messages: [{ role: "user" as const, content }], temperature: 0, max_tokens: maxTokens };
}

async function ask({ openai }: Gateway, content: string, maxTokens: number, cacheControl = "max-age=3600") {
  const headers = { "cache-control": cacheControl };
  const { data, response } = await openai.chat.completions
    .create(bodyOf(content, maxTokens), { headers })
    .withResponse();
  return { text: data.choices[0]?.message.content, status: response.headers.get("cache-status") };
}

describe("a stored answer", () => {
  test("is complete and correct if the engine was killed during its generation, or absent", async () => {
    const gateway = await start();
    const question = "Tell me a story about a lighthouse.";
    const undisturbed = await ask(gateway, question, 48, "no-store");
    expect(undisturbed.status).toBe("sluice; fwd=bypass");
    const stream = await gateway.openai.chat.completions.create({ ...bodyOf(question, 48), stream: true });
    let text = "";
    let seen = 0;
    for await (const { choices } of stream) {
      text += choices[0]?.delta.content ?? "";
      if (++seen === 10) process.kill(enginePidOf(gateway.process), "SIGKILL");
    }
    expect(text).toBe(undisturbed.text);
    const again = await ask(gateway, question, 48);
    expect(again.text).toBe(undisturbed.text);
    expect(again.status).toMatch(HIT);
  });

  test("is absent if the client left and the engine was killed", async () => {
    const gateway = await start();
    const question = "Tell me a story about a fox.";
    const stream = await gateway.openai.chat.completions.create({ ...bodyOf(question, 200), stream: true });
    let seen = 0;
    for await (const _ of stream) {
      if (++seen < 10) continue;
      process.kill(enginePidOf(gateway.process), "SIGKILL");
      stream.controller.abort();
    }
    const refusal = await ask(gateway, question, 200, "only-if-cached").catch((error: unknown) => error);
    expect(refusal).toMatchObject({ status: 504, code: "not_cached" });
    expect((await ask(gateway, question, 8)).status).toBe(MISS);
  });

  test("stays as it was if the disk is full at the next write", async () => {
    await using disk = await smallDisk();
    const file = join(disk.folder, "answers");
    const stopped = async ({ process }: Gateway) => {
      process.kill("SIGTERM");
      expect((await process.ended).code).toBe(0);
    };
    const first = await start("--cache-file", file);
    const before = await ask(first, "Name a river.", 8);
    await stopped(first);

    const second = await start("--cache-file", file);
    expect((await ask(second, "Name a river.", 8)).status).toMatch(HIT);
    expect((await ask(second, "Name a lake.", 8)).status).toBe(MISS);
    await disk.fill(file);
    await stopped(second);
    expect(second.process.stderr()).toContain("ENOSPC");
    await disk.free();

    const third = await start("--cache-file", file);
    const after = await ask(third, "Name a river.", 8);
    expect(after.text).toBe(before.text);
    expect(after.status).toMatch(HIT);
    expect((await ask(third, "Name a lake.", 8)).status).toBe(MISS);
    await stopped(third);
  });
});
