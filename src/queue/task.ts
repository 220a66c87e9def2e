import type { Entry } from "../fairness/lanes.ts";
import type { PromptPrice } from "../generation/model.ts";
import type { WaitNews } from "../generation/news.ts";
import type { Hold, Priority } from "../generation/terms.ts";
import type { Lease } from "./held-slots.ts";
import type { Demand, RunMeter } from "./price.ts";
import type { Piece } from "./prompt-pieces.ts";
import type { Waiting } from "./waits.ts";

/** A request that waits for its turn. */
export type Job = Demand & {
  /** Of the request; absent for what nobody looks at. */
  readonly id?: string | undefined;
  readonly priority: Priority;
  /** The longest wait for its turn; undefined means no limit. */
  readonly maxWaitMs?: number | undefined;
  /** Whether its turn comes before others of its tenant and class. */
  readonly isFirst?: boolean | undefined;
  /** Whether it is the warm-up: its tenant then doesn't count as active, so others need not leave room for it. */
  readonly isWarmUp?: boolean | undefined;
  /** Its prompt in pieces; asked for only where several replicas may take it. */
  readonly pieces?: (() => readonly Piece[]) | undefined;
  /**
   * Its turn has come. Called at most once, from within `arrive` if there is room at once.
   * @param place the replica that takes it, where there are several
   */
  readonly onTurn: (place?: number) => void;
  /** It has waited as long as it may, or the engine says that it can never be answered. It is no longer in the queue. */
  readonly onRefused: (error: unknown) => void;
  readonly onWait?: ((news: WaitNews) => void) | undefined;
  /** Asks the engine for the prompt's size; called if the job must wait. */
  readonly askPrice?: ((place?: number) => Promise<PromptPrice>) | undefined;
  /** Whether the reader has taken nothing for long, so the engine may have finished already. Called while others wait. */
  readonly isStalled?: (() => boolean) | undefined;
};

/** Reports a job's progress to the queue. Reports after it has left are ignored. */
export type JobHandle = {
  /** Ends it in any state: it leaves the queue, or its slots are free. May be called again. */
  leave(): void;
  /** While it waits: in how many ms its first token is likely, guessed where nothing was measured. @param heldShare as of `ModelQueue.guessMs` */
  guessMs(heldShare: number): number;
  /** The engine has begun. @param prompt undefined if its size is not known yet */
  started(prompt: PromptPrice | undefined): void;
  /** The engine can set it aside for others that wait. */
  taken(hold: Hold): void;
  /** A text came. @param gapMs since the previous one, if that measures the engine's speed */
  text(gapMs: number | undefined): void;
  /** A piece of the answer came that is no text. */
  other(): void;
  /** One of its choices has ended, and its slot is free. @param completionTokens undefined if not known yet */
  choiceEnded(completionTokens: number | undefined): void;
};

/** The state of a job: it waits, runs, may be set aside and resumed, and leaves. */
export type Task = {
  readonly job: Job;
  readonly arrivedMs: number;
  readonly waiting: Waiting;
  /** When it came, or was last set aside. */
  sinceMs: number;
  state: "waiting" | "running" | "aside" | "left";
  /** Its entry in the queue, kept after its turn for later charges. */
  entry: Entry<Task> | undefined;
  /** On arrival: its position, and its estimated wait; 0 if it began at once. */
  position: number;
  reckonedMs: number;
  /** The time to its first token that it was promised then; undefined if it began at once. */
  promisedMs: number | undefined;
  /** When its first turn came. */
  turnMs: number | undefined;
  /** Choices that have not ended. */
  choices: number;
  /** From its first turn on. */
  meter: RunMeter | undefined;
  /** The slots that it holds, while it runs. */
  lease: Lease | undefined;
  /** Pauses and resumes it in the engine; undefined until the engine has accepted it. */
  hold: Hold | undefined;
  /** For how long it held slots before it was last set aside, and what its tenant was charged for that. */
  earlierMs: number;
  earlierCost: number;
  /** For how long it generated in its earlier turns, without the time it took to resume. */
  earlierSpokenMs: number;
  /** When its first text in this turn came. */
  spokeMs: number | undefined;
  /** While it is aside: from then on it may go on before others. */
  backMs: number;
  /** Whether it was last set aside because a request of a higher class came, and not for being overdue. */
  hasYielded: boolean;
};

export function createTask(of: Pick<Task, "job" | "arrivedMs" | "waiting">): Task {
  return {
    ...of,
    ...{
      state: "waiting",
      sinceMs: of.arrivedMs,
      choices: of.job.choices,
      position: 0,
      reckonedMs: 0,
      backMs: 0,
      hasYielded: false,
    },
    ...{ entry: undefined, meter: undefined, lease: undefined, hold: undefined, spokeMs: undefined },
    ...{ promisedMs: undefined, turnMs: undefined },
    ...{ earlierMs: 0, earlierCost: 0, earlierSpokenMs: 0 },
  };
}
