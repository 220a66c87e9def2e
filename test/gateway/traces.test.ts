import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { type Behave, json } from "../fixtures/mock-upstream.ts";
import { listenAsGateway } from "../http/support.ts";
import { answerAs, ask, closeUpstreams, openUpstream } from "./support.ts";

const value = z.looseObject({ stringValue: z.string().optional(), intValue: z.unknown().optional() });
const spanForm = z.looseObject({
  ...{
    name: z.string(),
    kind: z.number(),
    traceId: z.string(),
    spanId: z.string(),
    parentSpanId: z.string().optional(),
  },
  ...{ startTimeUnixNano: z.string(), endTimeUnixNano: z.string() },
  attributes: z.array(z.object({ key: z.string(), value })),
});
const exported = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.looseObject({ attributes: z.array(z.object({ key: z.string(), value })) }),
      scopeSpans: z.array(z.looseObject({ spans: z.array(spanForm) })),
    }),
  ),
});
type Span = z.infer<typeof spanForm>;

/** Takes what is exported, as a collector does. */
async function openCollector() {
  const bodies: unknown[] = [];
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece);
    bodies.push(JSON.parse(Buffer.concat(pieces).toString()));
    response.setHeader("content-type", "application/json").end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const resources = () => bodies.flatMap((body) => exported.parse(body).resourceSpans);
  return {
    url: `http://127.0.0.1:${port}`,
    resources,
    spans: (): readonly Span[] => resources().flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)),
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

const VARIABLES = [
  "OTEL_EXPORTER_OTLP_ENDPOINT",
  "OTEL_EXPORTER_OTLP_PROTOCOL",
  "OTEL_SERVICE_NAME",
  "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
] as const;
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const QUESTION = { model: "ours", messages: [{ role: "user", content: "Hi" }] };
const CHAT = "/v1/chat/completions";

let collector: Awaited<ReturnType<typeof openCollector>>;
beforeEach(async () => {
  collector = await openCollector();
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = collector.url;
  process.env.OTEL_EXPORTER_OTLP_PROTOCOL = "http/json";
});
afterEach(async () => {
  for (const name of VARIABLES) delete process.env[name];
  await closeUpstreams();
  await collector.close();
});

const attributeOf = (attributes: Span["attributes"], name: string) => {
  const found = attributes.find(({ key }) => key === name)?.value;
  return found?.stringValue ?? found?.intValue;
};

