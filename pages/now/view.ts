import type { LiveEvent, LiveHistory, LivePoint, LiveSnapshot } from "../../src/live/snapshot.ts";
import type { StreamState } from "../api/events.ts";

/** So many seconds are kept, as in the gateway. */
const MAX_POINTS = 900;
const MAX_EVENTS = 256;

/** What the gateway told so far. */
export type LiveView = {
  readonly state: StreamState;
  readonly snapshot: LiveSnapshot | undefined;
  /** Whether the snapshot is of an earlier connection: the gateway may be another since. */
  readonly isOld: boolean;
  readonly points: readonly LivePoint[];
  readonly events: readonly LiveEvent[];
};

/** What is shown becomes old with its connection, and stays so until the next one's first snapshot. */
export function withState(before: LiveView, state: StreamState): LiveView {
  return { ...before, state, isOld: before.isOld || state.type !== "live" };
}

/** The gateway's own memory counts: it goes further back than the page. */
export function withHistory(before: LiveView, { points, events }: LiveHistory): LiveView {
  return { ...before, points, events };
}

export function withSnapshot(before: LiveView, snapshot: LiveSnapshot): LiveView {
  const last = before.points.at(-1);
  const isNew = last === undefined || snapshot.point.at > last.at;
  const fresh = snapshot.events.filter(
    ({ at, model, state }) =>
      !before.events.some((known) => known.at === at && known.model === model && known.state === state),
  );
  return {
    ...before,
    snapshot,
    isOld: false,
    points: isNew ? [...before.points, snapshot.point].slice(-MAX_POINTS) : before.points,
    events: fresh.length === 0 ? before.events : [...before.events, ...fresh].slice(-MAX_EVENTS),
  };
}
