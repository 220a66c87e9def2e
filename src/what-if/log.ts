import type { Priority } from "../generation/terms.ts";

/** A request as the simulation knows it: lengths, times and names that stand for somebody, no text. */
export type LoggedRequest = {
  /** When it came, in ms. */
  readonly atMs: number;
  readonly tenant: string;
  readonly class: Priority;
  /** Requests with the same one are best answered in one place. */
  readonly session: string;
  readonly promptTokens: number;
  /** Those that were evaluated. */
  readonly prefillTokens: number;
  readonly completionTokens: number;
  readonly choices: number;
  readonly maxTokens: number | undefined;
  /** As it was measured: from its beginning to its first token. */
  readonly firstTokenMs: number;
  /** Of that, the time until its turn, and from then on. */
  readonly waitMs: number;
  readonly prefillMs: number;
  /** From its first token to its last. */
  readonly decodeMs: number;
  /** The mean number of others that ran while it was decoded. */
  readonly others: number;
  /** In US dollars; undefined if it isn't known. */
  readonly cost: number | undefined;
};

/** How much longer than usual one request's work took: its prompt was the first after a load, or the machine was busy elsewhere. */
export type Effort = { readonly prefill: number; readonly decode: number };

/** How a model's queue is set up. */
export type Setting = {
  readonly slots: number;
  readonly minSlots: number;
  readonly targetItlMs: number;
  readonly maxPending: number;
  readonly maxPendingTokens: number;
  readonly maxWaitMs: number;
  /** Engines that answer for the model, each with slots and a queue of its own. */
  readonly replicas: number;
  /** Another server that answers if the first token would come later than `afterMs`. */
  readonly spill: Spill | undefined;
  /** How much more often requests come. */
  readonly traffic: number;
};

export type Spill = {
  readonly afterMs: number;
  /** Its own time to the first token. */
  readonly firstTokenMs: number;
  /** In US dollars for a million tokens. */
  readonly promptPrice: number;
  readonly completionPrice: number;
};

/** How fast an engine is. */
export type Pace = {
  /** For each token of a prompt. */
  readonly prefillMs: number;
  /** A step of one sequence, and what each further one adds. */
  readonly stepMs: number;
  readonly furtherMs: number;
  /** What passes beside the queue and the engine before the first token. */
  readonly overheadMs: number;
};
