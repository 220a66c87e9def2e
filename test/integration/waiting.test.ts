import OpenAI from "openai";
import { expect, inject, test } from "vitest";
import { post } from "./client.ts";

const MODEL = "smollm2-135m-instruct";
/** The same token again and again: a randomly sampled story may end after a sentence. */
const LONG = {
  messages: [{ role: "user" as const, content: "Tell me a very long story." }],
  max_tokens: 400,
  logit_bias: { "905": 100 },
};
const SHORT = { messages: [{ role: "user" as const, content: "Say hi" }], max_tokens: 4 };

/** Fills every slot of the gateway, until its signal is aborted. Resolves when all have begun to answer. */
async function fillSlots(signal: AbortSignal): Promise<void> {
  const streams = Array.from({ length: inject("gatewaySlots") }, async () => {
    const response = await post({ ...LONG, stream: true }, { signal });
    await response.body?.getReader().read();
  });
  await Promise.all(streams);
}

test("a stream that waits reports its position, and answers when its turn comes", async () => {
  const others = new AbortController();
  await fillSlots(others.signal);
  const response = await post({ ...SHORT, stream: true });
  expect(response.status).toBe(200);
  expect(response.headers.get("sluice-queue-position")).toBe("1");
  expect(Number(response.headers.get("sluice-queue-ms"))).toBeGreaterThan(0);
  let text = "";
  for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += piece;
    if (text.includes("eta_ms=")) others.abort();
  }
  expect(text).toMatch(/^: queued position=1 eta_ms=\d+\n\n/);
  expect(text).toMatch(/data: \[DONE\]\n\n$/);
});

test("a request whose turn would come too late is refused at once, with a retry time", async () => {
  const others = new AbortController();
  await fillSlots(others.signal);
  const response = await post(SHORT, {
    headers: { "content-type": "application/json", "sluice-max-wait-ms": "1" },
  });
  others.abort();
  expect(response.status).toBe(503);
  expect(Number(response.headers.get("retry-after-ms"))).toBeGreaterThan(0);
});

test("a later request supersedes the earlier one, for the official client too", async () => {
  const client = new OpenAI({ baseURL: `${inject("gatewayUrl")}/v1`, apiKey: "none" });
  const headers = { "sluice-supersede": "the-editor" };
  const older = await client.chat.completions.create({ model: MODEL, ...LONG, stream: true }, { headers });
  const read = older[Symbol.asyncIterator]();
  await read.next();
  const newer = client.chat.completions.create({ model: MODEL, ...SHORT }, { headers });
  const rest = async () => {
    for (;;) if ((await read.next()).done === true) return;
  };
  await expect(rest()).rejects.toThrow("replaced this one");
  expect((await newer).choices[0]?.finish_reason).toMatch(/stop|length/);
});
