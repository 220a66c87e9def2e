import { randomUUID } from "node:crypto";
import type { RequestListener } from "node:http";
import { setTimeout } from "node:timers/promises";
import type { Hono } from "hono";
import type { Logger } from "pino";
import { openBatches } from "../batch/open.ts";
import { createResponseCache } from "../cache/cache.ts";
import { systemClock } from "../clock.ts";
import { ConfigError } from "../config/problems.ts";
import type { Config } from "../config/schema.ts";
import { upstreamModels } from "../config/upstreams.ts";
import { openFiles } from "../files/open.ts";
import { composeEmbed } from "../generation/embedding.ts";
import { compose } from "../generation/layer.ts";
import { createWatch, type Listener } from "../generation/watch.ts";
import { createApp } from "../http/app.ts";
import { requestAs } from "../http/arrival.ts";
import type { HttpEnv } from "../http/context.ts";
import { isClientsFault } from "../http/errors.ts";
import type { HostPolicy } from "../http/hosts.ts";
import type { Reload } from "../http/reload.ts";
import { type Kept, standInFront } from "../http/repeats/lane.ts";
import { createBackgroundRuns } from "../http/responses/background.ts";
import { listen } from "../http/server.ts";
import { type Access, createAccess } from "../keys/access.ts";
import { boundAnswers } from "../keys/answer-length.ts";
import { isExposed } from "../keys/exposure.ts";
import { holdEmbeddingsToLimits, holdToLimits } from "../keys/layer.ts";
import type { LocalModel } from "../models/index.ts";
import { openPresets } from "../prompts/index.ts";
import { outputLifeOf } from "../protocols/batches/batch.ts";
import { tellLastingFirst } from "../queue/lasting-first.ts";
import { createLoadControl } from "../queue/load-control.ts";
import { createLink, type Link } from "../redis/link.ts";
import { createModelDirectory } from "../routing/directory.ts";
import { createHomes } from "../routing/homes.ts";
import { route, routeEmbeddings } from "../routing/route.ts";
import { answerRoutes } from "../routing/routed.ts";
import { unservedTargets } from "../routing/routes.ts";
import { createState } from "../store/state.ts";
import { readVersion } from "../version.ts";
import { answerLengths } from "./answer-lengths.ts";
import { createDepartures } from "./departures.ts";
import { createEngines, type Engines } from "./engines.ts";
import { forgetPrefixes, sweepPrefixes } from "./kept-prefixes.ts";
import { createLibrary } from "./library.ts";
import { createLocalBackend } from "./local-backend.ts";
import { createLocalModels } from "./local-models.ts";
import { type Observers, openObservers } from "./observers.ts";
import { createReload, type ReadSettings } from "./reload.ts";
import type { GatewayShadowOptions } from "./shadow.ts";
import { loadPrices } from "./upstream-prices.ts";
import { type WarmPresets, warmPresets, warmWhenReady } from "./warm-presets.ts";

/** Models on this machine's disk, and how to serve them. */
export type GatewayOptions = {
  readonly config: Config;
  /** Those of the setting `model`. */
  readonly models: readonly LocalModel[];
  /** Those that are loaded when they are asked for. */
  readonly onDemand?: readonly LocalModel[];
  readonly logger: Logger;
  /** The processes of all models, if they already exist. */
  readonly engines?: Engines;
  /** Reads the settings again, for `reload`. It can't be reloaded if absent. Throws what is wrong with them. */
  readonly readAgain?: () => Promise<ReadSettings>;
  /** The names that `Host` may have while there are no keys; any if absent, such as when mounted in another app. */
  readonly hosts?: HostPolicy;
};

