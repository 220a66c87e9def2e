import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { z } from "zod";
import { type KeyPolicy, policySchema } from "../../src/keys/key.ts";
import { issueKey, revokeKey } from "../../src/keys/manage.ts";
import { type KeyState, openKeyState } from "../../src/store/state.ts";
import { endAll, runSluice, type SluiceProcess } from "./sluice-process.ts";

const FILE_SECRET = "sk-sluice-from-the-file-of-keys";
const SETTING_SECRET = "sk-sluice-from-the-setting";

let folder: string;
let beside: KeyState;
let sluice: SluiceProcess;
let url: string;
const secrets: string[] = [FILE_SECRET, SETTING_SECRET];

function create(name: string, policy: Partial<KeyPolicy> = {}): string {
  const { secret } = issueKey(
    beside.keys,
    { name, expiresMs: undefined, policy: policySchema.parse(policy) },
    Date.now(),
  );
  secrets.push(secret);
  return secret;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-keys-"));
  const stateFile = join(folder, "state.db");
  beside = openKeyState(stateFile);
  create("first");
  const keysFile = join(folder, "keys.yaml");
  await writeFile(keysFile, `keys: [{ name: filed, key: ${FILE_SECRET}, admin: true }]\n`);
  process.env.SLUICE_API_KEY = SETTING_SECRET;
  try {
    sluice = runSluice(
      ...["--model", inject("modelPath"), "--host", "0.0.0.0", "--slots", "2", "--context", "512"],
      ...["--state-file", stateFile, "--keys-file", keysFile],
    );
  } finally {
    delete process.env.SLUICE_API_KEY;
  }
  url = (await sluice.ready).replace("0.0.0.0", "127.0.0.1");
});

afterAll(async () => {
  await endAll();
  beside.close();
  await rm(folder, { recursive: true });
});

function openai(apiKey: string): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
}

async function modelId(): Promise<string> {
  const { data } = await openai(FILE_SECRET).models.list();
  return data[0]?.id ?? "";
}

const messages = [{ role: "user" as const, content: "Say hello." }];

describe("a gateway with keys, on every address", () => {
  test("answers the official clients with a key from any source, whole and streamed", async () => {
    const model = await modelId();
    for (const secret of [create("alice"), FILE_SECRET, SETTING_SECRET]) {
      const whole = await openai(secret).chat.completions.create({ model, messages, max_tokens: 4 });
      expect(whole.usage?.completion_tokens).toBeGreaterThan(0);
    }
    const stream = await openai(create("bob")).chat.completions.create({
      model,
      messages,
      max_tokens: 4,
      stream: true,
    });
    let chunks = 0;
    for await (const _ of stream) chunks += 1;
    expect(chunks).toBeGreaterThan(1);
    const anthropic = new Anthropic({ baseURL: url, apiKey: create("carol"), maxRetries: 0 });
    const message = await anthropic.messages.create({ model, messages, max_tokens: 4 });
    expect(message.usage.output_tokens).toBeGreaterThan(0);
  });

  test("refuses other keys with each client's own error, and a revoked one at once", async () => {
    const model = await modelId();
    const secret = create("short-lived");
    await openai(secret).models.list();
    revokeKey(beside.keys, "short-lived");
    await expect(openai(secret).models.list()).rejects.toThrow(OpenAI.AuthenticationError);
    await expect(openai("sk-wrong").chat.completions.create({ model, messages })).rejects.toMatchObject({
      status: 401,
      code: "invalid_api_key",
    });
    const anthropic = new Anthropic({ baseURL: url, apiKey: "sk-wrong", maxRetries: 0 });
    await expect(anthropic.messages.create({ model, messages, max_tokens: 4 })).rejects.toThrow(
      Anthropic.AuthenticationError,
    );
    await expect(openai(create("elsewhere", { models: ["other"] })).models.retrieve(model)).rejects.toThrow(
      OpenAI.PermissionDeniedError,
    );
  });

  test("creates and revokes keys by HTTP, at once", async () => {
    const ask = (method: string, path: string, body?: unknown) =>
      fetch(`${url}/admin/keys${path}`, {
        method,
        headers: { authorization: `Bearer ${FILE_SECRET}`, "content-type": "application/json" },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
    const created = z
      .object({ id: z.string(), secret: z.string() })
      .parse(await (await ask("POST", "", { name: "by http", requests_per_minute: 5 })).json());
    secrets.push(created.secret);
    const model = await modelId();
    const client = openai(created.secret);
    expect((await client.chat.completions.create({ model, messages, max_tokens: 4 })).usage?.completion_tokens).toBe(4);
    expect(beside.keys.find("by http")?.id).toBe(created.id);
    expect((await ask("DELETE", `/${created.id}`)).status).toBe(200);
    await expect(client.models.list()).rejects.toThrow(OpenAI.AuthenticationError);
  });

  test("enforces a key's limits, and returns reserved tokens that were not used", async () => {
    const model = await modelId();
    const client = openai(create("limited", { requestsPerMinute: 2, tokensPerMinute: 1_000 }));
    const body = { model, messages, max_tokens: 200, stop: [" "] };
    const first = await client.chat.completions.create(body).withResponse();
    expect(first.response.headers.get("x-ratelimit-remaining-requests")).toBe("1");
    const second = await client.chat.completions.create(body).withResponse();
    const used = (first.data.usage?.total_tokens ?? 0) + 200;
    expect(Number(second.response.headers.get("x-ratelimit-remaining-tokens"))).toBeGreaterThan(1_000 - used - 100);
    const refusal = await client.chat.completions.create(body).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(OpenAI.RateLimitError);
    expect(refusal).toMatchObject({ type: "requests", code: "rate_limit_exceeded" });
  });

  test("shows an admin key the usage of all keys, loses none of it at a stop, and prints no secret", async () => {
    const model = await modelId();
    const spender = create("spender");
    const { usage } = await openai(spender).chat.completions.create({ model, messages, max_tokens: 4 });
    const ask = (secret: string) =>
      fetch(`${url}/admin/usage?key=spender`, { headers: { authorization: `Bearer ${secret}` } });
    expect((await ask(spender)).status).toBe(403);
    const row = { requests: 1, prompt_tokens: usage?.prompt_tokens, completion_tokens: usage?.completion_tokens };
    expect(await (await ask(FILE_SECRET)).json()).toMatchObject({ data: [{ key_name: "spender", model, ...row }] });

    await openai(spender).chat.completions.create({ model, messages, max_tokens: 4 });
    sluice.kill("SIGTERM");
    expect(await sluice.ended).toEqual({ code: 0, signal: null });
    expect(beside.usage.list({ key: "spender" })).toMatchObject([{ requests: 2 }]);
    const log = sluice.stderr();
    expect(log).toContain('"keyName":"spender"');
    const state = await readFile(join(folder, "state.db"), "latin1");
    for (const secret of secrets) {
      expect(log).not.toContain(secret);
      expect(state).not.toContain(secret);
    }
  });
});

test("a gateway without keys refuses to listen on other addresses, and says what to do", async () => {
  const refused = runSluice("--host", "0.0.0.0", "--state-file", join(folder, "none.db"));
  expect((await refused.ended).code).toBe(1);
  expect(refused.stderr()).toMatch(/^error: 0\.0\.0\.0 can be reached .*sluice -- keys create NAME.*--insecure/);
});
