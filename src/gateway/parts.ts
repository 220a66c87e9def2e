import { randomUUID } from "node:crypto";
import { createResponseCache, type ResponseCache } from "../cache/cache.ts";
import type { Config } from "../config/schema.ts";
import type { FolderFiles } from "../files/files.ts";
import { type OpenFiles, openFiles } from "../files/open.ts";
import type { Embed } from "../generation/embedding.ts";
import type { Generate } from "../generation/layer.ts";
import { createWatch, type Watch } from "../generation/watch.ts";
import type { SharedJobs } from "../jobs/open.ts";
import { createAccess, type LiveAccess } from "../keys/access.ts";
import { type LivePresets, openPresets } from "../prompts/index.ts";
import { createLink, type Link } from "../redis/link.ts";
import { route, routeEmbeddings } from "../routing/route.ts";
import { createState, type State } from "../store/state.ts";
import { readVersion } from "../version.ts";
import { sweepPrefixes } from "./kept-prefixes.ts";
import { openModels, type ServedModels, type ServedModelsOptions } from "./models.ts";
import { type Observers, openObservers } from "./observers.ts";
import type { GatewayOptions, LiveSettings } from "./options.ts";

/** What a gateway is made of, before it is put together: models, stores, keys, presets, observers. */
export type Parts = ServedModels & {
  readonly settings: LiveSettings;
  readonly gatewayId: string;
  /** Sluice's own. */
  readonly version: string;
  readonly presets: LivePresets;
  readonly redis: Link | undefined;
  readonly state: State;
  /** Those of this gateway alone. */
  readonly files: OpenFiles<FolderFiles>;
  /** The files and batches that gateways share; undefined if they don't. */
  readonly sharedJobs: SharedJobs | undefined;
  readonly access: LiveAccess;
  readonly cache: ResponseCache;
  readonly watch: Watch;
  readonly observers: Observers;
  /** Passes a request to its model, without the layers around all models. */
  readonly routed: Generate;
  readonly embedRouted: Embed;
  /** Calls `listener` when a model's next version has been loaded, or can't be. */
  readonly onVersion: (listener: ServedModelsOptions["onVersion"]) => void;
};

/** Pieces of files are large, and who sends them can't do without the reply. */
const JOBS_TIMEOUT_MS = 10_000;
const DAY_MS = 24 * 60 * 60 * 1000;

/** @param onPresets hears which presets have changed */
export async function openParts(options: GatewayOptions, onPresets: (ids: readonly string[]) => void): Promise<Parts> {
  const { config, logger } = options;
  const settings: LiveSettings = { current: config };
  void sweepPrefixes(config);
  let observers: Observers | undefined;
  let hearVersion: ServedModelsOptions["onVersion"] | undefined;
  const presets = await openPresets(config.promptsDir, logger, onPresets);
  const version = readVersion();
  const gatewayId = randomUUID();
  const sharesMore = config.redisShares.some((what) => what !== "batches");
  const redis = sharesMore ? linkTo(options, "this gateway counts limits and keeps answers by itself") : undefined;
  const sharing = (what: Config["redisShares"][number]) => (config.redisShares.includes(what) ? redis : undefined);
  const models = await openModels({
    ...{ ...options, settings, version, gatewayId, redis: sharing("sessions"), access: () => access },
    onTry: (upstream, outcome) => observers?.tried(upstream, outcome),
    onVersion: (id, refused) => hearVersion?.(id, refused),
  });
  const { directory } = models;
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
  const sharedJobs = await shareJobs({ ...options, gatewayId, access, state });
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
  return {
    ...models,
    ...{
      settings,
      gatewayId,
      version,
      presets,
      redis,
      state,
      files,
      sharedJobs,
      access,
      cache,
      watch,
      observers,
      routed,
      embedRouted,
    },
    onVersion(listener) {
      hearVersion = listener;
    },
  };
}

/** What runs batches with other gateways is loaded only where they are shared. */
async function shareJobs({ config, logger, gatewayId, access, state }: SharedParts) {
  const timeoutMs = Math.max(config.redisTimeoutMs, JOBS_TIMEOUT_MS);
  const redis = linkTo({ config, logger }, "shared files and batches can't be used", timeoutMs);
  if (redis === undefined || !config.redisShares.includes("batches")) return undefined;
  if (state.exists() && state.batchQueue.unfinished().length > 0) {
    logger.warn(
      "batches in the state file wait: they are from before batches were shared, and go on when redisShares has no batches",
    );
  }
  if (config.upstreams.some(({ batch }) => batch)) {
    logger.warn("batches that gateways share are made request by request, also at upstreams with batch: true");
  }
  const { openSharedJobs } = await import("../jobs/open.ts");
  await redis.open();
  return openSharedJobs({
    ...{ redis, logger, gateway: gatewayId, now: Date.now },
    knowsKey: (id) => access.keys.get(id) !== undefined,
    maxFileBytes: config.maxFileBytes,
    maxTenantBytes: config.maxStoredFileBytes,
    maxAllBytes: config.maxSharedFileBytes,
    maxAgeMs: config.stateMaxDays * DAY_MS,
  });
}

type SharedParts = Pick<GatewayOptions, "config" | "logger"> & Pick<Parts, "gatewayId" | "access" | "state">;

function linkTo(
  { config, logger }: Pick<GatewayOptions, "config" | "logger">,
  meanwhile: string,
  timeoutMs = config.redisTimeoutMs,
): Link | undefined {
  const { redisUrl: url } = config;
  return url === "" ? undefined : createLink({ url, timeoutMs, logger, meanwhile });
}
