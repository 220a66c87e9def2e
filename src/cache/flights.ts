import type { GenerationEvent } from "../generation/event.ts";
import type { Generate } from "../generation/layer.ts";
import type { Observe } from "../generation/news.ts";
import type { GenerationRequest } from "../generation/request.ts";
import { OWN_TERMS, type Terms } from "../generation/terms.ts";
import type { TimedEvent } from "./entry.ts";
import { createFlight, type Flight, type Recording } from "./flight.ts";
import { type Leases, leased } from "./leases.ts";
import type { AnswerStore, StoredEntry } from "./store.ts";
import type { Sought } from "./tier.ts";

/** A request to be generated, with the key of its answer. */
export type Passenger = Sought & {
  readonly next: Generate;
  /** Whether it may share a running generation, here or on another gateway. */
  readonly mayJoin: boolean;
};

export type FlightsOptions = {
  readonly store: Pick<AnswerStore, "put" | "entry">;
  /** Lets one of several gateways generate an answer; undefined if there is only one gateway. */
  readonly leases?: Leases | undefined;
  /** Called with each answer that was generated and stored. */
  readonly onStored?: (sought: Sought, entry: StoredEntry) => void;
};

/** The running generations, by the keys of their answers. */
export type Flights = {
  /** Starts a generation, which later requests may join, and stores its answer when it is complete. */
  readonly lead: (passenger: Passenger) => AsyncIterator<GenerationEvent>;
  /** Joins a running generation. Undefined if there is none that the request may join. */
  readonly join: (passenger: Passenger) => AsyncIterator<GenerationEvent> | undefined;
  /** Starts a generation without listeners, unless one with the same key is running. */
  readonly renew: (passenger: Passenger) => void;
};

type Running = { readonly flight: Flight; readonly terms: Terms; readonly waiting: Set<Observe> };

export function createFlights({ store, leases, onStored }: FlightsOptions): Flights {
  const running = new Map<string, Running>();

  function keep(passenger: Passenger, recording: Recording): void {
    const { key, label, request } = passenger;
    if (!store.put(key, withTimes(recording), label, request.cache?.freshSeconds)) return;
    const entry = store.entry(key);
    if (entry !== undefined) onStored?.(passenger, entry);
  }

  function begin(passenger: Passenger, terms: Terms, isOwn: boolean): Flight {
    const { key, request, next, mayJoin } = passenger;
    const own = isOwn ? undefined : request.observe;
    const waiting = new Set(own === undefined ? [] : [own]);
    // All listeners share the wait for the queue; other news goes only to the request that started the generation.
    const observe: Observe = (news) => {
      if (news.type !== "waiting" && news.type !== "admitted") own?.(news);
      else for (const tell of waiting) tell(news);
    };
    const generate = (signal: AbortSignal, waitedMs = 0) =>
      next({ ...request, signal, observe, terms: later(terms, waitedMs) });
    // A generation that a later request may supersede would end for its other listeners too.
    const isAlone = terms.supersedeId !== undefined;
    const lease =
      leases === undefined || isAlone || !mayJoin
        ? undefined
        : leased(leases, { ...passenger, request: { ...request, terms } }, generate);
    const flight = createFlight({
      isOwn,
      run: lease?.run ?? generate,
      onEnd(recording) {
        if (running.get(key)?.flight === flight) running.delete(key);
        const isNew = recording !== undefined && lease?.isTaken() !== true && isWhole(recording, request);
        if (isNew) keep(passenger, recording);
        lease?.end();
      },
    });
    if (!isAlone) running.set(key, { flight, terms, waiting });
    return flight;
  }

  return {
    lead(passenger) {
      const { terms = OWN_TERMS, signal } = passenger.request;
      return begin(passenger, terms, false).listen(signal);
    },
    join({ key, request: { terms = OWN_TERMS, signal, observe } }) {
      const found = running.get(key);
      if (found === undefined || !found.flight.isOpen() || terms.supersedeId !== undefined) return undefined;
      if (!found.flight.hasStarted() && !waitsAlike(found.terms, terms)) return undefined;
      if (observe !== undefined) found.waiting.add(observe);
      return found.flight.listen(signal, { isLate: true });
    },
    renew(passenger) {
      if (running.has(passenger.key)) return;
      const { tenant } = passenger.request.terms ?? OWN_TERMS;
      begin(passenger, { tenant, priority: "batch" }, true);
    },
  };
}

/** Whether two requests wait in the queue on the same terms. A generation waits on the terms of the request that started it. */
function waitsAlike(a: Terms, b: Terms): boolean {
  return a.priority === b.priority && a.maxWaitMs === b.maxWaitMs;
}

/** The terms of a request that has already waited for `waitedMs`. */
function later(terms: Terms, waitedMs: number): Terms {
  return terms.maxWaitMs === undefined ? terms : { ...terms, maxWaitMs: Math.max(0, terms.maxWaitMs - waitedMs) };
}

/** Whether the answer is complete. */
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
