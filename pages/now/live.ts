import { signal } from "@preact/signals";
import { followEvents } from "../api/events.ts";
import { type LiveView, withHistory, withSnapshot, withState } from "./view.ts";

const NOTHING_YET: LiveView = {
  ...{ state: { type: "connecting" }, snapshot: undefined, isOld: false, points: [], events: [] },
};

export const view = signal<LiveView>(NOTHING_YET);

/** Follows the gateway until the returned function is called. */
export function follow(): () => void {
  const left = new AbortController();
  void followEvents(
    "/admin/live",
    {
      onState(state) {
        if (state.type !== view.peek().state.type || state.type === "waiting")
          view.value = withState(view.peek(), state);
      },
      onEvent({ event, data }) {
        if (event === "history") view.value = withHistory(view.peek(), JSON.parse(data));
        else if (event === "snapshot") view.value = withSnapshot(view.peek(), JSON.parse(data));
      },
    },
    left.signal,
  );
  return () => {
    left.abort();
    view.value = NOTHING_YET;
  };
}
