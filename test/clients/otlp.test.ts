import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { answerAs, ask, closeUpstreams, openUpstream } from "../gateway/support.ts";
import { preparePython, runPython } from "./python/environment.ts";

const spans = z.array(
  z.looseObject({
    ...{ name: z.string(), kind: z.string(), traceId: z.string(), spanId: z.string(), parentSpanId: z.string() },
    ...{ startTimeUnixNano: z.string(), endTimeUnixNano: z.string(), schema: z.string() },
    attributes: z.array(z.object({ key: z.string(), value: z.record(z.string(), z.unknown()) })),
  }),
);

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = "00f067aa0ba902b7";
const CHAT = "/v1/chat/completions";

/** Keeps what is exported, as it came. */
async function openCollector() {
  const folder = await mkdtemp(join(tmpdir(), "sluice-otlp-"));
  const files: string[] = [];
  const types = new Set<string | undefined>();
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece);
    const body = Buffer.concat(pieces);
    const path = join(folder, String(files.length));
    await writeFile(path, request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body);
    files.push(path);
    types.add(request.headers["content-type"]);
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  onTestFinished(async () => {
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true });
  });
  return { url: `http://127.0.0.1:${port}`, files, types };
}

let python: string;
// It may have to be installed first, which takes longer than a test may.
beforeAll(async () => {
  python = await preparePython();
});

test("OpenTelemetry's own package reads the traces: one tree, in the client's trace, down to the try at the upstream", async () => {
  const collector = await openCollector();
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = collector.url;
  process.env.OTEL_EXPORTER_OTLP_COMPRESSION = "gzip";
  onTestFinished(() => {
    delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
    delete process.env.OTEL_EXPORTER_OTLP_COMPRESSION;
  });
  const opened = await openUpstream(answerAs("generic", "Hello"), "kind: generic");
  const body = { model: "ours", messages: [{ role: "user", content: "Hi" }] };
  await ask(opened, CHAT, body, { traceparent: `00-${TRACE}-${PARENT}-01` });
  await closeUpstreams();

  expect([...collector.types]).toEqual(["application/x-protobuf"]);
  const read = spans.parse(await runPython(python, "decode_otlp.py", ...collector.files));
  const [answer, work, tried] = [`POST ${CHAT}`, "chat ours", "POST"].map((name) =>
    read.find((span) => span.name === name),
  );
  // On a busy machine the request waits for its turn, which is a span of its own.
  const waits = read.filter(({ name }) => name === "queue");
  for (const { parentSpanId } of waits) expect(parentSpanId).toBe(work?.spanId);
  expect(read).toHaveLength(3 + waits.length);
  expect(new Set(read.map(({ traceId }) => traceId))).toEqual(new Set([TRACE]));
  expect(answer).toMatchObject({ kind: "SPAN_KIND_SERVER", parentSpanId: PARENT });
  expect(work).toMatchObject({ kind: "SPAN_KIND_CLIENT", parentSpanId: answer?.spanId });
  expect(tried).toMatchObject({ kind: "SPAN_KIND_CLIENT", parentSpanId: work?.spanId });
  expect(work?.attributes).toContainEqual({ key: "gen_ai.usage.output_tokens", value: { intValue: "2" } });
  for (const { startTimeUnixNano: start, endTimeUnixNano: end, schema } of read) {
    expect(BigInt(end)).toBeGreaterThanOrEqual(BigInt(start));
    expect(schema).toMatch(/^https:\/\/opentelemetry\.io\/schemas\//);
  }
});