export type Gateway = {
  /** Stands in front of the app where Node's server serves it; undefined without a cache. */
  readonly front: ((app: RequestListener) => RequestListener) | undefined;
  /** The HTTP interface. It works at once; requests for a loading model wait. */
  readonly app: Hono<HttpEnv>;
  readonly access: Access;
  /** Absent without `readAgain`. */
  readonly reload?: Reload;
  /** Calls `listener` with the events of all later requests, until the returned function is called. */
  observe(listener: Listener): () => void;
  /** Loads the models that are loaded at the start. Rejects with `EngineLoadError` if one can't be loaded; the others are then stopped. */
  start(): Promise<void>;
  /** `GET /ready` is 503 from now on, and nothing else changes. */
  leave(): void;
  /** Stops the batches at once; the next gateway goes on with them. */
  leaveBatches(): Promise<void>;
  /** Resolves when no background work is left. */
  settled(): Promise<void>;
  /** Stops the engines. Running requests fail with `EngineUnavailableError`. */
  stop(): Promise<void>;
};

/** A listening gateway. */
export type RunningGateway = {
  readonly url: string;
  /** Absent without `readAgain`. */
  readonly reload?: Reload;
  /**
   * Refuses new connections, lets running requests go on for at most `graceMs`, then frees everything. `delayMs` before, `GET /ready` is 503, so
   * that no load balancer sends a request to a closed port.
   */
  stop(graceMs: number, delayMs?: number): Promise<void>;
};

const DAY_MS = 24 * 60 * 60 * 1000;

/** The maximum time to send errors to the requests that `stop` cut off. */
const FAREWELL_MS = 1_000;

