import type { Entry } from "../fairness/lanes.ts";
import type { PromptPrice } from "../generation/model.ts";
import type { WaitNews } from "../generation/news.ts";
import type { Hold, Priority } from "../generation/terms.ts";
import type { Lease } from "./held-slots.ts";
import type { Demand, RunMeter } from "./price.ts";
import type { Waiting } from "./waits.ts";

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

/** A job on its way: it waits, runs, may be set aside and go on, and leaves. */
export type Task = {
  readonly job: Job;
  readonly arrivedMs: number;
  readonly waiting: Waiting;
  state: "waiting" | "running" | "aside" | "left";
  /** In the queue, and after its turn what it was charged for. */
  entry: Entry<Task> | undefined;
  /** Where it stood when it came, and how long what was before it should have taken; 0 where its turn came at once. */
  position: number;
  reckonedMs: number;
  /** Choices that have not ended. */
  choices: number;
  /** From its first turn on. */
  meter: RunMeter | undefined;
  /** The slots that it holds, while it runs. */
  lease: Lease | undefined;
  /** Sets it aside in the engine; undefined until that has taken it. */
  hold: Hold | undefined;
  /** For how long it held slots in its earlier turns, and what its tenant was charged for them. */
  earlierMs: number;
  earlierCost: number;
  /** For how long it went on in its earlier turns, without what it took to come to where it had been. */
  earlierSpokenMs: number;
  /** When it first said something in this turn. */
  spokeMs: number | undefined;
  /** While it is aside: from then on it goes on before others, where there is a place for one of its kind. */
  backMs: number;
};

export function createTask(of: Pick<Task, "job" | "arrivedMs" | "waiting">): Task {
  return {
    ...of,
    ...{ state: "waiting", choices: of.job.choices, position: 0, reckonedMs: 0, backMs: 0 },
    ...{ entry: undefined, meter: undefined, lease: undefined, hold: undefined, spokeMs: undefined },
    ...{ earlierMs: 0, earlierCost: 0, earlierSpokenMs: 0 },
  };
}
