import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { startServer } from "./server.ts";
import type { SharedSettings } from "./settings.ts";
import { sluiceLauncher } from "./sluice.ts";

/** A server that runs and may answer from a cache. */
export type CachingServer = {
  readonly url: string;
  /** The headers that a request needs. */
  readonly headers: Readonly<Record<string, string>>;
  /** Whether its streams can be measured. */
  readonly takesStreams: boolean;
  /** How many answers did not come from its cache so far. */
  misses(): Promise<number>;
  /** Its resident memory now; undefined if unknown. */
  rssMb(): Promise<number | undefined>;
  stop(): Promise<void>;
};

export type Start = (shared: SharedSettings, signal: AbortSignal) => Promise<CachingServer>;

const SLOTS = { slots: 4, contextTokens: 1024 };
const path = (file: string) => fileURLToPath(new URL(file, import.meta.url));

/** Sluice, with the model. */
export const startSluice: Start = async (shared, signal) => {
  const server = await startServer(sluiceLauncher(shared, SLOTS, { caches: true }), signal);
  return {
    ...server,
    headers: {},
    takesStreams: true,
    async misses() {
      const stats: unknown = await (await fetch(`${server.url}/admin/cache`, { signal })).json();
      const { misses, bypassed } = Object(stats);
      return Number(misses) + Number(bypassed);
    },
  };
};

/** No cache: a fixed answer. */
export const startBareHono: Start = async (shared, signal) => {
  const server = await startScript("bare-hono.ts", shared, signal);
  return { ...server, headers: {}, takesStreams: true, misses: async () => 0 };
};

/** Portkey's gateway, from `script`. It says itself that it doesn't cache streams. @param caches whether its cache is on */
export function portkeyStarter(script: string, caches = true): Start {
  return (shared, signal) =>
    behindMock(shared, signal, false, async (upstream) => {
      const settings = {
        provider: "openai",
        api_key: "none",
        custom_host: `${upstream}/v1`,
        ...(caches && { cache: { mode: "simple" } }),
      };
      const server = await startServer(
        {
          readyPath: "/",
          command: (port) => ({
            command: process.execPath,
            args: [script, `--port=${port}`, "--headless"],
            env: { NODE_ENV: "production" },
            logFile: shared.logFile("portkey"),
          }),
        },
        signal,
      );
      return { server, headers: { "x-portkey-config": JSON.stringify(settings) } };
    });
}

/** LiteLLM's proxy, from `program`: one worker, since each has a cache of its own. @param caches whether its cache is on */
export function liteLlmStarter(program: string, caches = true): Start {
  return (shared, signal) =>
    behindMock(shared, signal, true, async (upstream) => {
      const logFile = shared.logFile("litellm");
      const configFile = `${logFile}.yaml`;
      writeFileSync(configFile, stringify(liteLlmConfig(shared.modelId, upstream, caches)));
      const server = await startServer(
        {
          readyPath: "/health/liveliness",
          command: (port) => ({
            command: program,
            args: ["--config", configFile, "--host", "127.0.0.1", "--port", String(port), "--telemetry", "False"],
            // Without a key, as the others are measured.
            env: {
              LITELLM_MODE: "PRODUCTION",
              LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY: "true",
              // Otherwise it looks for a newer list of prices on the network when it starts.
              LITELLM_LOCAL_MODEL_COST_MAP: "True",
            },
            logFile,
          }),
        },
        signal,
      );
      return { server, headers: {} };
    });
}

function liteLlmConfig(model: string, upstream: string, caches: boolean) {
  return {
    model_list: [
      {
        model_name: model,
        litellm_params: { model: `openai/${model}`, api_base: `${upstream}/v1`, api_key: "none" },
      },
    ],
    ...(caches && { litellm_settings: { cache: true, cache_params: { type: "local" } } }),
  };
}

type Front = Pick<CachingServer, "headers"> & { readonly server: Awaited<ReturnType<typeof startServer>> };

/** A gateway in front of a mock of a model. */
export async function behindMock(
  shared: SharedSettings,
  signal: AbortSignal,
  takesStreams: boolean,
  start: (upstream: string) => Promise<Front>,
): Promise<CachingServer> {
  const upstream = await startScript("mock-upstream.ts", shared, signal);
  const { server, headers } = await start(upstream.url).catch(async (error: unknown) => {
    await upstream.stop();
    throw error;
  });
  return {
    ...{ url: server.url, headers, takesStreams, rssMb: server.rssMb },
    misses: async () => Number(await (await fetch(`${upstream.url}/count`, { signal })).text()),
    async stop() {
      await server.stop();
      await upstream.stop();
    },
  };
}

export function startScript(file: string, shared: SharedSettings, signal: AbortSignal, more: readonly string[] = []) {
  const command = (port: number) => ({
    command: process.execPath,
    args: [path(file), String(port), ...more],
    logFile: shared.logFile(file),
  });
  return startServer({ readyPath: "/", command }, signal);
}
