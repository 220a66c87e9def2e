import OpenAI, { APIError } from "openai";
import { afterEach, expect, test } from "vitest";
import { endAll, runSluice } from "./sluice-process.ts";

afterEach(endAll);

const model = "smollm2-135m-instruct";
const SLOTS = 4;
const BURST = 200;
/** Next to nothing, since two hundred of them share what processors there are. */
const MAX_TOKENS = 2;
/** So few that most of a burst is refused at first. */
const MAX_PENDING = 16;
/** On a busy machine a true time to come back at may be minutes away, which no test waits for. */
const LONGEST_PAUSE_MS = 1_000;

/** The official client with its default retries, told to come back earlier than it would be, and every refusal as it was meant. */
function createClient(url: string): { readonly client: OpenAI; readonly refusals: readonly Response[] } {
  const refusals: Response[] = [];
  const client = new OpenAI({
    ...{ baseURL: `${url}/v1`, apiKey: "none" },
    async fetch(input, init) {
      const response = await fetch(input, init);
      if (response.ok) return response;
      refusals.push(response);
      const pauseMs = Math.min(Number(response.headers.get("retry-after-ms")), LONGEST_PAUSE_MS);
      return new Response(await response.text(), {
        status: response.status,
        headers: { "content-type": "application/json", "retry-after-ms": String(pauseMs) },
      });
    },
  });
  return { client, refusals };
}

async function askStreamed(client: OpenAI, content: string): Promise<string> {
  let text = "";
  const messages = [{ role: "user" as const, content }];
  for await (const chunk of await client.chat.completions.create({
    model,
    messages,
    max_tokens: MAX_TOKENS,
    stream: true,
  })) {
    text += chunk.choices[0]?.delta.content ?? "";
  }
  return text;
}

async function askWhole(client: OpenAI, content: string): Promise<string> {
  const messages = [{ role: "user" as const, content }];
  const { choices } = await client.chat.completions.create({ model, messages, max_tokens: MAX_TOKENS });
  return choices[0]?.message.content ?? "";
}

test("a burst of 200 by the official client on 4 slots is answered or fails typed, none hangs, and nothing is left of it", async () => {
  const url = await runSluice(
    "--slots",
    String(SLOTS),
    "--context",
    "512",
    "--max-pending",
    String(MAX_PENDING),
    "--state-file",
    ":memory:",
  ).ready;
  const { client, refusals } = createClient(url);
  const outcomes = await Promise.allSettled(
    Array.from({ length: BURST }, (_, index) =>
      (index % 2 === 0 ? askStreamed : askWhole)(client, `Is ${index} even?`),
    ),
  );

  const answers = outcomes.filter((outcome) => outcome.status === "fulfilled").map(({ value }) => value);
  const errors = outcomes.filter((outcome) => outcome.status === "rejected").map(({ reason }) => reason as unknown);
  expect(answers.length).toBeGreaterThanOrEqual(SLOTS);
  expect(answers.filter((text) => text === "")).toEqual([]);
  for (const error of errors) {
    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({ status: 503, code: "server_overloaded" });
  }
  expect(refusals.length).toBeGreaterThanOrEqual((BURST - MAX_PENDING) / 2);
  for (const { status, headers } of refusals) {
    expect(status).toBe(503);
    expect(Number(headers.get("retry-after-ms"))).toBeGreaterThan(0);
    expect(Number(headers.get("retry-after")) * 1000).toBeGreaterThanOrEqual(Number(headers.get("retry-after-ms")));
  }
  // Told one moment for all, they would come back as the same burst.
  expect(new Set(refusals.map(({ headers }) => headers.get("retry-after-ms"))).size).toBeGreaterThan(10);

  const messages = [{ role: "user" as const, content: "Say hi" }];
  const next = client.chat.completions.create({ model, messages, max_tokens: MAX_TOKENS }, { maxRetries: 0 });
  const { response } = await next.withResponse();
  // A position of 0 is a turn at once.
  expect(response.headers.get("sluice-queue-position") ?? "0").toBe("0");
});
