import { type Clock, systemClock } from "../clock.ts";
import type { Watch } from "../generation/watch.ts";
import { describeModel, describeQueued, type LiveBackend, type NameOf } from "./describe.ts";
import { createSlotRates } from "./slot-rates.ts";
import type {
  LiveBatch,
  LiveCache,
  LiveHistory,
  LiveModel,
  LivePoint,
  LiveQueued,
  LiveRoute,
  LiveSnapshot,
} from "./snapshot.ts";
import type { StateLog } from "./state-log.ts";
import { type Beat, createTempo, type Tempo } from "./tempo.ts";

/** What snapshots are made of. */
export type LiveSources = {
  readonly models: () => readonly LiveBackend[];
  readonly batches: () => readonly LiveBatch[];
  readonly routes: () => readonly LiveRoute[];
  readonly cache: () => LiveCache | undefined;
  /** In bytes. The budget is undefined where nothing bounds it. */
  readonly memory: () => { readonly models: number; readonly budget: number | undefined };
  readonly follow: Watch["follow"];
  readonly states: StateLog;
  readonly nameOf: NameOf;
  readonly version: string;
  readonly clock?: Clock;
  /** The time in Unix ms; `Date.now` if absent. */
  readonly now?: () => number;
};

/** Who looks. Each frame is a whole server-sent event. */
export type Viewer = {
  /** Replaces the snapshot before, if that was not read yet. */
  readonly show: (frame: string) => void;
  /** There will be no more. */
  readonly end: () => void;
};

export type Live = {
  /** Shows a snapshot a second, until `leave` is called. `first` comes before: what was seen already. Undefined if too many look. */
  readonly watch: (viewer: Viewer) => { readonly first: string; readonly leave: () => void } | undefined;
  readonly close: () => void;
};

const SECOND_MS = 1_000;
/** A quarter of an hour of seconds that were looked at. */
const MAX_POINTS = 900;
const MAX_VIEWERS = 64;
/** Of each model. */
const MAX_QUEUED = 64;
/** So long it goes on when nobody looks any more: a page that is loaded again misses nothing. */
const LINGER_SECONDS = 10;

/** Makes one snapshot a second for all who look, and none while nobody does. */
export function createLive(sources: LiveSources): Live {
  const { follow, states, clock = systemClock, now = Date.now, version } = sources;
  const viewers = new Set<Viewer>();
  const startedAt = Math.round(now() - process.uptime() * 1_000);
  const slots = createSlotRates(clock.now);
  let points: LivePoint[] = [];
  let seen = states.since(0).seen;
  let idleSeconds = 0;
  /** What runs while somebody looks. */
  let running: { readonly tempo: Tempo; readonly stop: () => void } | undefined;
  let isClosed = false;

  function begin(): void {
    const tempo = createTempo();
    const forget = follow(tempo.follow);
    let nextMs = clock.now() + SECOND_MS;
    const tick = () => {
      // So that seconds don't drift; those that were missed, such as while the machine slept, are left out.
      nextMs = Math.max(nextMs + SECOND_MS, clock.now() + SECOND_MS / 2);
      cancel = clock.after(nextMs - clock.now(), tick);
      second(tempo);
    };
    let cancel = clock.after(SECOND_MS, tick);
    slots.ask(ready());
    running = {
      tempo,
      stop() {
        cancel();
        forget();
      },
    };
  }

  function stop(): void {
    running?.stop();
    running = undefined;
  }

  function second(tempo: Tempo): void {
    idleSeconds = viewers.size > 0 ? 0 : idleSeconds + 1;
    if (idleSeconds >= LINGER_SECONDS) {
      stop();
      return;
    }
    const snapshot = look(tempo.beat());
    points = [...points.slice(-(MAX_POINTS - 1)), snapshot.point];
    slots.ask(ready());
    if (viewers.size === 0) return;
    const frame = frameOf("snapshot", snapshot);
    for (const viewer of viewers) viewer.show(frame);
  }

  function ready(): readonly LiveBackend[] {
    return sources.models().filter(({ state, slots: ask }) => ask !== undefined && state() === "ready");
  }

  function look(beat: Beat): LiveSnapshot {
    const { nameOf } = sources;
    const models = sources.models().map((model) => {
      const rated = slots.of(model.id);
      // Each is the least that it can have been: a sequence may end between two looks, and may have begun before anybody looked.
      const bySlots = rated.reduce((sum, { tokensPerSecond = 0 }) => sum + tokensPerSecond, 0);
      const tokensPerSecond = Math.max(bySlots, beat.tokensByModel.get(model.id) ?? 0);
      return describeModel(model, rated, { tokensPerSecond, waitRatio: beat.waitRatios.get(model.id) }, nameOf);
    });
    const { events, seen: total } = states.since(seen);
    seen = total;
    const memory = sources.memory();
    const queue = sources
      .models()
      .flatMap(({ id, queued }) => queued?.(MAX_QUEUED).map((each) => describeQueued(id, each, nameOf)) ?? []);
    return {
      object: "live.snapshot",
      version,
      started_at: startedAt,
      point: pointOf(beat, models, queue, now()),
      models,
      queue,
      batches: [...sources.batches()],
      routes: [...sources.routes()],
      cache: sources.cache() ?? null,
      memory: {
        process_bytes: process.memoryUsage.rss(),
        models_bytes: memory.models,
        budget_bytes: memory.budget ?? null,
      },
      events: [...events],
    };
  }

  function historyFrame(): string {
    const oldest = now() - MAX_POINTS * SECOND_MS;
    points = points.filter(({ at }) => at >= oldest);
    const history: LiveHistory = { object: "live.history", points, events: [...states.since(0).events] };
    return frameOf("history", history);
  }

  return {
    watch(viewer) {
      if (isClosed || viewers.size >= MAX_VIEWERS) return undefined;
      viewers.add(viewer);
      if (running === undefined) begin();
      return { first: historyFrame(), leave: () => void viewers.delete(viewer) };
    },
    close() {
      isClosed = true;
      stop();
      for (const viewer of viewers) viewer.end();
      viewers.clear();
    },
  };
}

function pointOf(beat: Beat, models: readonly LiveModel[], queue: readonly LiveQueued[], at: number): LivePoint {
  const sum = (of: "waiting" | "tokens_per_second") => models.reduce((total, model) => total + model[of], 0);
  return {
    at,
    tokens_per_second: Math.max(sum("tokens_per_second"), beat.generatedTokens),
    prompt_tokens_per_second: beat.promptTokens,
    first_token_ms: beat.firstTokenMs === undefined ? null : [...beat.firstTokenMs],
    between_tokens_ms: beat.betweenTokensMs === undefined ? null : [...beat.betweenTokensMs],
    waiting: sum("waiting"),
    running: models.reduce((total, model) => total + requestsIn(model, queue), 0),
    ended: beat.ended,
    failed: beat.failed,
  };
}

/** Requests that run at a model: what the gateway evaluates for itself, such as its presets, is in none of its lists. */
function requestsIn({ id, running, slots }: LiveModel, queue: readonly LiveQueued[]): number {
  const listed = queue.filter(({ model }) => model === id);
  if (slots.length === 0 || listed.length >= MAX_QUEUED) return running;
  return Math.min(running, listed.filter(({ state }) => state === "running").length);
}

function frameOf(event: string, data: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
