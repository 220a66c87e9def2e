import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { startScript } from "./caching.ts";
import { type Server, startServer } from "./server.ts";
import type { SharedSettings } from "./settings.ts";

/** Sluice with a local model and one of an upstream, watched as a whole or not at all. */
export type Watched = {
  readonly server: Server;
  /** The upstream's model. */
  readonly passedModel: string;
  /** How many answers did not come from the cache. */
  readonly misses: () => Promise<number>;
  /** Bytes of metrics and of traces so far. */
  readonly told: () => { readonly metrics: number; readonly traces: number };
  readonly stop: () => Promise<void>;
};

const entry = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const PASSED_MODEL = "passed-on";
const SCRAPE_EVERY_MS = 1_000;

/** @param isOn whether it keeps its last requests, is scraped each second, and tells a collector on this machine of all requests */
export async function startWatched(
  shared: SharedSettings,
  slots: number,
  isOn: boolean,
  signal: AbortSignal,
): Promise<Watched> {
  const upstream = await startScript("mock-upstream.ts", shared, signal);
  const sink = isOn ? await openSink() : undefined;
  const logFile = shared.logFile(isOn ? "sluice-watched" : "sluice-unwatched");
  const configFile = `${logFile}.yaml`;
  const settings = {
    ...{ model: shared.modelPath, slots, context: 1024, threads: shared.threads, gpu: shared.gpu },
    ...{ stateFile: `${logFile}.db`, warmPresets: false },
    upstreams: { mock: { baseUrl: upstream.url, models: [PASSED_MODEL] } },
    ...(!isOn && { metrics: "off", recentRequests: 0 }),
  };
  writeFileSync(configFile, stringify(settings));
  const env = isOn ? { OTEL_EXPORTER_OTLP_ENDPOINT: sink?.url } : { OTEL_SDK_DISABLED: "true" };
  const command = (port: number) => ({
    command: process.execPath,
    args: [entry, "serve", "--config", configFile, "--port", String(port)],
    ...{ env, logFile },
  });
  const server = await startServer({ readyPath: "/ready", command }, signal).catch(async (error: unknown) => {
    await upstream.stop();
    sink?.close();
    throw error;
  });
  let metrics = 0;
  const scrape = async () => {
    metrics += (await (await fetch(`${server.url}/metrics`, { signal })).text()).length;
  };
  const timer = isOn ? setInterval(() => void scrape().catch(() => {}), SCRAPE_EVERY_MS) : undefined;
  return {
    server,
    passedModel: PASSED_MODEL,
    async misses() {
      const stats: unknown = await (await fetch(`${server.url}/admin/cache`, { signal })).json();
      return Number(Object(stats).misses) + Number(Object(stats).bypassed);
    },
    told: () => ({ metrics, traces: sink?.bytes() ?? 0 }),
    async stop() {
      clearInterval(timer);
      await server.stop();
      await upstream.stop();
      sink?.close();
    },
  };
}

/** Takes what is sent to a collector, and counts its bytes. */
async function openSink() {
  let bytes = 0;
  const server = createServer((request, response) => {
    request.on("data", (piece: Buffer) => {
      bytes += piece.length;
    });
    request.on("end", () => response.end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    bytes: () => bytes,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
