import type { RequestListener } from "node:http";
import type { Hono } from "hono";
import { openBatches } from "../batch/open.ts";
import type { Listener } from "../generation/watch.ts";
import { createApp } from "../http/app.ts";
import { requestAs } from "../http/arrival.ts";
import type { HttpEnv } from "../http/context.ts";
import { openPages } from "../http/pages.ts";
import type { Reload } from "../http/reload.ts";
import { type Kept, standInFront } from "../http/repeats/lane.ts";
import { createBackgroundRuns } from "../http/responses/background.ts";
import { createStreamsDoor, type JournalOptions } from "../http/streams/door.ts";
import type { Access } from "../keys/access.ts";
import { outputLifeOf } from "../protocols/batches/batch.ts";
import { openStreamWriter } from "../store/streams-apart.ts";
import { createBatchTargets } from "./batch-targets.ts";
import { composeLayers, type Layers } from "./layers.ts";
import { createLife, type Life } from "./life.ts";
import { openLive } from "./live.ts";
import type { GatewayOptions } from "./options.ts";
import { openParts, type Parts } from "./parts.ts";
import { createReload, type LiveReload } from "./reload.ts";
import { createVersionControl } from "./version-control.ts";
import { type WarmPresets, warmPresets, warmWhenReady } from "./warm-presets.ts";
import { createWhatIf } from "./what-if.ts";

export type Gateway = {
  /** Stands in front of the app where Node's server serves it; undefined without a cache. */
  readonly front: ((app: RequestListener) => RequestListener) | undefined;
  /** The HTTP interface. It works at once; requests for a loading model wait. */
  readonly app: Hono<HttpEnv>;
  readonly access: Access;
  /** Absent without `readAgain`. */
  readonly reload?: Reload;
  /** Writes the metrics; undefined if they are off. */
  readonly writeMetrics: (() => string) | undefined;
  /** Calls `listener` with the events of all later requests, until the returned function is called. */
  observe(listener: Listener): () => void;
  /** Loads the models that are loaded at the start. Rejects with `EngineLoadError` if one can't be loaded; the others are then stopped. */
  start(): Promise<void>;
  /** `GET /ready` is 503 from now on, and nothing else changes. */
  leave(): void;
  /** Ends at once what no client waits for: batches, with which the next gateway goes on, and what operators follow. */
  leaveAsides(): Promise<void>;
  /** Nobody can come back to a stream from now on, so work without a reader ends. */
  leaveStreams(): void;
  /** Resolves when no background work is left. */
  settled(): Promise<void>;
  /** Stops the engines. Running requests fail with `EngineUnavailableError`. */
  stop(): Promise<void>;
};

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Creates a gateway: a backend for each model (`parts.ts`), the layers around them (`layers.ts`), its start and its end (`life.ts`), and the HTTP
 * interface.
 *
 * @example
 * const gateway = await createGateway({ config, models, logger });
 * await gateway.start();
 * app.route("/", gateway.app);
 */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const { config, logger } = options;
  let warmUp: WarmPresets | undefined;
  const parts = await openParts(options, (ids) => {
    // Changes before the warm-up exists need nothing: all presets are warmed once the models have loaded.
    if (config.warmPresets) warmUp?.add(ids);
  });
  const layers = await composeLayers(options, parts);
  const { access, directory: models, watch } = parts;
  warmUp = warmPresets({ ...parts, models, generate: layers.generate, keys: access.keys, logger });
  if (config.warmPresets) warmWhenReady(models, warmUp);
  const runs = createBackgroundRuns();
  const journal = config.journal ? openJournal(options, parts, (caller) => requestAs(app, caller)) : undefined;
  const streams = createStreamsDoor(config, journal && { journal });
  const batches = openGatewayBatches(
    options,
    parts,
    (keyId, restUntilMs) => (path, init, replay) =>
      requestAs(app, { keyId, priority: "batch", restUntilMs, replay })(path, init),
    layers,
  );
  const live = openLive({ ...parts, keys: access.keys, cache: parts.cache.control, batches });
  const life = createLife({ ...parts, ...layers, runs, streams, batches, warmUp, live });
  const reloading = openReload(options, { ...parts, ...layers, life });
  const reload = reloading?.reload;
  const { noteAnswer, traceOf, writeMetrics, requests } = parts.observers;
  const app = createApp({
    ...{ generate: layers.generate, embed: layers.embed, models, library: parts.library, presets: parts.presets },
    settings: options.hosts === undefined ? config : { ...config, hosts: options.hosts },
    ...{ state: parts.state, files: (parts.sharedJobs ?? parts).files.open, batches, runs, streams, access, warmUp },
    ...(parts.sharedJobs && { shelf: parts.sharedJobs.shelf }),
    ...(reloading && {
      reload: reloading.reload,
      versions: createVersionControl({ ...parts, modelsDir: config.modelsDir, lookAgain: reloading.lookAgain }),
    }),
    ...(parts.cache.control && { cache: parts.cache.control }),
    ...(options.requestStop && { requestStop: options.requestStop }),
    gatewayId: parts.gatewayId,
    isLeaving: life.isLeaving,
    live,
    ...(config.pages && { pages: openPages() }),
    ...{ noteAnswer, traceOf, requests, ...(writeMetrics && { writeMetrics }) },
    ...(requests && { whatIf: createWhatIf({ requests, models, config: () => parts.settings.current }) }),
    logger,
  });
  return {
    ...{ app, front: openFront(options, parts, layers), access, writeMetrics, observe: watch.listen },
    ...(reload && { reload }),
    ...{
      start: life.start,
      leave: life.leave,
      async leaveAsides() {
        live.close();
        await batches.stop();
      },
      leaveStreams: streams.leave,
      stop: life.stop,
    },
    settled: async () => void (await Promise.all([runs.settled(), streams.settled()])),
  };
}

