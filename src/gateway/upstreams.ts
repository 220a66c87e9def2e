import { hash } from "node:crypto";
import type { Logger } from "pino";
import { type Clock, systemClock } from "../clock.ts";
import { ConfigError } from "../config/problems.ts";
import type { Config } from "../config/schema.ts";
import type { UpstreamModel, UpstreamSettings } from "../config/upstreams.ts";
import type { Backend } from "../generation/backend.ts";
import { UpstreamError } from "../generation/errors.ts";
import type { TryOutcome } from "../generation/news.ts";
import type { LoadControl } from "../queue/load-control.ts";
import { readText } from "../read-file.ts";
import type { ModelDirectory } from "../routing/directory.ts";
import { createUpstreamBackend } from "../upstream/backend.ts";
import type { UpstreamBatches } from "../upstream/batches.ts";
import type { ListedModel } from "../upstream/model-list.ts";
import { createUpstreamServer, type UpstreamServer } from "../upstream/server.ts";
import { type Changes, changesBetween } from "./changes.ts";
import { countCalls } from "./count-calls.ts";
import { costAt, loadPrices } from "./upstream-prices.ts";

export type UpstreamsOptions = {
  readonly config: Pick<Config, "upstreams">;
  readonly load: LoadControl;
  readonly logger: Logger;
  /** Sent with each request, so that one that comes back is known. */
  readonly gatewayId: string;
  /** The table of prices; absent if it isn't needed. */
  readonly listedPrice?: Awaited<ReturnType<typeof loadPrices>>;
  /** For the keys; the process's own unless given. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly clock?: Clock;
  /** Hears of each try of a request at an upstream. */
  readonly onTry?: (upstream: string, outcome: TryOutcome) => void;
};

/** The upstreams of a gateway. */
export type Upstreams = {
  /** The models that the settings name. */
  readonly named: () => readonly Backend[];
  /** The models that are served because they are listed. */
  readonly listed: () => readonly Backend[];
  /** Keeps the models of upstreams that are served whole among those of `directory`. Resolves when each has been asked once. */
  readonly follow: (directory: ModelDirectory) => Promise<void>;
  /** What a request for a model that is not served is told if the model may come: its upstream has not listed its models yet. */
  readonly awaited: (model: string) => UpstreamError | undefined;
  /**
   * Prepares other upstreams, and asks each that is new or changed for its models. Those whose settings, key and certificate stay the same stay as
   * they are, with their connections. Throws a `ConfigError`; nothing has changed then.
   */
  readonly prepare: (settings: readonly UpstreamSettings[]) => Promise<PreparedUpstreams>;
  /** The batches of an upstream, by its name; undefined if it gets none. */
  readonly batchesOf: (name: string) => UpstreamBatches | undefined;
  readonly close: () => Promise<void>;
};

