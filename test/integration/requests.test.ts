import { spawn } from "node:child_process";
import { text as readAll } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import type { RequestDetail } from "../../src/telemetry/requests/wire.ts";
import type { WhatIf } from "../../src/what-if/wire.ts";
import { runSluice, type SluiceProcess } from "./sluice-process.ts";

const MODEL = "smollm2-135m-instruct";
const RULES = Array.from({ length: 24 }, (_, at) => `Rule ${at}: be kind to everybody who asks for help.`).join("\n");
const answer = z.object({ choices: z.tuple([z.object({ message: z.object({ content: z.string() }) })]) });

type Message = { readonly role: string; readonly content: string };

const system = (time: string): Message => ({
  role: "system",
  content: `You are a helper.\nIt is ${time} now.\n${RULES}`,
});
const user = (content: string): Message => ({ role: "user", content });

let gateway: SluiceProcess;
let url = "";

beforeAll(async () => {
  gateway = runSluice("--state-file", ":memory:", "--cache-bytes", "0", "--slots", "2", "--context", "2048");
  url = await gateway.ready;
}, 60_000);

afterAll(async () => {
  gateway.kill("SIGTERM");
  await gateway.ended;
});

/** Asks for an answer. Returns its text and its id. */
async function ask(messages: readonly Message[], fields: object = {}) {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: MODEL, messages, max_tokens: 8, temperature: 0, ...fields }),
  });
  const { choices } = answer.parse(await response.json());
  return { text: choices[0].message.content, id: response.headers.get("x-request-id") ?? "" };
}

/** A request, once the doctor has looked at it. */
async function show(id: string): Promise<RequestDetail> {
  const read = async () => (await (await fetch(`${url}/admin/requests/${id}`)).json()) as RequestDetail;
  await expect.poll(async () => (await read()).prefix).toMatchObject({ type: expect.any(String) });
  return read();
}

describe("the last requests to the real model", () => {
  it("tell that a time of day in the system text kept a prefix from being reused, and that a second turn reused it", async () => {
    const first = await ask([system("09:41"), user("Hello!")]);
    expect((await show(first.id)).prefix?.type).toBe("new");

    const second = await ask([system("09:42"), user("Hello!")]);
    const shown = await show(second.id);
    expect(shown.prefix).toMatchObject({
      ...{ type: "differs", earlier: first.id },
      place: { role: "system", index: 0, line: 2 },
      sentence: expect.stringMatching(/^A time of day in line 2 of the system text is not as it was in req_/),
    });
    expect(shown.cached_tokens).toBeLessThan(40);
    expect(shown.prefix?.tokens).toBeGreaterThan(200);
    expect(shown.prefix?.ms).toBeGreaterThan(0);
    expect(shown.spans.map(({ type }) => type)).toEqual(expect.arrayContaining(["prefill", "decode"]));
    expect(shown.steps?.pieces).toBeGreaterThan(1);
    expect(JSON.stringify(shown)).not.toContain("be kind");

    const turns = [system("09:42"), user("Hello!"), { role: "assistant", content: second.text }, user("Go on.")];
    const third = await show((await ask(turns)).id);
    expect(third.prefix?.type).toBe("reused");
    expect(third.cached_tokens).toBeGreaterThan(200);
  });

  it("tell that a request waited for its model to be loaded", async () => {
    const unloaded = await fetch(`${url}/models/unload`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: MODEL }),
    });
    expect(unloaded.status).toBe(200);
    const cold = await show((await ask([user("Hello, are you there?")])).id);
    expect(cold.spans[0]?.type).toBe("load");
    const told = cold.reasons.map(({ sentence }) => sentence);
    expect(told).toContainEqual(expect.stringMatching(/^It waited .* while its model was loaded\.$/));
    expect(cold.position).toBeGreaterThan(0);
  });

  it("go through the real queue again, which explains what was seen", async () => {
    const all = Array.from({ length: 12 }, (_, at) => ask([user(`Tell of the number ${at}.`)], { max_tokens: 24 }));
    await Promise.all(all);
    const asked = await fetch(`${url}/admin/what-if`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ replicas: 6 }),
    });
    const found = (await asked.json()) as WhatIf;
    expect(found).toMatchObject({
      model: MODEL,
      settings: { today: { slots: 2, replicas: 1 }, changed: { slots: 2, replicas: 6 } },
    });
    expect(found.requests).toBeGreaterThanOrEqual(12);
    expect(found.today.answered).toBe(found.requests);
    expect(Math.abs(found.errors.p50 ?? 9)).toBeLessThan(0.5);
    // The longest waits are those for the first prompts after a load, which more engines don't shorten.
    expect(found.changed.p50_ms ?? 0).toBeLessThan(found.today.p50_ms ?? 0);

    const command = spawn(process.execPath, ["src/main.ts", "what-if", "--replicas", "6", "--url", url]);
    const [stdout, stderr] = await Promise.all([readAll(command.stdout), readAll(command.stderr)]);
    expect(stdout).toMatch(/^ +MEASURED +SIMULATED AS TODAY +WITH THESE SETTINGS\nfirst token, half +\d/);
    expect(stderr).toContain(`requests that ${MODEL} answered`);
  });
});