/** What answers repeats of requests; undefined without a cache. */
function openFront({ config, logger }: GatewayOptions, parts: Parts, { generate }: Layers): Gateway["front"] {
  const { access, directory: models, presets, observers } = parts;
  const repeats = parts.cache.openRepeats?.<Kept>();
  if (repeats === undefined) return undefined;
  const deps = { repeats, generate, access, models, presets, settings: config, logger };
  return (app) => standInFront({ ...deps, noteAnswer: observers.noteAnswer }, app);
}

/** What writes streams down, with those of an earlier process. */
function openJournal(
  { config, logger }: GatewayOptions,
  { state }: Parts,
  ask: JournalOptions["requestAs"],
): JournalOptions {
  try {
    state.streams.adopt(Date.now() + config.resumeKeepMs);
  } catch (error) {
    logger.warn({ err: error }, "streams of an earlier run can't be taken up");
  }
  // A state in memory belongs to its thread.
  const writer = config.stateFile === ":memory:" ? undefined : openStreamWriter(config.stateFile);
  return { store: { ...state.streams, ...writer }, logger, requestAs: ask };
}

function openGatewayBatches(
  { config, logger }: GatewayOptions,
  { state, files, sharedJobs, directory, upstreams, access, settings }: Parts,
  doorFor: Parameters<typeof openBatches>[0]["doorFor"],
  { lengths }: Pick<Layers, "lengths">,
) {
  const targets = createBatchTargets({
    ...{ directory, lengths, findKey: access.keys.get },
    batchesOf: (upstream) => upstreams()?.batchesOf(upstream),
  });
  const isBatched = () => settings.current.upstreams.some(({ batch }) => batch);
  const options = {
    doorFor,
    slotsOf: (model: string | undefined) => (model === undefined ? undefined : directory.find(model)?.details().slots),
    lifeMs: (body: string) => outputLifeOf(body) ?? config.stateMaxDays * DAY_MS,
    maxLineBytes: config.maxBodyBytes,
    maxTenantBytes: () => config.maxStoredFileBytes,
    now: Date.now,
    logger,
  };
  return (
    sharedJobs?.openBatches(options) ??
    openBatches({
      ...{ ...options, state, stateFile: config.stateFile, files: files.open },
      elsewhereFor: (record) => (isBatched() ? targets(record) : undefined),
    })
  );
}

function openReload(
  { readAgain, logger }: GatewayOptions,
  parts: Parts & Layers & { readonly life: Pick<Life, "started" | "isOver"> },
): LiveReload | undefined {
  const { settings, life, locals } = parts;
  const live =
    readAgain &&
    createReload({
      ...parts,
      // What is being started can't be replaced yet.
      read: () => life.started().then(readAgain),
      config: () => settings.current,
      setConfig(next) {
        settings.current = next;
      },
      upstreams: parts.openUpstreams,
      logger,
    });
  parts.onVersion((id, refused) => {
    if (life.isOver()) return;
    const note = () => refused && locals.decide(id, { type: "refuse", refused });
    live
      ?.lookAgain(note)
      .then(() =>
        logger.info(
          { model: id },
          refused ? "its new version can't be loaded, so the former one stays" : "its new version is loaded",
        ),
      )
      .catch((error: unknown) => logger.error({ err: error, model: id }, "its new version can't be taken over"));
  });
  return live;
}