/** Upstreams that may come into force. */
export type PreparedUpstreams = Pick<Upstreams, "named" | "listed" | "awaited"> & {
  /** By their names. */
  readonly changes: Changes;
  /**
   * Puts them in the place of the earlier ones, whose models must leave the directory at the same time. Resolves when the earlier ones' requests
   * have ended, and they are closed.
   */
  readonly commit: (directory: ModelDirectory) => Promise<void>;
  readonly discard: () => Promise<void>;
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
  listedPrice,
  env = process.env,
  clock = systemClock,
  onTry = () => {},
}: UpstreamsOptions): Upstreams {
  let parts: UpstreamParts = { load, logger, gatewayId, listedPrice, env, clock, onTry };
  assertDifferent(config.upstreams);
  let all = config.upstreams.map((settings) => createUpstream(settings, parts));
  /** Those that were replaced or removed, until their requests have ended. */
  const leaving = new Set<Upstream>();

  async function leave(upstream: Upstream): Promise<void> {
    leaving.add(upstream);
    await upstream.leave();
    leaving.delete(upstream);
  }

  return {
    named: () => all.flatMap(({ named }) => named()),
    listed: () => all.flatMap(({ listed }) => listed()),
    follow: async (directory) =>
      void (await Promise.all(all.map(({ list, follow }) => list(directory).then(() => follow(directory))))),
    awaited: (model) => firstAwaited(all, model),
    async prepare(settings) {
      assertDifferent(settings);
      parts = { ...parts, listedPrice: parts.listedPrice ?? (await loadPrices(settings)) };
      const opened: Upstream[] = [];
      try {
        const next = settings.map((each) => {
          const before = all.find(({ name }) => name === each.name);
          if (before?.stamp === stampOf(each, env)) return before;
          const upstream = createUpstream(each, parts);
          opened.push(upstream);
          return upstream;
        });
        await Promise.all(opened.map(({ list }) => list()));
        return {
          changes: changesBetween(all, next, ({ name }) => name),
          named: () => next.flatMap(({ named }) => named()),
          listed: () => next.flatMap(({ listed }) => listed()),
          awaited: (model) => firstAwaited(next, model),
          async commit(directory) {
            const gone = all.filter((upstream) => !next.includes(upstream));
            all = next;
            for (const { follow } of opened) follow(directory);
            await Promise.all(gone.map(leave));
          },
          discard: async () => void (await Promise.all(opened.map(({ close }) => close()))),
        };
      } catch (error) {
        await Promise.all(opened.map(({ close }) => close()));
        throw error;
      }
    },
    batchesOf: (name) => all.find((upstream) => upstream.name === name)?.batches,
    close: async () => void (await Promise.all([...all, ...leaving].map(({ close }) => close()))),
  };
}

function assertDifferent(upstreams: readonly UpstreamSettings[]): void {
  const twice = upstreams.find(({ name }, index) => upstreams.findIndex((other) => other.name === name) < index);
  if (twice !== undefined) throw new ConfigError([`upstreams: two have the name ${twice.name}. Rename one.`]);
}

function firstAwaited(upstreams: readonly Upstream[], model: string): UpstreamError | undefined {
  return upstreams.map(({ awaited }) => awaited(model)).find((error) => error !== undefined);
}

type Upstream = Pick<Upstreams, "named" | "listed" | "awaited" | "close"> & {
  readonly name: string;
  readonly batches: UpstreamBatches | undefined;
  /** Changes with everything that it depends on. */
  readonly stamp: string;
  /** Asks it once for its models. Adds them to the directory, if there is one yet. */
  readonly list: (directory?: ModelDirectory) => Promise<void>;
  /** Asks it again from time to time, and changes the directory with its list. */
  readonly follow: (directory: ModelDirectory) => void;
  /** Closes it once its requests have ended. */
  readonly leave: () => Promise<void>;
};

type UpstreamParts = Required<Omit<UpstreamsOptions, "config" | "listedPrice">> & Pick<UpstreamsOptions, "listedPrice">;

