import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { behindMock, type Start, startScript } from "./caching.ts";
import { startServer } from "./server.ts";

/** More requests at once than any workload has. */
const MANY = 20_000;

const entry = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

/** The mock, without a gateway. */
export const startDirect: Start = async (shared, signal) => {
  const server = await startScript("mock-upstream.ts", shared, signal);
  const misses = async () => Number(await (await fetch(`${server.url}/count`, { signal })).text());
  return { ...server, headers: {}, takesStreams: true, misses };
};

/** Sluice, with the mock as its only upstream and no local model. */
export const startSluiceProxy: Start = (shared, signal) =>
  behindMock(shared, signal, true, async (upstream) => {
    const logFile = shared.logFile("sluice-proxy");
    const configFile = `${logFile}.yaml`;
    const settings = {
      upstreams: { mock: { baseUrl: upstream, models: [shared.modelId], maxConcurrent: MANY } },
      maxPending: MANY,
      maxPendingTokens: 1_000_000_000,
      maxConnections: MANY,
      stateFile: `${logFile}.db`,
    };
    writeFileSync(configFile, stringify(settings));
    const command = (port: number) => ({
      command: process.execPath,
      args: [entry, "serve", "--config", configFile, "--port", String(port)],
      logFile,
    });
    return { server: await startServer({ readyPath: "/ready", command }, signal), headers: {} };
  });
