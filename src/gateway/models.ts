import { systemClock } from "../clock.ts";
import { upstreamModels } from "../config/upstreams.ts";
import type { LiveAccess } from "../keys/access.ts";
import { createLoadControl, type LoadControl } from "../queue/load-control.ts";
import type { Memory } from "../residence/memory.ts";
import { createModelDirectory, type ModelDirectory } from "../routing/directory.ts";
import { createHomes, type HomesOptions } from "../routing/homes.ts";
import type { ModelLibrary } from "../routing/library.ts";
import { unservedTargets } from "../routing/routes.ts";
import { createDepartures, type Departures } from "./departures.ts";
import { createEngines } from "./engines.ts";
import { forgetPrefixes } from "./kept-prefixes.ts";
import { createLibrary } from "./library.ts";
import { createLocalBackend } from "./local-backend.ts";
import { createLocalModels, type LocalModels, type LocalModelsOptions } from "./local-models.ts";
import type { GatewayOptions, LiveSettings } from "./options.ts";
import { loadPrices } from "./upstream-prices.ts";
import type { Upstreams } from "./upstreams.ts";
import { joinVersions } from "./versions.ts";

/** The models that the gateway serves, on this machine and on others, and the names that lead to them. */
export type ServedModels = {
  readonly load: LoadControl;
  /** What all of them may take together on this machine. */
  readonly memory: Memory;
  readonly locals: LocalModels;
  readonly directory: ModelDirectory;
  readonly library: ModelLibrary;
  readonly departures: Departures;
  /** Undefined while there are none. */
  readonly upstreams: () => Upstreams | undefined;
  /** The upstreams; opens them if there were none and they are needed. */
  readonly openUpstreams: (isNeeded: boolean) => Promise<Upstreams | undefined>;
};

export type ServedModelsOptions = GatewayOptions & {
  readonly settings: LiveSettings;
  readonly version: string;
  readonly gatewayId: string;
  /** Where gateways share what they know of sessions. */
  readonly redis: HomesOptions["redis"];
  /** Who asks. It is opened later, and not needed before the first request. */
  readonly access: () => LiveAccess;
  /** A try of a request at an upstream has ended. */
  readonly onTry: (upstream: string, outcome: string) => void;
  /** As `LocalModelsOptions.onVersion`. */
  readonly onVersion: NonNullable<LocalModelsOptions["onVersion"]>;
};

/** Makes a backend of each model. Nothing is loaded yet. */
export async function openModels(options: ServedModelsOptions): Promise<ServedModels> {
  const { config, models, onDemand = [], logger, engines = createEngines(options), settings, version, redis } = options;
  const load = createLoadControl({
    get maxPending() {
      return settings.current.maxPending;
    },
    get maxPendingTokens() {
      return settings.current.maxPendingTokens;
    },
    get maxWaitMs() {
      return settings.current.maxWaitMs;
    },
    models: () => writing,
  });
  const started = new Map(engines.processes);
  const departures = createDepartures();
  const routing = {
    tenants: tenantsOf(options.access),
    homes: createHomes({ redis }),
    clock: systemClock,
    now: Date.now,
  };
  const locals = await createLocalModels({
    config,
    models: [...models, ...onDemand.map((model) => ({ ...model, isOnDemand: true }))],
    create(model, own, after) {
      const first = started.get(model.id);
      started.delete(model.id);
      const processes = first ?? engines.add(model, own, after && departures.gone(after));
      return createLocalBackend(model, { config: own, load, processes, version });
    },
    hasRoomFor: engines.hasRoomFor,
    join: (stable, next, share) => joinVersions(stable, next, share, routing),
    onVersion: options.onVersion,
  });
  const openUpstreams = async (given: typeof config) =>
    // Its HTTP client takes 50 ms to read.
    (await import("./upstreams.ts")).createUpstreams({
      ...{ config: given, load, logger, gatewayId: options.gatewayId, onTry: options.onTry },
      listedPrice: await loadPrices(given.upstreams),
    });
  let upstreams = config.upstreams.length === 0 ? undefined : await openUpstreams(config);
  const { mayCome } = upstreamModels(config.upstreams);
  const names = { ...config, mayCome, ...(upstreams && { awaited: upstreams.awaited }) };
  const directory = createModelDirectory([...locals.backends(), ...(upstreams?.named() ?? [])], names, routing);
  for (const target of unservedTargets(config.routes, directory.list(), mayCome)) {
    logger.warn(`A route has a target that is not served now: ${target}.`);
  }
  const writers = () => directory.list().filter(({ can }) => can.text).length;
  let writing = writers();
  directory.onChange(() => {
    writing = writers();
  });
  const library = createLibrary({
    modelsDir: config.modelsDir,
    given: () => locals.given().filter(({ isOnDemand, adapter }) => isOnDemand !== true || adapter !== undefined),
    directory,
    memory: engines.memory,
    config: () => settings.current,
    async serve(model) {
      const backend = await locals.make(model);
      // Another pull may have added it already.
      if (directory.find(model.id) === undefined) directory.add(backend);
    },
    forget: (id) => forgetPrefixes(config, id),
  });
  return {
    ...{ load, memory: engines.memory, locals, directory, library, departures },
    upstreams: () => upstreams,
    async openUpstreams(isNeeded) {
      if (isNeeded) upstreams ??= await openUpstreams({ ...settings.current, upstreams: [] });
      return upstreams;
    },
  };
}

/** What the keys tell routes of who asks. */
function tenantsOf(access: ServedModelsOptions["access"]) {
  return {
    namesOf(tenant: string): readonly string[] {
      const key = access().keys.get(tenant);
      return key === undefined ? [tenant] : [key.id, key.name];
    },
    usedShareOf(tenant: string): number | undefined {
      const { keys, meter } = access();
      const key = keys.get(tenant);
      const views = (["tokens", "money"] as const).map((limited) => key && meter.view(key, limited));
      const shares = views.flatMap((view) => (view === undefined ? [] : [1 - view.remaining / view.limit]));
      return shares.length === 0 ? undefined : Math.max(...shares);
    },
  };
}