describe("traces", () => {
  it("have a span for the answer and one for its work, within the client's trace, which the upstream continues", async () => {
    process.env.OTEL_SERVICE_NAME = "gateway of the test";
    const opened = await openUpstream(answerAs("generic", "Hello"), "kind: generic");
    const traceparent = `00-${TRACE}-00f067aa0ba902b7-01`;
    await ask(opened, CHAT, QUESTION, { traceparent, tracestate: "a=1" });
    const heard = opened.mock.posts().at(-1)?.headers;
    await closeUpstreams();

    const spans = collector.spans();
    const answer = spans.find(({ name }) => name === `POST ${CHAT}`);
    const work = spans.find(({ name }) => name === "chat ours");
    expect(answer).toMatchObject({ traceId: TRACE, parentSpanId: "00f067aa0ba902b7", kind: 2 });
    expect(work).toMatchObject({ traceId: TRACE, parentSpanId: answer?.spanId, kind: 3 });
    const tried = spans.find(({ name }) => name === "POST");
    expect(tried).toMatchObject({ traceId: TRACE, parentSpanId: work?.spanId, kind: 3 });
    expect(heard).toMatchObject({ traceparent: `00-${TRACE}-${tried?.spanId}-01`, tracestate: "a=1" });
    const attributes = work?.attributes ?? [];
    expect(Number(attributeOf(attributes, "gen_ai.usage.input_tokens"))).toBe(9);
    expect(Number(attributeOf(attributes, "gen_ai.usage.output_tokens"))).toBe(2);
    expect(attributeOf(attributes, "gen_ai.input.messages")).toBeUndefined();
    expect(attributeOf(collector.resources()[0]?.resource.attributes ?? [], "service.name")).toBe(
      "gateway of the test",
    );
    for (const { startTimeUnixNano: start, endTimeUnixNano: end } of spans) {
      expect(BigInt(end)).toBeGreaterThanOrEqual(BigInt(start));
      expect(Math.abs(Number(BigInt(start) / 1_000_000n) - Date.now())).toBeLessThan(600_000);
    }
  });

  it("have a span for each try at an upstream, which the upstream continues", async () => {
    let asked = 0;
    const answer = answerAs("generic", "Hello");
    const failsOnce: Behave = (response, request) => {
      asked += request.method === "POST" ? 1 : 0;
      if (asked === 1 && request.method === "POST") return json(response, 500, { error: { message: "Not now." } });
      return answer(response, request);
    };
    const opened = await openUpstream(failsOnce, "kind: generic");
    await ask(opened, CHAT, QUESTION, { traceparent: `00-${TRACE}-00f067aa0ba902b7-01` });
    const heard = opened.mock.posts().map(({ headers }) => headers.traceparent);
    await closeUpstreams();
    const tries = collector.spans().filter(({ name }) => name === "POST");
    expect(heard).toEqual(tries.map(({ spanId }) => `00-${TRACE}-${spanId}-01`));
    expect(new Set(heard).size).toBe(2);
    expect(tries.map(({ attributes }) => attributeOf(attributes, "sluice.try.outcome"))).toEqual([
      "failed",
      "answered",
    ]);
    expect(Number(attributeOf(tries[1]?.attributes ?? [], "http.request.resend_count"))).toBe(1);
    const work = collector.spans().find(({ name }) => name === "chat ours");
    expect(tries.map(({ parentSpanId }) => parentSpanId)).toEqual([work?.spanId, work?.spanId]);
  });

  it("of answers that the cache repeats are of their own, and leave the first one's alone", async () => {
    const opened = await openUpstream(answerAs("generic", "Hello"), "kind: generic, cache: true");
    const { app, front } = opened.gateway;
    const server = await listenAsGateway(app, front && { front });
    const body = JSON.stringify({ ...QUESTION, temperature: 0 });
    const headers = { "content-type": "application/json" };
    const traceparent = `00-${TRACE}-00f067aa0ba902b7-01`;
    const send = async (more = {}) => {
      const sent = { method: "POST", headers: { ...headers, ...more }, body };
      await (await fetch(`${server.url}${CHAT}`, sent)).text();
    };
    await send({ traceparent });
    for (let count = 0; count < 3; count++) await send();
    await server[Symbol.asyncDispose]();
    await closeUpstreams();
    const spans = collector.spans();
    expect(spans.filter(({ name }) => name === `POST ${CHAT}`)).toHaveLength(4);
    const ofFirst = spans.filter(({ traceId }) => traceId === TRACE).map(({ name }) => name);
    // On a busy machine the request waits for its turn, which is a span of its own.
    const others = ofFirst.filter((name) => name !== "queue");
    expect(others.toSorted()).toEqual(["POST", `POST ${CHAT}`, "chat ours"]);
  });

  it("are of their own where the client has none, also of what is refused", async () => {
    const opened = await openUpstream(answerAs("generic", "Hello"), "kind: generic");
    await ask(opened, CHAT, { ...QUESTION, model: "none" });
    await closeUpstreams();
    const spans = collector.spans();
    expect(spans).toMatchObject([{ name: `POST ${CHAT}`, traceId: expect.stringMatching(/^[0-9a-f]{32}$/) }]);
    expect(spans[0]?.parentSpanId ?? "").toBe("");
    expect(Number(attributeOf(spans[0]?.attributes ?? [], "http.response.status_code"))).toBe(404);
  });

  it("are not told where the client says so", async () => {
    const opened = await openUpstream(answerAs("generic", "Hello"), "kind: generic");
    await ask(opened, CHAT, QUESTION, { traceparent: `00-${TRACE}-00f067aa0ba902b7-00` });
    await closeUpstreams();
    expect(collector.spans()).toEqual([]);
  });

  it("end with the gateway, not with an error, where nobody collects them", async () => {
    await collector.close();
    const opened = await openUpstream(answerAs("generic", "Hello"), "kind: generic");
    await ask(opened, CHAT, QUESTION);
    await closeUpstreams();
    collector = await openCollector();
  });

  it("have what was asked and answered where that is asked for", async () => {
    process.env.OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT = "true";
    const opened = await openUpstream(answerAs("generic", "Hello"), "kind: generic, cache: true");
    await ask(opened, CHAT, QUESTION);
    await closeUpstreams();
    const attributes = collector.spans().find(({ name }) => name === "chat ours")?.attributes ?? [];
    expect(JSON.parse(String(attributeOf(attributes, "gen_ai.input.messages")))).toEqual([
      { role: "user", parts: [{ type: "text", content: "Hi" }] },
    ]);
    expect(JSON.parse(String(attributeOf(attributes, "gen_ai.output.messages")))).toEqual([
      { role: "assistant", parts: [{ type: "text", content: "Hello" }] },
    ]);
  });
});

it("a client's trace is passed on to upstreams also where nobody collects traces", async () => {
  delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
  const opened = await openUpstream(answerAs("generic", "Hello"), "kind: generic");
  const traceparent = `00-${TRACE}-00f067aa0ba902b7-01`;
  await ask(opened, CHAT, QUESTION, { traceparent });
  expect(opened.mock.posts().at(-1)?.headers).toMatchObject({ traceparent });
});