/**
 * Creates a gateway: a backend for each model, the layers around them, and the HTTP interface.
 *
 * @example
 * const gateway = await createGateway({ config, models, logger });
 * await gateway.start();
 * app.route("/", gateway.app);
 */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const { config, models, onDemand = [], logger, engines = createEngines(options), hosts } = options;
  let current = config;
  void sweepPrefixes(config);
  let warmUp: WarmPresets | undefined;
  let observers: Observers | undefined;
  let isLeaving = false;
  const presets = await openPresets(config.promptsDir, logger, (ids) => {
    // Changes before the warm-up exists need nothing: all presets are warmed once the models have loaded.
    if (config.warmPresets) warmUp?.add(ids);
  });
  const writers = () => directory.list().filter(({ can }) => can.text).length;
  const load = createLoadControl({
    get maxPending() {
      return current.maxPending;
    },
    get maxPendingTokens() {
      return current.maxPendingTokens;
    },
    get maxWaitMs() {
      return current.maxWaitMs;
    },
    models: () => writing,
  });
  const version = readVersion();
  const gatewayId = randomUUID();
  const started = new Map(engines.processes);
  const locals = await createLocalModels({
    config,
    models: [...models, ...onDemand.map((model) => ({ ...model, isOnDemand: true }))],
    create(model, settings) {
      const first = started.get(model.id);
      started.delete(model.id);
      const processes = first ?? engines.add(model, settings);
      return createLocalBackend(model, { config: settings, load, processes, version });
    },
  });
  // Its HTTP client takes 50 ms to read.
  const openUpstreams = async (settings: Config) =>
    (await import("./upstreams.ts")).createUpstreams({
      ...{ config: settings, load, logger, gatewayId },
      onTry: (upstream, outcome) => observers?.tried(upstream, outcome),
      listedPrice: await loadPrices(settings.upstreams),
    });
  let upstreams = config.upstreams.length === 0 ? undefined : await openUpstreams(config);
  const { mayCome } = upstreamModels(config.upstreams);
  const settings = { ...config, mayCome, ...(upstreams && { awaited: upstreams.awaited }) };
  const redis = linkTo(config, logger);
  const sharing = (what: Config["redisShares"][number]) => (config.redisShares.includes(what) ? redis : undefined);
  const directory = createModelDirectory([...locals.backends(), ...(upstreams?.named() ?? [])], settings, {
    tenants: {
      namesOf(tenant) {
        const key = access.keys.get(tenant);
        return key === undefined ? [tenant] : [key.id, key.name];
      },
      usedShareOf(tenant) {
        const key = access.keys.get(tenant);
        const views = (["tokens", "money"] as const).map((limited) => key && access.meter.view(key, limited));
        const shares = views.flatMap((view) => (view === undefined ? [] : [1 - view.remaining / view.limit]));
        return shares.length === 0 ? undefined : Math.max(...shares);
      },
    },
    homes: createHomes({ redis: sharing("sessions") }),
    clock: systemClock,
    now: Date.now,
  });
  for (const target of unservedTargets(config.routes, directory.list(), settings.mayCome)) {
    logger.warn(`A route has a target that is not served now: ${target}.`);
  }
  let writing = writers();
  directory.onChange(() => {
    writing = writers();
  });
  const library = createLibrary({
    modelsDir: config.modelsDir,
    given: () => locals.given().filter(({ isOnDemand, adapter }) => isOnDemand !== true || adapter !== undefined),
    directory,
    async serve(model) {
      const backend = await locals.make(model);
      // Another pull may have added it already.
      if (directory.find(model.id) === undefined) directory.add(backend);
    },
    forget: (id) => forgetPrefixes(config, id),
  });
  const state = createState({
    file: config.stateFile,
    retention: { maxAgeMs: config.stateMaxDays * DAY_MS, maxEntries: config.stateMaxEntries },
  });
  const files = openFiles({
    state,
    stateFile: config.stateFile,
    maxFileBytes: config.maxFileBytes,
    maxTenantBytes: config.maxStoredFileBytes,
    isReferred: state.needsFile,
    now: Date.now,
  });
  const access = createAccess({ config, state, redis: sharing("limits"), logger });
  const [routed, embedRouted] = [route(directory), routeEmbeddings(directory)];
  const cache = createResponseCache({
    config,
    identify: (model) => directory.find(model)?.identity(),
    judges: { generate: routed, embed: embedRouted },
    redis: sharing("answers"),
    logger,
  });
  await Promise.all([cache.load(), redis?.open()]);
  const watch = createWatch();
  observers = await openObservers({ config, watch, directory, version, logger });
  const { noteAnswer, traceOf, writeMetrics, close: closeObservers } = observers;
  const lastingFirst = tellLastingFirst({
    price: (request) => directory.reach(request.model).price?.(request),
    contextTokens: (model) => directory.reach(model).details().contextTokens,
    isUpstream: (model) => directory.reach(model).upstream !== undefined,
    isLasting: isClientsFault,
    clock: systemClock,
  });
  const shadow = await openShadow(config, () => ({
    ...{ config, models: directory, generate: routed, embed: embedRouted, keys: access.keys, state, load, logger },
  }));
  const costsOf = (model: string) => directory.find(model)?.costOf;
  const lengths = answerLengths(config, directory);
  const bounded = boundAnswers(access.keys, lengths.of);
  const generate = compose(
    [
      watch.layer,
      bounded,
      lastingFirst,
      holdToLimits(access.keys, access.meter, costsOf),
      ...(shadow ? [shadow.layer] : []),
      answerRoutes(directory.find, bounded),
      ...cache.layers,
    ],
    routed,
  );
  const embed = composeEmbed(
    [watch.embedLayer, holdEmbeddingsToLimits(access.keys, access.meter, costsOf)],
    embedRouted,
  );
  warmUp = warmPresets({ presets, models: directory, generate, cache, keys: access.keys, load, logger });
  if (config.warmPresets) warmWhenReady(directory, warmUp);
  const runs = createBackgroundRuns();
  const repeats = cache.openRepeats?.<Kept>();
  const front =
    repeats &&
    ((app: RequestListener) =>
      standInFront(
        {
          ...{ repeats, generate, access, models: directory, presets, settings: config, logger },
          noteAnswer,
        },
        app,
      ));
  const departures = createDepartures();
  let starting = Promise.resolve();
  const { readAgain } = options;
  const reload =
    readAgain &&
    createReload({
      // What is being started can't be replaced yet.
      read: () => starting.then(readAgain),
      config: () => current,
      setConfig(next) {
        current = next;
      },
      async upstreams(isNeeded) {
        if (isNeeded) upstreams ??= await openUpstreams({ ...current, upstreams: [] });
        return upstreams;
      },
      ...{ locals, presets, access, lengths, directory, departures, logger },
    });
  const stop = async () => {
    warmUp?.stop();
    shadow?.stop();
    await batches.stop();
    await Promise.all([...directory.list().map(({ close }) => close?.()), departures.close(), upstreams?.close()]);
    // Without engines they have failed by now, and that is stored.
    await runs.settled();
    await Promise.all([cache.save(), cache.settled(), closeObservers()]);
    access.flush();
    redis?.close();
    await files.close();
    state.close();
    presets.close();
  };
  const batches = openBatches({
    state,
    stateFile: config.stateFile,
    files: files.open,
    doorFor: (keyId) => requestAs(app, { keyId, priority: "batch" }),
    slotsOf: (model) => (model === undefined ? undefined : directory.find(model)?.details().slots),
    lifeMs: (body) => outputLifeOf(body) ?? config.stateMaxDays * DAY_MS,
    maxLineBytes: config.maxBodyBytes,
    now: Date.now,
    logger,
  });
  const app = createApp({
    generate,
    embed,
    models: directory,
    library,
    presets,
    settings: hosts === undefined ? config : { ...config, hosts },
    state,
    files: files.open,
    batches,
    runs,
    access,
    warmUp,
    ...(reload && { reload }),
    ...(cache.control && { cache: cache.control }),
    gatewayId,
    isLeaving: () => isLeaving,
    ...{ noteAnswer, traceOf, ...(writeMetrics && { writeMetrics }) },
    logger,
  });
  return {
    app,
    front,
    access,
    observe: watch.listen,
    ...(reload && { reload }),
    async start() {
      try {
        const begun = Promise.all([...locals.first().map(({ load: begin }) => begin()), upstreams?.follow(directory)]);
        // Who waits for it learns of a failure from `start`.
        starting = begun.then(
          () => {},
          () => {},
        );
        await begun;
        batches.wake();
      } catch (error) {
        await stop();
        throw error;
      }
    },
    leave() {
      isLeaving = true;
    },
    settled: runs.settled,
    leaveBatches: batches.stop,
    stop,
  };
}

