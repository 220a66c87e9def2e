import { once } from "node:events";
import { request as sendRequest } from "node:http";
import { createInterface } from "node:readline";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { GenerationRequest } from "../../src/generation/request.ts";
import { createTestAccess } from "../keys/support.ts";
import { preset } from "../prompts/support.ts";
import { answerWith, createTestApp, listen, loopTurn, MODEL_ID, script } from "./support.ts";

const resultSchema = z.looseObject({
  id: z.union([z.string(), z.number()]).optional(),
  index: z.number().optional(),
  status: z.number().optional(),
  response: z
    .looseObject({ choices: z.array(z.looseObject({ message: z.looseObject({ content: z.string() }) })) })
    .optional(),
  error: z.looseObject({ code: z.string().nullable(), message: z.string() }).optional(),
  end: z
    .looseObject({ reason: z.string(), message: z.string().optional(), items: z.number(), failed: z.number() })
    .optional(),
});

const TEMPLATE = { template: { model: MODEL_ID, max_tokens: 5 } };

function textOf({ prompt }: GenerationRequest): string {
  const message = prompt.type === "chat" ? prompt.messages.at(-1) : undefined;
  return String(message?.content ?? "");
}

/** Says what it was asked. */
const echo = script(async function* (request) {
  yield* answerWith([textOf(request)]);
});

const linesOf = (values: readonly unknown[]) => values.map((value) => `${JSON.stringify(value)}\n`).join("");

async function ask(
  app: ReturnType<typeof createTestApp>["app"],
  body: string | Uint8Array<ArrayBuffer>,
  query = "",
  headers = {},
) {
  const response = await app.request(`/v1/stream${query}`, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson", ...headers },
    body,
  });
  const text = await response.text();
  const lines = text.split("\n").filter((line) => line !== "");
  return { status: response.status, text, results: lines.map((line) => resultSchema.parse(JSON.parse(line))) };
}

const said = (results: readonly z.infer<typeof resultSchema>[]) =>
  results.map(({ id, response, error, end }) => [
    id,
    response?.choices[0]?.message.content ?? error?.code ?? end?.reason,
  ]);

