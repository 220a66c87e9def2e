import { afterEach, describe, expect, test } from "vitest";
import { begin, numberOf, readEvents } from "../http/streams/support.ts";
import { temporaryFolder } from "../store/support.ts";
import { endAll, runSluice } from "./sluice-process.ts";

afterEach(endAll);

const model = "smollm2-135m-instruct";
const ask = (subject: string) => [{ role: "user", content: `Tell me a story about ${subject}.` }];
const random = { temperature: 1, seed: 7 };
const greedy = { temperature: 0 };

/** Eight streams: greedy ones and such with a seed, of all protocols. */
const STREAMS = [
  { path: "/v1/chat/completions", body: { model, messages: ask("a fox"), max_tokens: 40, ...greedy } },
  { path: "/v1/chat/completions", body: { model, messages: ask("the sea"), max_tokens: 40, ...random } },
  { path: "/v1/chat/completions", body: { model, messages: ask("a storm"), max_tokens: 30, ...random, n: 2 } },
  { path: "/v1/completions", body: { model, prompt: "The lighthouse keeper", max_tokens: 40, ...greedy } },
  { path: "/v1/responses", body: { model, input: "Tell me a story about a clock.", max_output_tokens: 40, ...greedy } },
  { path: "/v1/messages", body: { model, messages: ask("two brothers"), max_tokens: 40, ...greedy } },
  { path: "/completion", body: { model, prompt: "Once upon a time", n_predict: 40, ...random } },
].map(({ path, body }) => ({ path, body: { ...body, stream: true } }));

/** What a stream says, whatever its protocol: all texts of each choice. */
function said(events: readonly string[]): Readonly<Record<string, string>> {
  const texts: Record<string, string> = {};
  for (const event of events) {
    const data = /^(?:data: )?(\{.*)$/m.exec(event)?.[1];
    if (data === undefined) continue;
    const { choices, delta, content, message } = JSON.parse(data);
    for (const { index, delta: { content: text } = { content: undefined }, text: plain } of choices ?? []) {
      texts[index] = (texts[index] ?? "") + (text ?? plain ?? "");
    }
    const own = typeof delta === "string" ? delta : (delta?.text ?? content ?? message?.content);
    if (typeof own === "string") texts["0"] = (texts["0"] ?? "") + own;
  }
  return texts;
}

describe("a gateway that is killed in the middle of eight streams", () => {
  test("lets each client that comes back go on, with the text of an undisturbed run", async () => {
    using folder = temporaryFolder();
    const words = ["--slots", "9", "--context", "512", "--state-file", folder.file, "--journal", "--cache-bytes", "0"];
    const first = runSluice(...words);
    const url = await first.ready;
    const asked = [
      ...STREAMS,
      { path: "/api/chat", body: { model, messages: ask("a mill"), options: { ...greedy, num_predict: 40 } } },
    ];
    const undisturbed = await Promise.all(
      asked.map(async ({ path, body }) => {
        const headers = { "content-type": "application/json" };
        const response = await fetch(url + path, { method: "POST", headers, body: JSON.stringify(body) });
        return said((await readEvents(response)).events);
      }),
    );

    const streams = await Promise.all(asked.map((each) => begin((path, init) => fetch(url + path, init), each)));
    const got = await Promise.all(streams.map(({ response }) => readEvents(response, 20)));
    first.kill("SIGKILL");
    await first.ended;
    const second = runSluice(...words);
    const again = await second.ready;
    const rest = await Promise.all(
      streams.map(async ({ id }, index) => {
        const after = got[index]?.events.length;
        const response = await fetch(`${again}/v1/streams/${id}?after=${after}`);
        expect(response.status).toBe(200);
        return readEvents(response);
      }),
    );

    for (const [index, { events }] of got.entries()) {
      const all = [...events, ...(rest[index]?.events ?? [])];
      expect(events.length).toBe(20);
      expect(said(all)).toEqual(undisturbed[index]);
      if (asked[index]?.path !== "/api/chat") expect(all.map(numberOf)).toEqual(all.map((_, place) => place + 1));
      const ids = all.flatMap((event) => /^data: \{"id":"(?:chatcmpl|cmpl)-\w+"/m.exec(event)?.[0] ?? []);
      expect(new Set(ids).size).toBeLessThanOrEqual(1);
    }
    second.kill("SIGTERM");
    await second.ended;
  }, 180_000);
});

describe("a gateway that stops before its streams have ended", () => {
  test("leaves them to the next one, and its clients see no error", async () => {
    using folder = temporaryFolder();
    const words = ["--slots", "2", "--context", "512", "--state-file", folder.file, "--journal"];
    const first = runSluice(...words, "--shutdown-grace-ms", "0");
    const url = await first.ready;
    const body = { model, messages: ask("a ship"), max_tokens: 80, temperature: 1, stream: true };
    const { response, id } = await begin((path, init) => fetch(url + path, init), {
      ...{ path: "/v1/chat/completions", body },
    });
    const [shown, left] = response.body?.tee() ?? [];
    const reading = readEvents(new Response(shown, { headers: response.headers }));
    await readEvents(new Response(left, { headers: response.headers }), 10);
    first.kill("SIGTERM");
    expect((await first.ended).code).toBe(0);
    const { events, isWhole } = await reading;
    expect(isWhole).toBe(false);
    expect(events.join("")).not.toContain('"error"');
    const second = runSluice(...words);
    const rest = await readEvents(await fetch(`${await second.ready}/v1/streams/${id}?after=${events.length}`));
    const all = [...events, ...rest.events];
    expect(all.map(numberOf)).toEqual(all.map((_, place) => place + 1));
    expect(all.at(-1)).toContain("[DONE]");
    second.kill("SIGTERM");
    await second.ended;
  }, 120_000);
});
