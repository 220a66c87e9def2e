import type { GenerationEvent } from "../generation/event.ts";
import type { Generate } from "../generation/layer.ts";
import type { GenerationRequest } from "../generation/request.ts";
import { OWN_TERMS, type Terms, type WaitNews } from "../generation/terms.ts";
import type { TimedEvent } from "./entry.ts";
import { createFlight, type Flight, type Recording } from "./flight.ts";
import type { AnswerStore, Label } from "./store.ts";

/** A request that is to be generated, and where its answer goes. */
export type Passenger = {
  readonly key: string;
  readonly label: Label;
  readonly request: GenerationRequest;
  readonly next: Generate;
};

/** The generations that run now, by the keys of their answers. */
export type Flights = {
  /** Begins a generation, which later requests may join, and stores its answer when it has come to its end. */
  readonly lead: (passenger: Passenger) => AsyncIterator<GenerationEvent>;
  /** Joins the one that runs; undefined where there is none that serves the request as well as one of its own would. */
  readonly join: (passenger: Passenger) => AsyncIterator<GenerationEvent> | undefined;
  /** Begins one that nobody waits for, unless one runs. */
  readonly renew: (passenger: Passenger) => void;
};

type Running = { readonly flight: Flight; readonly terms: Terms; readonly onWait: Set<(news: WaitNews) => void> };

export function createFlights(store: Pick<AnswerStore, "put">): Flights {
  const running = new Map<string, Running>();

  function begin({ key, label, request, next }: Passenger, terms: Terms, isOwn: boolean): Flight {
    const onWait = new Set(terms.onWait === undefined ? [] : [terms.onWait]);
    const tellAll = (news: WaitNews) => {
      for (const tell of onWait) tell(news);
    };
    const flight = createFlight({
      isOwn,
      run: (signal) => next({ ...request, signal, terms: { ...terms, onWait: tellAll } }),
      onEnd(recording) {
        if (running.get(key)?.flight === flight) running.delete(key);
        if (recording === undefined || !isWhole(recording, request)) return;
        store.put(key, withTimes(recording), label, request.cache?.freshSeconds);
      },
    });
    // One that may have to give way to another would take its company along.
    if (terms.supersedeId === undefined) running.set(key, { flight, terms, onWait });
    return flight;
  }

  return {
    lead(passenger) {
      const { terms = OWN_TERMS, signal } = passenger.request;
      return begin(passenger, terms, false).listen(signal);
    },
    join({ key, request: { terms = OWN_TERMS, signal } }) {
      const found = running.get(key);
      if (found === undefined || !found.flight.isOpen() || terms.supersedeId !== undefined) return undefined;
      if (!found.flight.hasStarted() && !waitsAlike(found.terms, terms)) return undefined;
      if (terms.onWait !== undefined) found.onWait.add(terms.onWait);
      return found.flight.listen(signal, { isLate: true });
    },
    renew(passenger) {
      if (running.has(passenger.key)) return;
      const { tenant } = passenger.request.terms ?? OWN_TERMS;
      begin(passenger, { tenant, priority: "batch" }, true);
    },
  };
}

/** Before its turn a generation waits on the terms of the one who began it. */
function waitsAlike(a: Terms, b: Terms): boolean {
  return a.priority === b.priority && a.maxWaitMs === b.maxWaitMs;
}

/** An answer that only stopped coming is none. */
function isWhole({ events }: Recording, { choices }: GenerationRequest): boolean {
  const finished = events.filter(({ type }) => type === "finished").length;
  return events[0]?.type === "started" && finished === choices;
}

function withTimes({ events, timesMs }: Recording): TimedEvent[] {
  return events.map((event, index) => {
    const atMs = timesMs[index] ?? 0;
    return { event, afterMs: atMs - (timesMs[index - 1] ?? atMs) };
  });
}
