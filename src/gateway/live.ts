import type { Batches } from "../batch/open.ts";
import type { CacheControl } from "../cache/stats.ts";
import type { Watch } from "../generation/watch.ts";
import type { LiveFeed } from "../http/routes/live.ts";
import type { SharedJobs } from "../jobs/open.ts";
import type { KeyRing } from "../keys/ring.ts";
import type { Live } from "../live/live.ts";
import type { LiveCache, LiveRoute } from "../live/snapshot.ts";
import { openStateLog } from "../live/state-log.ts";
import type { Memory } from "../residence/memory.ts";
import type { ModelDirectory } from "../routing/directory.ts";
import type { State } from "../store/state.ts";
import { listLiveBatches, listSharedBatches } from "./live-batches.ts";

type GatewayLiveOptions = {
  readonly directory: ModelDirectory;
  readonly watch: Watch;
  readonly keys: Pick<KeyRing, "get">;
  readonly cache: CacheControl | undefined;
  readonly state: Pick<State, "exists" | "batchQueue">;
  readonly batches: Pick<Batches, "live">;
  readonly sharedJobs: Pick<SharedJobs, "unfinished"> | undefined;
  readonly memory: Pick<Memory, "budgetBytes" | "heldBytes">;
  /** Sluice's own. */
  readonly version: string;
};

export type GatewayLive = LiveFeed & { readonly close: () => void };

/** What is live, for who looks at it. Its code is loaded when somebody does. */
export function openLive(options: GatewayLiveOptions): GatewayLive {
  const { directory, watch, keys, cache, memory, state, batches, sharedJobs, version } = options;
  const states = openStateLog(directory);
  let opened: Promise<Live> | undefined;
  let isClosed = false;

  async function open(): Promise<Live> {
    const { createLive } = await import("../live/live.ts");
    return createLive({
      models: directory.list,
      batches: () =>
        sharedJobs === undefined
          ? listLiveBatches(state, batches, (keyId) => nameOf(keys, keyId))
          : listSharedBatches(sharedJobs.unfinished(), batches, (keyId) => nameOf(keys, keyId)),
      routes: () => directory.routes().flatMap(({ id }) => describeRoute(directory, id)),
      cache: () => cache && describeCache(cache),
      memory: () => ({ models: memory.heldBytes, budget: memory.budgetBytes }),
      follow: watch.follow,
      states,
      nameOf: (tenant) => nameOf(keys, tenant),
      version,
    });
  }

  return {
    async watch(viewer) {
      opened ??= open();
      const live = await opened;
      if (isClosed) live.close();
      return live.watch(viewer);
    },
    close() {
      isClosed = true;
      states.close();
      void opened?.then((live) => live.close());
    },
  };
}

/** A tenant's key by its name, and the part of it that takes turns by itself. */
function nameOf(keys: Pick<KeyRing, "get">, sharer: string): string {
  const [tenant = "", flow] = sharer.split("\n", 2);
  const name = keys.get(tenant)?.name ?? tenant;
  return flow === undefined ? name : `${name} / ${flow}`;
}

function describeRoute(directory: ModelDirectory, id: string): LiveRoute[] {
  const explained = directory.explain(id, { needs: [], isLocalOnly: false });
  if (explained === undefined) return [];
  const { candidates, excluded } = explained;
  return [
    {
      route: id,
      targets: candidates.map(({ target, deferred }) => ({ target, reason: deferred ?? null })),
      excluded: excluded.map(({ target, reason }) => ({ target, reason })),
    },
  ];
}

function describeCache({ stats, shared }: CacheControl): LiveCache {
  const { entries, bytes, maxBytes, hits, semanticHits, misses, collapsed, bypassed } = stats();
  return {
    ...{ entries, bytes, max_bytes: maxBytes, hits, semantic_hits: semanticHits, misses, collapsed, bypassed },
    shared: shared === undefined ? null : describeShared(shared.stats()),
  };
}

function describeShared({ isUp, found, missed }: ReturnType<NonNullable<CacheControl["shared"]>["stats"]>) {
  return { up: isUp, hits: found, misses: missed };
}
