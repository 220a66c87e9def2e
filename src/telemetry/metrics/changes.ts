import type { BackendState } from "../../generation/backend.ts";
import { followStates } from "../../generation/follow-states.ts";
import { SLUICE } from "./families.ts";
import type { Models } from "./models.ts";
import type { Metrics } from "./registry.ts";

/** Hears of a model's new state. */
type Hear = (state: BackendState) => void;

/**
 * Counts loads, unloads and restarts of models while they are served, and how often upstreams are left alone. Returns what ends it.
 *
 * @param now the time, by a monotonic clock in ms
 */
export function countChanges(metrics: Metrics, { list, onChange }: Models, now: () => number): () => void {
  const here = () => list().filter(({ upstream }) => upstream === undefined);
  // The model goes on while one of its replicas is started again.
  const processes = () =>
    here().map(({ id, replicas, onStateChange }) => ({ id, onStateChange: replicas?.onStateChange ?? onStateChange }));
  // An upstream's models all tell of the same changes, which count once.
  const servers = () =>
    list().flatMap(({ upstream, onStateChange }) =>
      upstream === undefined ? [] : { id: upstream.name, onStateChange },
    );
  const stops = [
    followStates({ list: processes, onChange }, ({ id }) => countEach(metrics, SLUICE.restarts, id)),
    followStates({ list: here, onChange }, ({ id, state }) => countLoads(metrics, id, state(), now)),
    followStates({ list: servers, onChange }, ({ id }) => countEach(metrics, SLUICE.upstreamBreaks, id)),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

/** Counts how often it must be restarted, or is left alone. */
function countEach(metrics: Metrics, family: (typeof SLUICE)["restarts" | "upstreamBreaks"], label: string): Hear {
  const count = metrics.value(family, label);
  return (state) => {
    if (state === "restarting") count.add(1);
  };
}

function countLoads(metrics: Metrics, id: string, first: BackendState, now: () => number): Hear {
  const unloads = metrics.value(SLUICE.unloads, id);
  const loaded = metrics.value(SLUICE.loads, id, "loaded");
  const failed = metrics.value(SLUICE.loads, id, "failed");
  const loadTime = metrics.distribution(SLUICE.loadTime, id);
  let before = first;
  let sinceMs = now();
  return (state) => {
    if (state === "ready" && before === "loading") {
      loaded.add(1);
      loadTime.observe((now() - sinceMs) / 1_000);
    }
    if (state === "failed" && before === "loading") failed.add(1);
    if (state === "unloaded" && before !== "loading" && before !== "failed") unloads.add(1);
    if (state === "loading") sinceMs = now();
    before = state;
  };
}
