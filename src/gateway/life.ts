import type { Batches } from "../batch/open.ts";
import type { BackgroundRuns } from "../http/responses/background.ts";
import type { StreamsDoor } from "../http/streams/door.ts";
import type { Layers } from "./layers.ts";
import type { GatewayLive } from "./live.ts";
import type { Parts } from "./parts.ts";
import type { WarmPresets } from "./warm-presets.ts";

/** A gateway's start and its end. */
export type Life = {
  /** Loads the models that are loaded at the start. Rejects with `EngineLoadError` if one can't be loaded; the others are then stopped. */
  readonly start: () => Promise<void>;
  /** Resolves once what `start` began has ended, however it did. */
  readonly started: () => Promise<void>;
  /** Whether it is about to stop. */
  readonly isLeaving: () => boolean;
  readonly leave: () => void;
  /** Whether it stops or has stopped. */
  readonly isOver: () => boolean;
  /** Stops the engines, and frees everything. */
  readonly stop: () => Promise<void>;
};

export type LifeParts = Pick<
  Parts,
  | "locals"
  | "upstreams"
  | "directory"
  | "cache"
  | "observers"
  | "access"
  | "redis"
  | "files"
  | "sharedJobs"
  | "state"
  | "presets"
  | "departures"
> &
  Pick<Layers, "shadow"> & {
    readonly runs: BackgroundRuns;
    readonly streams: StreamsDoor;
    readonly batches: Batches;
    readonly warmUp: WarmPresets;
    readonly live: Pick<GatewayLive, "close">;
  };

export function createLife(parts: LifeParts): Life {
  const { locals, upstreams, directory, batches, shadow, warmUp, runs, streams, departures } = parts;
  const { cache, observers, access, redis, files, state, presets } = parts;
  let [isLeaving, isOver] = [false, false];
  let starting = Promise.resolve();

  async function stop(): Promise<void> {
    isOver = true;
    parts.live.close();
    warmUp.stop();
    shadow?.stop();
    streams.suspend();
    await batches.stop();
    await Promise.all([...directory.list().map(({ close }) => close?.()), departures.close(), upstreams()?.close()]);
    // Without engines they have failed by now, and that is stored.
    await Promise.all([runs.settled(), streams.settled()]);
    await streams.close();
    await Promise.all([cache.save(), cache.settled(), observers.close()]);
    access.flush();
    redis?.close();
    await Promise.all([files.close(), parts.sharedJobs?.close()]);
    state.close();
    presets.close();
  }

  return {
    async start() {
      try {
        const begun = Promise.all([...locals.first().map(({ load }) => load()), upstreams()?.follow(directory)]);
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
    started: () => starting,
    isLeaving: () => isLeaving,
    isOver: () => isOver,
    leave() {
      isLeaving = true;
    },
    stop,
  };
}