describe("POST /v1/stream", () => {
  it("answers each item under its id, and says at the end that all came", async () => {
    const { app } = createTestApp({ generate: echo });
    const items = ["red", "green", "blue"].map((input, index) => ({ id: `item-${index}`, input }));
    const { results } = await ask(app, linesOf([TEMPLATE, ...items]), "?order=input");
    expect(said(results)).toEqual([
      ["item-0", "red"],
      ["item-1", "green"],
      ["item-2", "blue"],
      [undefined, "input_ended"],
    ]);
    expect(results.at(-1)?.end).toMatchObject({ items: 3, failed: 0 });
  });

  it("takes an item's index for its id, and its own fields before the template's", async () => {
    const { app } = createTestApp({ generate: echo });
    const messages = [{ role: "user", content: "mine" }];
    const { results } = await ask(app, linesOf([{ body: { model: MODEL_ID, messages } }, { id: 7, input: "x" }]));
    expect(said(results)).toContainEqual([0, "mine"]);
    expect(said(results)).toContainEqual([7, "x"]);
  });

  it("tells of each wrong line, and answers the others", async () => {
    const { app } = createTestApp({ generate: echo, settings: { maxBodyBytes: 1_000 } });
    const body = Buffer.concat([
      Buffer.from(linesOf([TEMPLATE, { id: "a", input: "first" }])),
      Buffer.from("{\n\n[]\n"),
      Buffer.from([0xff, 0x0a]),
      Buffer.from(`${"x".repeat(2_000)}\n`),
      Buffer.from(
        linesOf([
          { id: "b", text: "?" },
          { id: "c", input: "hi", body: { stream: true } },
        ]),
      ),
      Buffer.from(`${"[".repeat(600)}\n`),
      Buffer.from(JSON.stringify({ id: "z", input: "last, without a newline" })),
    ]);
    const { results } = await ask(app, new Uint8Array(body), "?order=input");
    expect(said(results)).toEqual([
      ["a", "first"],
      [1, "invalid_json_line"],
      [2, "invalid_value"],
      [3, "invalid_json_line"],
      [4, "line_too_long"],
      ["b", "invalid_value"],
      ["c", "invalid_value"],
      [7, "invalid_value"],
      ["z", "last, without a newline"],
      [undefined, "input_ended"],
    ]);
    expect(results.at(-1)?.end).toMatchObject({ items: 9, failed: 7 });
    expect(results[5]?.error).toMatchObject({ param: "text" });
    expect(results[6]?.error).toMatchObject({ param: "body.stream" });
  });

  it("refuses a wrong template before any item, and a wrong query at once", async () => {
    const { app } = createTestApp({ generate: echo });
    const wrong = await ask(app, linesOf([{ template: 5 }, { input: "x" }]));
    expect(said(wrong.results)).toEqual([[undefined, "invalid_template"]]);
    for (const [query, field] of [
      ["?in_flight=0", "in_flight"],
      ["?order=sideways", "order"],
      ["?endpoint=/admin/reload", "endpoint"],
      ["?colour=red", "colour"],
      ["?idle_seconds=x", "idle_seconds"],
    ]) {
      const { status, text } = await ask(app, "", query);
      expect([status, text]).toEqual([400, expect.stringContaining(String(field))]);
    }
  });

  it("sends items to other endpoints, with their text where these take it", async () => {
    const { app } = createTestApp({ generate: echo });
    const response = await app.request("/v1/stream?endpoint=/v1/completions", {
      method: "POST",
      headers: { "content-type": "application/x-ndjson" },
      body: linesOf([TEMPLATE, { id: "a", input: "to be continued" }]),
    });
    expect(await response.text()).toMatch(/"id":"a","index":0,"status":200,"response":\{.*"object":"text_completion"/);
  });

  it("needs a key, and makes its requests under it", async () => {
    const { access, secret } = await createTestAccess();
    const { app } = createTestApp({ generate: echo, access });
    expect((await ask(app, linesOf([TEMPLATE, { input: "x" }]))).status).toBe(401);
    const { results } = await ask(app, linesOf([TEMPLATE, { id: "a", input: "x" }]), "", {
      authorization: `Bearer ${secret}`,
    });
    expect(said(results)[0]).toEqual(["a", "x"]);
  });

  it("answers while the client still sends, holds no more items than it may, and reads on as they are answered", async () => {
    const begun: string[] = [];
    const gates = new Map<string, PromiseWithResolvers<void>>();
    const gateOf = (text: string) => {
      const gate = gates.get(text) ?? Promise.withResolvers<void>();
      gates.set(text, gate);
      return gate;
    };
    const generate = script(async function* (request) {
      const text = textOf(request);
      begun.push(text);
      await gateOf(text).promise;
      yield* answerWith([text]);
    });
    const { app } = createTestApp({ generate });
    await using server = await listen(app);
    const outgoing = sendRequest(`${server.url}/v1/stream?in_flight=2`, {
      method: "POST",
      headers: { "content-type": "application/x-ndjson" },
    });
    outgoing.write(linesOf([TEMPLATE, ...["a", "b", "c", "d"].map((input) => ({ id: input, input }))]));
    const [incoming] = await once(outgoing, "response");
    const lines = createInterface(incoming)[Symbol.asyncIterator]();
    const next = async () => {
      for (;;) {
        const { value } = await lines.next();
        if (value !== "") return resultSchema.parse(JSON.parse(String(value)));
      }
    };
    gateOf("b").resolve();
    expect((await next()).id).toBe("b");
    expect(begun).not.toContain("d");
    gateOf("c").resolve();
    expect((await next()).id).toBe("c");
    gateOf("d").resolve();
    gateOf("a").resolve();
    expect([(await next()).id, (await next()).id].toSorted()).toEqual(["a", "d"]);
    gateOf("e").resolve();
    outgoing.end(linesOf([{ id: "e", input: "e" }]));
    expect((await next()).id).toBe("e");
    expect((await next()).end).toMatchObject({ reason: "input_ended", items: 5 });
  });

  it("ends the requests of a client that leaves", async () => {
    const ended = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    const generate = script(async function* ({ signal }) {
      yield* answerWith([]).slice(0, 1);
      started.resolve();
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      ended.resolve();
    });
    const { app } = createTestApp({ generate });
    await using server = await listen(app);
    const outgoing = sendRequest(`${server.url}/v1/stream`, {
      method: "POST",
      headers: { "content-type": "application/x-ndjson" },
    });
    outgoing.on("error", () => {});
    outgoing.write(linesOf([TEMPLATE, { input: "x" }]));
    await started.promise;
    outgoing.destroy();
    await ended.promise;
  });

  it("ends when the gateway stops, after what is in flight", async () => {
    let isLeaving = false;
    const { app } = createTestApp({ generate: echo, isLeaving: () => isLeaving });
    await using server = await listen(app);
    const outgoing = sendRequest(`${server.url}/v1/stream`, {
      method: "POST",
      headers: { "content-type": "application/x-ndjson" },
    });
    outgoing.on("error", () => {});
    outgoing.write(linesOf([TEMPLATE, { id: "a", input: "x" }]));
    const [incoming] = await once(outgoing, "response");
    let text = "";
    for await (const piece of incoming) {
      text += String(piece);
      if (text.includes('"a"')) isLeaving = true;
    }
    expect(text.trimEnd().split("\n").at(-1)).toContain('"stopping"');
    outgoing.destroy();
  });

  it("tells of a line with more names than a request may have, in turns with other work", async () => {
    const { app } = createTestApp({ generate: echo, settings: { maxBodyBytes: 16_000_000 } });
    const names = Array.from({ length: 700_000 }, (_, index) => `"k${index}":1`).join(",");
    const longest = await longestTurnDuring(async () => {
      const { results } = await ask(app, `{"body":{${names}}}\n${linesOf([{ ...TEMPLATE.template, id: "b" }])}`);
      expect(said(results)[0]).toEqual([0, "invalid_value"]);
      expect(results[0]?.error?.message).toContain("too many properties");
    });
    expect(longest).toBeLessThan(1_500);
  });

  it.each([
    ["?preset=nope", 404, "Available: preset/greet"],
    ["?preset=greet@9", 404, "greet"],
    ["?preset=greet&endpoint=/v1/embeddings", 400, "is a preset, which this endpoint does not accept"],
  ])("refuses %s before it takes an item", async (query, status, message) => {
    const { app } = createTestApp({ generate: echo, presets: [preset("", "greet")] });
    const answered = await app.request(`/v1/stream${query}`, {
      method: "POST",
      headers: { "content-type": "application/x-ndjson" },
      body: linesOf([{ input: "x" }]),
    });
    expect([answered.status, await answered.text()]).toEqual([status, expect.stringContaining(message)]);
  });

  it.each([
    [{ model: "nope" }, "The model `nope` does not exist here."],
    [{ model: "preset/nope" }, "preset/nope"],
    [{ model: MODEL_ID, max_tokens: "many" }, "max_tokens"],
    [{ model: MODEL_ID, temperature: 9 }, "temperature"],
    [{ model: MODEL_ID, stream: true }, "'template' can't have 'stream'"],
    [{ model: MODEL_ID, messages: [{ role: "nobody", content: "x" }] }, "messages[0]"],
  ])("tells what is wrong with the template %j at once, since no item could be answered", async (template, message) => {
    const { app } = createTestApp({ generate: echo });
    const { results } = await ask(app, linesOf([{ template }, { input: "x" }, { input: "y" }]));
    expect(said(results)).toEqual([[undefined, "invalid_template"]]);
    expect(results[0]?.end?.message).toContain(message);
  });

  it("takes a template that items complete", async () => {
    const { app } = createTestApp({ generate: echo });
    const template = { tool_choice: "none", max_tokens: 5 };
    const tools = [{ type: "function", function: { name: "look" } }];
    const { results } = await ask(app, linesOf([{ template }, { input: "x", body: { model: MODEL_ID, tools } }]));
    expect(said(results)).toEqual([
      [0, "x"],
      [undefined, "input_ended"],
    ]);
    const documents = await ask(app, linesOf([{ template: { top_n: 1 } }]), "?endpoint=/v1/rerank");
    expect(said(documents.results)).toEqual([[undefined, "input_ended"]]);
  });

  it("refuses a template that is too long to be in each request", async () => {
    const { app } = createTestApp({ generate: echo, settings: { maxBodyBytes: 4_000_000 } });
    const messages = [{ role: "user", content: "x".repeat(1_100_000) }];
    const { results } = await ask(app, linesOf([{ template: { messages } }, {}]));
    expect(said(results)).toEqual([[undefined, "invalid_template"]]);
  });

  it("has no more bytes in flight than one body may have, whatever in_flight says", async () => {
    let running = 0;
    let most = 0;
    const generate = script(async function* () {
      running += 1;
      most = Math.max(most, running);
      for (let turn = 0; turn < 20; turn++) await loopTurn();
      running -= 1;
      yield* answerWith(["done"]);
    });
    const { app } = createTestApp({ generate, settings: { maxBodyBytes: 400_000 } });
    const template = { model: MODEL_ID, messages: [{ role: "user", content: "x".repeat(90_000) }] };
    const { results } = await ask(app, `${linesOf([{ template }])}${"{}\n".repeat(30)}`, "?in_flight=256");
    expect(results.at(-1)?.end).toMatchObject({ items: 30, failed: 0 });
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(4);
  });

  it("leaves connections for others: a key has so many streams open, and gets a 429 for more until one ends", async () => {
    const { access, secret } = await createTestAccess();
    const { app } = createTestApp({ generate: echo, access, settings: { maxConnections: 16 } });
    await using server = await listen(app);
    const open = async () => {
      const outgoing = sendRequest(`${server.url}/v1/stream`, {
        method: "POST",
        headers: { "content-type": "application/x-ndjson", authorization: `Bearer ${secret}` },
      });
      outgoing.on("error", () => {});
      outgoing.write("\n");
      const [incoming] = await once(outgoing, "response");
      return { outgoing, incoming };
    };
    const [first, second] = [await open(), await open()];
    expect([first.incoming.statusCode, second.incoming.statusCode]).toEqual([200, 200]);
    const third = await open();
    expect(third.incoming.statusCode).toBe(429);
    let text = "";
    for await (const piece of third.incoming) text += String(piece);
    expect(text).toContain("too_many_streams");
    first.outgoing.end();
    for await (const _ of first.incoming);
    expect((await open()).incoming.statusCode).toBe(200);
  });
});

/** The longest time in which nothing else had its turn, in ms. */
async function longestTurnDuring(work: () => Promise<void>): Promise<number> {
  let longest = 0;
  let isOver = false;
  const watching = (async () => {
    for (let lastMs = performance.now(); !isOver; ) {
      await loopTurn();
      longest = Math.max(longest, performance.now() - lastMs);
      lastMs = performance.now();
    }
  })();
  await work().finally(() => {
    isOver = true;
  });
  await watching;
  return longest;
}
