import type { PromptPrice } from "../generation/model.ts";
import type { WaitNews } from "../generation/news.ts";
import type { Hold, Priority } from "../generation/terms.ts";
import type { Demand } from "./price.ts";

/** A request that wants its turn. */
export type Job = Demand & {
  readonly priority: Priority;
  /** At most so long until its turn; undefined is however long it takes. */
  readonly maxWaitMs?: number | undefined;
  /** Its turn comes before others of its tenant and class, but for those of which the same is said. */
  readonly isFirst?: boolean | undefined;
  /** Nobody waits for it, so that its tenant is not here for its sake, and others need not leave room. */
  readonly isWarmUp?: boolean | undefined;
  /** Its turn has come. Called once at most, from within `arrive` where nothing is in its way. */
  readonly onTurn: () => void;
  /** It has waited as long as it may, or the engine says that it can never be answered. It is out of the queue. */
  readonly onRefused: (error: unknown) => void;
  readonly onWait?: ((news: WaitNews) => void) | undefined;
  /** What the engine knows of the prompt; asked where the job must wait. */
  readonly askPrice?: (() => Promise<PromptPrice>) | undefined;
  /** Whether nobody has taken what the engine says for long, so that it may have ended unseen. Asked while others wait. */
  readonly isStalled?: (() => boolean) | undefined;
};

/** A job's time here, waiting and then running. Whatever is told of one that has left is dropped. */
export type JobHandle = {
  /** Ends it, in whatever state: out of the queue, or its slots are free. Harmless when called again. */
  leave(): void;
  /** The engine has begun. @param prompt undefined where that is not known yet */
  started(prompt: PromptPrice | undefined): void;
  /** The engine can set it aside, for others that wait. */
  taken(hold: Hold): void;
  /** A text came. @param gapMs since the one before it, where that says how fast the engine is */
  text(gapMs: number | undefined): void;
  /** One of its choices has ended, and its slot is free. @param completionTokens undefined where that is not known yet */
  choiceEnded(completionTokens: number | undefined): void;
};