/**
 * Creates a gateway, listens, and resolves when every model has loaded.
 *
 * It listens first: `/health` answers and `/ready` shows the progress while a large model loads.
 *
 * @throws `ExposedError` if other machines could reach it without a key, the system's error if the address can't be used,
 *   `EngineLoadError` if a model can't be loaded
 */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  const { host: bound, allowedHosts: allowed } = options.config;
  const gateway = await createGateway({ ...options, hosts: { bound, allowed } });
  await warnIfExposed(gateway, options);
  const { server, url, drain, end } = await listen(gateway.app, {
    ...options.config,
    ...(gateway.front && { front: gateway.front }),
  });
  try {
    await gateway.start();
  } catch (error) {
    end();
    server.close();
    throw error;
  }
  const { reload } = gateway;
  return {
    url,
    ...(reload && { reload }),
    async stop(graceMs, delayMs = 0) {
      gateway.leave();
      if (delayMs > 0) await setTimeout(delayMs);
      const closed = drain();
      await gateway.leaveBatches();
      await settledWithin(
        closed.then(() => gateway.settled()),
        graceMs,
      );
      await gateway.stop();
      await settledWithin(closed, FAREWELL_MS);
      end();
      await closed;
    },
  };
}

/** Undefined if nothing is compared. */
async function openShadow({ shadowShare, shadowModel }: Config, options: () => GatewayShadowOptions) {
  if (shadowShare === 0) return undefined;
  if (shadowModel === "") {
    throw new ConfigError(["shadowShare: name the local model that answers, too, with shadowModel (--shadow-model)."]);
  }
  return (await import("./shadow.ts")).createGatewayShadow(options());
}

function linkTo({ redisUrl: url, redisTimeoutMs: timeoutMs }: Config, logger: Logger): Link | undefined {
  return url === "" ? undefined : createLink({ url, timeoutMs, logger });
}

async function warnIfExposed(gateway: Gateway, { config, logger }: GatewayOptions): Promise<void> {
  try {
    if (isExposed(config, gateway.access.keys.isOn())) {
      logger.warn(
        `There are no keys, and --insecure is set: any client that reaches ${config.host} can use the models.`,
      );
    }
  } catch (error) {
    await gateway.stop();
    throw error;
  }
}

/** Resolves when `work` does, or after `ms`, whichever comes first. */
async function settledWithin(work: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = globalThis.setTimeout(resolve, ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
