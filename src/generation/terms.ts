/** The order in which waiting requests have their turns: interactive ones first. */
export const PRIORITIES = ["interactive", "default", "batch"] as const;

export type Priority = (typeof PRIORITIES)[number];

/** What a request is told of its wait. */
export type WaitNews =
  | {
      readonly type: "waiting";
      /** How many requests are likely to have their turns before it, itself included: 1 is the next. */
      readonly position: number;
      /** When its first token is likely to come, in ms from now. */
      readonly etaMs: number;
    }
  | {
      readonly type: "admitted";
      /** How long it waited for its turn, in ms. */
      readonly waitedMs: number;
      /** Its position when it came; 0 where it had its turn at once. */
      readonly position: number;
    };

/** Tokens that a generation took. */
export type Spent = { readonly prompt: number; readonly cached: number; readonly completion: number };

/** Sets a request that runs aside, and has it go on where it was. */
export type Hold = {
  /** Frees what it runs in. Its events come to a halt. False where it can't be now, and goes on. */
  readonly pause: () => boolean;
  readonly resume: () => void;
};

/** Who asks, and on what terms the request waits for its turn. */
export type Terms = {
  /** Whose request it is: the requests of one tenant share that tenant's turns. */
  readonly tenant: string;
  readonly priority: Priority;
  /** At most so long until the first token, in ms from now; undefined is however long it takes. */
  readonly maxWaitMs?: number;
  /**
   * A later request of the same tenant with the same id takes this one's place, whether it waits or runs. Generations that share their
   * request's `id`, as those of a batch of prompts do, are parts of one: none takes another's place, and all of them give way together.
   */
  readonly supersedeId?: string;
  /** It was refused before, and has come back when it was told to: its turn comes before its tenant's others. The queue's own mark. */
  readonly isReturning?: boolean;
  /** Nobody waits for it: it runs only while nobody else is served, and ends when somebody comes. */
  readonly isWarmUp?: boolean;
  /** Called when the limits of its key have let it in. */
  readonly onAccepted?: () => void;
  /** Called where nobody reads on, with what was spent and no event told of. */
  readonly onLeft?: (spent: Spent) => void;
  /** Called when an engine has taken the request, where it can set it aside. The queue's own. */
  readonly onTaken?: (hold: Hold) => void;
  /** Called at most once a second while the request waits, and once when its turn has come. */
  readonly onWait?: (news: WaitNews) => void;
};

/** Terms for requests that come without any: from inside the gateway, or where nobody needs a key. */
export const OWN_TERMS: Terms = { tenant: "local", priority: "default" };
