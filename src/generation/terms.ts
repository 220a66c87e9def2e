/** The order in which waiting requests have their turns: interactive ones first. */
export const PRIORITIES = ["interactive", "default", "batch"] as const;

export type Priority = (typeof PRIORITIES)[number];

/** The one of the two whose turn comes later. */
export function lowerOf(one: Priority, other: Priority): Priority {
  return PRIORITIES.indexOf(one) > PRIORITIES.indexOf(other) ? one : other;
}

/** Sets a request that runs aside, and has it go on where it was. */
export type Hold = {
  /** Frees what it runs in. Its events come to a halt. False where it can't be now, and goes on. */
  readonly pause: () => boolean;
  readonly resume: () => void;
};

/** Who asks, and on what terms the request waits for its turn. */
export type Terms = {
  /** The tenant of the request. All requests of a tenant share its turns in the queue. */
  readonly tenant: string;
  readonly priority: Priority;
  /** At most so long until the first token, in ms from now; undefined is however long it takes. */
  readonly maxWaitMs?: number;
  /** It must not be sent to another provider. */
  readonly localOnly?: boolean;
  /**
   * A later request of the same tenant with the same id takes this one's place, whether it waits or runs. Generations that share their
   * request's `id`, as those of a batch of prompts do, are parts of one: none takes another's place, and all of them give way together.
   */
  readonly supersedeId?: string;
  /** It was refused before, and has come back when it was told to: its turn comes before its tenant's others. The queue's own mark. */
  readonly isReturning?: boolean;
  /** Nobody waits for it: it runs only while nobody else is served, and ends when somebody comes. */
  readonly isWarmUp?: boolean;
  /** Called when an engine has taken the request, where it can set it aside. The queue's own. */
  readonly onTaken?: (hold: Hold) => void;
};

/** Terms for requests that come without any: from inside the gateway, or where nobody needs a key. */
export const OWN_TERMS: Terms = { tenant: "local", priority: "default" };
