import type { TraceContext } from "./trace.ts";

/** The classes of waiting requests, first the one with the earliest turns. */
export const PRIORITIES = ["interactive", "default", "batch"] as const;

export type Priority = (typeof PRIORITIES)[number];

/** Returns the lower of two priorities. */
export function lowerOf(one: Priority, other: Priority): Priority {
  return PRIORITIES.indexOf(one) > PRIORITIES.indexOf(other) ? one : other;
}

/** Pauses and resumes a running request. */
export type Hold = {
  /** Frees its slots and halts its events. Returns false, and lets it go on, if it can't be paused now. */
  readonly pause: () => boolean;
  readonly resume: () => void;
};

/** An answer of another server that is there already, because it was asked for in a batch. */
export type Replay = {
  readonly status: number;
  /** JSON. */
  readonly body: string;
};

/** A request's tenant, and the terms on which it waits for its turn. */
export type Terms = {
  /** The tenant of the request. All requests of a tenant share its turns in the queue. */
  readonly tenant: string;
  readonly priority: Priority;
  /** The part of the tenant that it is for. Each has turns in the queue as if it were a tenant. */
  readonly flow?: string;
  /** The maximum time to the first token, in ms from now; undefined means no limit. */
  readonly maxWaitMs?: number;
  /** Of class batch: until when it rests while others are there, in Unix ms. Then it goes on slowly. Undefined means the usual time. */
  readonly restUntilMs?: number;
  /** It must not be sent to an upstream that is not local. */
  readonly localOnly?: boolean;
  /** What its upstream has answered already. */
  readonly replay?: Replay;
  /** The ids of the gateways that it has passed through before this one; undefined means none. */
  readonly via?: readonly string[];
  /** The conversation that it belongs to, as the client calls it: requests of one are best answered in one place. */
  readonly session?: string;
  /** Its place in a trace, which other servers are told, too. */
  readonly trace?: TraceContext;
  /**
   * A later request of the same tenant with the same id replaces this one, whether it waits or runs. Generations with the same request `id`,
   * such as those of a batch of prompts, belong together: they don't replace each other, and are all replaced at once.
   */
  readonly supersedeId?: string;
  /** It was refused before and returned at the announced time, so it comes before its tenant's others. Set by the queue. */
  readonly isReturning?: boolean;
  /** No client waits for it: it runs only while the gateway is idle, and ends when a request arrives. */
  readonly isWarmUp?: boolean;
  /** Called when an engine that can pause the request has accepted it. Set by the queue. */
  readonly onTaken?: (hold: Hold) => void;
  /** Which of the model's replicas answers it; absent if there is only one. Set by the queue. */
  readonly place?: number;
};

/** Whose turns a request takes in a queue. */
export function sharerOf({ tenant, flow }: Pick<Terms, "tenant" | "flow">): string {
  // No tenant has a line break in its id.
  return flow === undefined ? tenant : `${tenant}\n${flow}`;
}

/** The terms of requests without any: from the gateway itself, or if no key is needed. */
export const OWN_TERMS: Terms = { tenant: "local", priority: "default" };
