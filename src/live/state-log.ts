import type { Backend } from "../generation/backend.ts";
import { type Backends, followStates } from "../generation/follow-states.ts";
import type { LiveEvent } from "./snapshot.ts";

/** When models were loaded, unloaded, and started again. Kept from the gateway's start on, since it is rare and little. */
export type StateLog = {
  /** The changes after the first `seen` ones, oldest first, and how many there were in all. */
  readonly since: (seen: number) => { readonly events: readonly LiveEvent[]; readonly seen: number };
  readonly close: () => void;
};

const MAX_EVENTS = 256;

/** @param now the time in Unix ms */
export function openStateLog(
  models: Backends<Pick<Backend, "id" | "onStateChange">>,
  now: () => number = Date.now,
): StateLog {
  let events: LiveEvent[] = [];
  let total = 0;
  const close = followStates(models, ({ id: model }) => (state) => {
    events = [...events, { at: now(), model, state }].slice(-MAX_EVENTS);
    total += 1;
  });
  return {
    since: (seen) => ({ events: total === seen ? [] : events.slice(-Math.min(MAX_EVENTS, total - seen)), seen: total }),
    close,
  };
}
