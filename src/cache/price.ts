import type { TimedEvent } from "./entry.ts";

/** Returns a stored answer's events with the full cost of a generation, as if they were no replay. */
export function atFullPrice(events: readonly TimedEvent[]): readonly TimedEvent[] {
  return events.map((timed) => {
    const { event } = timed;
    return event.type === "started" ? { ...timed, event: { ...event, isReplay: false } } : timed;
  });
}