function createUpstream(
  settings: UpstreamSettings,
  { load, logger, gatewayId, listedPrice, env, clock, onTry }: UpstreamParts,
): Upstream {
  const stamp = stampOf(settings, env);
  const server = openServer(settings, { logger, gatewayId, env, clock, onTry });
  const { maxConcurrent } = settings;
  const queue = load.queueFor({
    ...{ slots: maxConcurrent, minSlots: maxConcurrent, targetItlMs: ANY_ITL_MS },
    isReady: () => server.state() === "ready",
  });
  const embeddings = countCalls();
  const createdUnixSeconds = Math.floor(Date.now() / 1000);
  let listed: ReadonlyMap<string, ListedModel> = new Map();
  /** Those of the list that are served, by their ids. */
  const served = new Map<string, Backend>();
  let cancel = () => {};
  let isListed = false;
  let isClosed = false;

  function backendFor(id: string, aliases: readonly string[], model: UpstreamModel): Backend {
    const backend = createUpstreamBackend({
      ...{ server, id, aliases, model, queue, createdUnixSeconds },
      costOf: costAt(settings, model, listedPrice),
      listed: () => listed.get(model.name),
    });
    return backend.embed === undefined ? backend : { ...backend, embed: embeddings.around(backend.embed) };
  }

  const ofSettings = settings.models === "all" ? {} : settings.models;
  const named = Object.entries(ofSettings).map(([id, model]) => backendFor(id, [], model));

  async function refresh(directory: ModelDirectory | undefined): Promise<void> {
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

  function serveListed(directory: ModelDirectory | undefined): void {
    const wanted = new Map([...listed.keys()].map((name) => [`${settings.name}/${name}`, name]));
    for (const id of served.keys()) {
      if (wanted.has(id)) continue;
      directory?.remove(id);
      served.delete(id);
    }
    for (const [id, name] of wanted) {
      const isTaken = directory?.added().some((other) => other.id.toLowerCase() === id.toLowerCase());
      if (served.has(id) || isTaken === true) continue;
      const backend = backendFor(id, [name], { name });
      served.set(id, backend);
      directory?.add(backend);
    }
  }

  function refreshLater(directory: ModelDirectory): void {
    // A gateway is ready or not by its own upstreams, which no request of ours may show.
    const isGateway = settings.kind === "sluice";
    if (isClosed || (settings.models !== "all" && isListed && !isGateway)) return;
    const pauseMs = isListed ? settings.refreshMs : Math.min(settings.refreshMs, FIRST_REFRESH_MS);
    cancel = clock.after(pauseMs, () => {
      void Promise.all([refresh(directory), ...(isGateway ? [server.check()] : [])]).finally(() =>
        refreshLater(directory),
      );
    });
  }

  function stopFollowing(): void {
    isClosed = true;
    cancel();
  }

  async function close(): Promise<void> {
    stopFollowing();
    await server.close();
  }

  return {
    name: settings.name,
    batches: server.batches,
    stamp,
    named: () => named,
    listed: () => [...served.values()],
    async list(directory) {
      await Promise.all([server.check(), refresh(directory)]);
      if (!isListed)
        logger.warn({ upstream: settings.name }, `the models of upstream ${settings.name} can't be listed yet`);
    },
    follow(directory) {
      // A name may have been taken before this list was.
      const added = new Set(directory.added());
      for (const [id, backend] of served) if (!added.has(backend)) served.delete(id);
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
    async leave() {
      stopFollowing();
      await Promise.all([queue.idle(), embeddings.idle()]);
      await server.close();
    },
    close,
  };
}

/** A digest of the settings, the key and the certificate. Empty where they can't be read: opening the server says so in words. */
function stampOf(settings: UpstreamSettings, env: UpstreamParts["env"]): string {
  try {
    const { caFile } = settings.tls;
    const certificate = caFile === undefined ? null : readText(caFile);
    return hash("sha256", JSON.stringify([settings, readKey(settings, env) ?? null, certificate]));
  } catch {
    return "";
  }
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
  { logger, gatewayId, env, clock, onTry }: Required<Omit<UpstreamsOptions, "config" | "load" | "listedPrice">>,
): UpstreamServer {
  try {
    return createUpstreamServer({
      settings,
      key: readKey(settings, env),
      gatewayId,
      clock,
      log: logger,
      onTry: (outcome) => onTry(settings.name, outcome),
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError([`upstreams: ${settings.name}: ${reason}`]);
  }
}

/** The first line of the file, or the variable. Throws where neither has one. */
function readKey({ apiKeyEnv, apiKeyFile }: UpstreamSettings, env: NodeJS.ProcessEnv): string | undefined {
  if (apiKeyFile !== undefined) return checkKey(readText(apiKeyFile).split("\n")[0]?.trim(), apiKeyFile);
  if (apiKeyEnv === undefined) return undefined;
  return checkKey(env[apiKeyEnv]?.trim(), `the environment variable ${apiKeyEnv}`);
}

function checkKey(key: string | undefined, where: string): string {
  if (key === undefined || key === "") throw new Error(`there is no key in ${where}.`);
  // It becomes a header.
  if (!/^[\x21-\x7e]{1,4096}$/.test(key)) throw new Error(`the key in ${where} has other characters than keys have.`);
  return key;
}
