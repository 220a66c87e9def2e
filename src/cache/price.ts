import type { TimedEvent } from "./entry.ts";

/** A stored answer for a request that pays as if it were generated for that one alone. */
export function atFullPrice(events: readonly TimedEvent[]): readonly TimedEvent[] {
  return events.map((timed) => {
    const { event } = timed;
    return event.type === "started" ? { ...timed, event: { ...event, isReplay: false } } : timed;
  });
}
