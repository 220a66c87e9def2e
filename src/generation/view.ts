import type { Priority } from "./terms.ts";

/** A request as operators may see it: never its text. */
type Seen = {
  readonly requestId: string;
  readonly tenant: string;
  readonly priority: Priority;
};

/** A request in a model's queue, or past it. */
export type QueuedView = Seen & {
  /** `aside`: it has begun, and gave its slot to another for now. */
  readonly state: "waiting" | "running" | "aside";
  /** Its likely position in the order of turns while it waits: 1 is the next. */
  readonly position?: number;
  /** How long it has waited for its turn, or had to, in ms. */
  readonly waitedMs: number;
  /** The time to the first token that it was promised when it came, in ms; absent if it began at once. */
  readonly promisedMs?: number;
  /** The expected time to its first token while it waits, in ms from now. */
  readonly etaMs?: number;
};

/** A slot of an engine, and the sequence that it works on. */
export type SlotView = {
  readonly index: number;
  /** Tokens in the KV cache: a prefix for the next request, where there is no sequence. */
  readonly heldTokens: number;
  readonly sequence?: Seen & {
    readonly choice: number;
    /** What is evaluated before the first token. */
    readonly promptTokens: number;
    /** How many of these tokens the slot has. */
    readonly prefilledTokens: number;
    /** How many of them needn't be evaluated, since they were held already. */
    readonly cachedTokens: number;
    readonly generatedTokens: number;
  };
};
