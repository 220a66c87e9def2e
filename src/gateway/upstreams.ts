import { readFileSync } from "node:fs";
import type { Logger } from "pino";
import { type Clock, systemClock } from "../clock.ts";
import { ConfigError } from "../config/problems.ts";
import type { Config } from "../config/schema.ts";
import type { UpstreamModel, UpstreamSettings } from "../config/upstreams.ts";
import type { Backend } from "../generation/backend.ts";
import { UpstreamError } from "../generation/errors.ts";
import type { LoadControl } from "../queue/load-control.ts";
import type { ModelDirectory } from "../routing/directory.ts";
import { createUpstreamBackend } from "../upstream/backend.ts";
import type { ListedModel } from "../upstream/model-list.ts";
import { createUpstreamServer, type UpstreamServer } from "../upstream/server.ts";

export type UpstreamsOptions = {
  readonly config: Pick<Config, "upstreams">;
  readonly load: LoadControl;
  readonly logger: Logger;
  /** Sent with each request, so that one that comes back is known. */
  readonly gatewayId: string;
  /** For the keys; the process's own unless given. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly clock?: Clock;
};

/** The upstreams of a gateway. */
export type Upstreams = {
  /** The models that the settings name. */
  readonly backends: readonly Backend[];
  /** Keeps the models of upstreams that are served whole among those of `directory`. Resolves when each has been asked once. */
  readonly follow: (directory: ModelDirectory) => Promise<void>;
  /** What a request for a model that is not served is told if the model may come: its upstream has not listed its models yet. */
  readonly awaited: (model: string) => UpstreamError | undefined;
  readonly close: () => Promise<void>;
};

/** A time between two tokens that no slot is given up for: another server has its own ways to stay fast. */
const ANY_ITL_MS = 60_000;

/** How often a list is asked for that has not been read yet. */
const FIRST_REFRESH_MS = 5_000;

/** Puts the upstreams together. Nothing is asked of them yet. Throws a `ConfigError` for a key or a certificate that can't be read. */
export function createUpstreams({
  config,
  load,
  logger,
  gatewayId,
  env = process.env,
  clock = systemClock,
}: UpstreamsOptions): Upstreams {
  const twice = config.upstreams.find(
    ({ name }, index) => config.upstreams.findIndex((other) => other.name === name) < index,
  );
  if (twice !== undefined) throw new ConfigError([`upstreams: two have the name ${twice.name}. Rename one.`]);
  const all = config.upstreams.map((settings) => createUpstream(settings, { load, logger, gatewayId, env, clock }));
  return {
    backends: all.flatMap(({ backends }) => backends),
    follow: async (directory) => void (await Promise.all(all.map(({ follow }) => follow(directory)))),
    awaited: (model) => all.map(({ awaited }) => awaited(model)).find((error) => error !== undefined),
    close: async () => void (await Promise.all(all.map(({ close }) => close()))),
  };
}

function createUpstream(
  settings: UpstreamSettings,
  { load, logger, gatewayId, env, clock }: Required<Omit<UpstreamsOptions, "config">>,
): Upstreams {
  const server = openServer(settings, { logger, gatewayId, env, clock });
  const { maxConcurrent } = settings;
  const queue = load.queueFor({
    ...{ slots: maxConcurrent, minSlots: maxConcurrent, targetItlMs: ANY_ITL_MS },
    isReady: () => server.state() === "ready",
  });
  const createdUnixSeconds = Math.floor(Date.now() / 1000);
  let listed: ReadonlyMap<string, ListedModel> = new Map();
  /** Those of the list that are served, by their ids. */
  const served = new Map<string, Backend>();
  let cancel = () => {};
  let isListed = false;
  let isClosed = false;

  function backendFor(id: string, aliases: readonly string[], model: UpstreamModel): Backend {
    return createUpstreamBackend({
      ...{ server, id, aliases, model, queue, createdUnixSeconds },
      listed: () => listed.get(model.name),
    });
  }

  const named = settings.models === "all" ? {} : settings.models;
  const backends = Object.entries(named).map(([id, model]) => backendFor(id, [], model));

  async function refresh(directory: ModelDirectory): Promise<void> {
    if (isClosed) return;
    try {
      listed = new Map((await server.listModels()).map((model) => [model.name, model]));
      isListed = true;
      if (settings.models === "all" && !isClosed) serveListed(directory);
    } catch (error) {
      if (!isClosed && isListed && settings.models === "all")
        logger.warn({ upstream: settings.name, err: error }, `the models of upstream ${settings.name} can't be listed`);
    }
  }

  function serveListed(directory: ModelDirectory): void {
    const wanted = new Map([...listed.keys()].map((name) => [`${settings.name}/${name}`, name]));
    for (const id of served.keys()) {
      if (wanted.has(id)) continue;
      directory.remove(id);
      served.delete(id);
    }
    for (const [id, name] of wanted) {
      if (served.has(id) || directory.list().some((other) => other.id.toLowerCase() === id.toLowerCase())) continue;
      const backend = backendFor(id, [name], { name });
      served.set(id, backend);
      directory.add(backend);
    }
  }

  function refreshLater(directory: ModelDirectory): void {
    if (isClosed || (settings.models !== "all" && isListed)) return;
    const pauseMs = isListed ? settings.refreshMs : Math.min(settings.refreshMs, FIRST_REFRESH_MS);
    cancel = clock.after(pauseMs, () => {
      void refresh(directory).finally(() => refreshLater(directory));
    });
  }

  return {
    backends,
    async follow(directory) {
      await Promise.all([server.check(), refresh(directory)]);
      if (!isListed)
        logger.warn({ upstream: settings.name }, `the models of upstream ${settings.name} can't be listed yet`);
      refreshLater(directory);
    },
    awaited(model) {
      const mayCome = settings.models === "all" && model.toLowerCase().startsWith(`${settings.name.toLowerCase()}/`);
      if (isListed || !mayCome) return undefined;
      return new UpstreamError({
        status: 503,
        message: `The upstream '${settings.name}' could not be reached yet, so its models are not known. It is asked again every few seconds.`,
        code: "upstream_unavailable",
        retryAfterMs: FIRST_REFRESH_MS,
      });
    },
    async close() {
      isClosed = true;
      cancel();
      await server.close();
    },
  };
}

/** What an upstream answers now. */
export type UpstreamFinding = {
  readonly upstream: UpstreamSettings;
  /** How many models it lists, or why it can't be asked. */
  readonly found:
    | { readonly models: number }
    /** `keepsFromStarting`: its key or its certificate can't be read. */
    | { readonly problem: string; readonly keepsFromStarting: boolean };
};

/** Asks each upstream for its models, and nothing else. */
export function inspectUpstreams(
  { upstreams }: Pick<Config, "upstreams">,
  env: NodeJS.ProcessEnv,
): Promise<readonly UpstreamFinding[]> {
  return Promise.all(upstreams.map(async (upstream) => ({ upstream, found: await inspect(upstream, env) })));
}

async function inspect(settings: UpstreamSettings, env: NodeJS.ProcessEnv): Promise<UpstreamFinding["found"]> {
  let server: UpstreamServer | undefined;
  try {
    const log = { info: () => {}, warn: () => {} };
    server = createUpstreamServer({ settings, key: readKey(settings, env), clock: systemClock, log });
    return { models: (await server.listModels()).length };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : "";
    const problem = `${error instanceof Error ? error.message : String(error)}${cause}`;
    return { problem, keepsFromStarting: server === undefined };
  } finally {
    await server?.close();
  }
}

function openServer(
  settings: UpstreamSettings,
  { logger, gatewayId, env, clock }: Pick<Required<UpstreamsOptions>, "logger" | "gatewayId" | "env" | "clock">,
): UpstreamServer {
  try {
    return createUpstreamServer({ settings, key: readKey(settings, env), gatewayId, clock, log: logger });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError([`upstreams: ${settings.name}: ${reason}`]);
  }
}

/** The first line of the file, or the variable. Throws where neither has one. */
function readKey({ apiKeyEnv, apiKeyFile }: UpstreamSettings, env: NodeJS.ProcessEnv): string | undefined {
  if (apiKeyFile !== undefined) return checkKey(readFileSync(apiKeyFile, "utf8").split("\n")[0]?.trim(), apiKeyFile);
  if (apiKeyEnv === undefined) return undefined;
  return checkKey(env[apiKeyEnv]?.trim(), `the environment variable ${apiKeyEnv}`);
}

function checkKey(key: string | undefined, where: string): string {
  if (key === undefined || key === "") throw new Error(`there is no key in ${where}.`);
  // It becomes a header.
  if (!/^[\x21-\x7e]{1,4096}$/.test(key)) throw new Error(`the key in ${where} has other characters than keys have.`);
  return key;
}
