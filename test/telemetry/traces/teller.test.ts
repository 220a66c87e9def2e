import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import type { TraceSettings } from "../../../src/telemetry/traces/environment.ts";
import { openTeller, type Told } from "../../../src/telemetry/traces/teller.ts";

const SETTINGS: TraceSettings = {
  ...{ encoding: "json", batch: {}, withContent: false },
  sampler: { share: 1, heedsClient: true },
};
const PLACE = { traceId: "4".repeat(32), spanId: "7".repeat(16), isSampled: true, state: undefined };

/** Keeps the bodies that it gets. */
async function openCollector() {
  const bodies: string[] = [];
  const server = createServer(async (request, response) => {
    bodies.push((await buffer(request)).toString());
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = `http://127.0.0.1:${port}`;
  onTestFinished(async () => {
    delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return bodies;
}

const answer = (requestId: string): Told => ({
  type: "answer",
  answer: {
    ...{ requestId, method: "POST", path: "/v1/chat/completions", route: "/v1/chat/completions", status: 200 },
    ...{ error: undefined, keyId: undefined, preset: undefined, startedMs: 1, endMs: 2 },
  },
  client: undefined,
  own: PLACE,
});

test("what is told comes to the collector before it is closed, with the gateway's times", async () => {
  const bodies = await openCollector();
  const warnings: string[] = [];
  const teller = openTeller({ settings: SETTINGS, version: "1", warn: (problem) => void warnings.push(problem) });
  for (let count = 0; count < 70; count++) teller.tell(answer(`req_${count}`));
  await teller.close();
  expect(warnings).toEqual([]);
  const all = bodies.join("\n");
  for (let count = 0; count < 70; count++) expect(all).toContain(`"req_${count}"`);
  expect(all).toContain(`"startTimeUnixNano":"${Math.floor(performance.timeOrigin + 1)}`);
});

test("more than the thread can take is left out and complained of, and holds up nobody", async () => {
  const bodies = await openCollector();
  const warnings: string[] = [];
  const teller = openTeller({ settings: SETTINGS, version: "1", warn: (problem) => void warnings.push(problem) });
  // Within one turn, so that the thread has no chance to say what it took.
  for (let count = 0; count < 3_000; count++) teller.tell(answer(`req_${count}`));
  expect(warnings).toEqual([expect.stringContaining("were not sent")]);
  await teller.close();
  expect(bodies.join("\n")).not.toContain('"req_2999"');
});
