import { type Clock, systemClock } from "../clock.ts";
import type { Workload } from "../generation/backend.ts";
import type { EmbedLayer } from "../generation/embedding.ts";
import type { Layer } from "../generation/layer.ts";
import type { PromptPrice } from "../generation/model.ts";
import type { GenerationRequest } from "../generation/request.ts";
import { OWN_TERMS } from "../generation/terms.ts";
import { createAdmission } from "./admission.ts";
import { type Attendance, createAttendance } from "./attendance.ts";
import { type Bound, createBound } from "./bound.ts";
import { guard, guardEmbeddings } from "./gate.ts";
import { createItemTurns, type ItemTurnsOptions } from "./item-turns.ts";
import { createModelQueue, type QueueCounts } from "./queue.ts";
import { createSuperseding } from "./supersede.ts";
import { takeTurns } from "./take-turns.ts";

export type LoadControlOptions = {
  /** Requests in hand at once, over all models. */
  readonly maxPending: number;
  /** Tokens of the prompts in hand at once, over all models, as far as they can be told from their size. A single request is taken in any case. */
  readonly maxPendingTokens: number;
  /** Who would wait longer for the first token is refused at once. */
  readonly maxWaitMs: number;
  /** Among how many models the bounds are shared now: with several, one can use up three quarters of them. */
  readonly models: () => number;
  readonly clock?: Clock;
  /** A number in [0, 1) at each call. */
  readonly random?: () => number;
};

type QueueOptions = {
  /** Sequences that the engine runs at once. */
  readonly slots: number;
  /** How many of these are used at least, however slow that makes each. */
  readonly minSlots: number;
  /** What the time between two tokens should stay under. */
  readonly targetItlMs: number;
  /** Whether the engine can begin at once; while it can't, its times say nothing about its speed. */
  readonly isReady?: () => boolean;
  /** Tokens for one request, prompt and answer together; undefined as long as the model has not loaded. */
  readonly contextTokens?: () => number | undefined;
  /** What the engine knows of a prompt before it runs. Asked for requests that must wait. */
  readonly price?: (request: GenerationRequest) => Promise<PromptPrice>;
};

/** One model's queue, in two layers. */
type QueueLayers = {
  /** In front of everything that the model does. */
  readonly gate: Layer;
  /** Directly around its engine. */
  readonly turns: Layer;
  readonly counts: () => QueueCounts;
  readonly workload: () => Workload;
};

/** The same for one that makes vectors or scores. */
type EmbeddingLayers = {
  readonly gate: EmbedLayer;
  readonly turns: EmbedLayer;
  readonly workload: () => Workload;
};

/** Load control over all models of a gateway. */
export type LoadControl = {
  queueFor(options: QueueOptions): QueueLayers;
  embeddingQueueFor(options: Pick<ItemTurnsOptions, "isReady">): EmbeddingLayers;
  /** Who is served, over all models. */
  readonly attendance: Attendance;
  /** What is in hand over all models. */
  readonly counts: { readonly requests: number; readonly tokens: number; readonly superseding: number };
};

/** What a model's workload is told for. */
const SHORT_REQUEST = {
  ...OWN_TERMS,
  size: { type: "tokens", count: 1 },
  choices: 1,
  maxTokens: 1,
} as const;

/** What one of several models may use of the bounds. */
const SHARE_OF_ONE = 3 / 4;

/** What a list of texts counts for at most: it is evaluated text by text, and may be longer than all prompts may be together. */
const SHARE_OF_A_LIST = 1 / 4;

/**
 * @example
 * const load = createLoadControl({ maxPending: 256, maxPendingTokens: 1_000_000, maxWaitMs: 60_000, models: () => 1 });
 * const queue = load.queueFor({ slots: 4, minSlots: 1, targetItlMs: 250 });
 * const generate = compose([queue.gate, holdToFormat(), queue.turns], engine.generate);
 */
export function createLoadControl(options: LoadControlOptions): LoadControl {
  const { maxPending, maxPendingTokens, maxWaitMs, models, clock = systemClock, random = Math.random } = options;
  const superseding = createSuperseding();
  const attendance = createAttendance(clock);
  const total = createBound({ maxRequests: maxPending, maxTokens: maxPendingTokens, random });

  /** What one of `among` may use. */
  function boundOf(among: () => number): Bound {
    const shareOf = (all: number) => (among() > 1 ? Math.max(1, Math.ceil(SHARE_OF_ONE * all)) : all);
    return createBound({
      get maxRequests() {
        return shareOf(maxPending);
      },
      get maxTokens() {
        return shareOf(maxPendingTokens);
      },
      random,
    });
  }

  return {
    attendance,
    queueFor({ slots, minSlots, targetItlMs, isReady, contextTokens, price }) {
      const own = boundOf(models);
      const queue = createModelQueue({ clock, slots, minSlots, targetItlMs, isReady, contextTokens });
      return {
        gate: guard(createAdmission({ queue, bounds: [own, total], maxWaitMs, clock }), superseding, attendance),
        turns: takeTurns({ queue, clock, price }),
        counts: () => queue.counts,
        workload() {
          const { waiting, running } = queue.counts;
          return { waiting, running, firstTokenMs: queue.predictMs(SHORT_REQUEST) };
        },
      };
    },
    embeddingQueueFor({ isReady }) {
      // Beside models that write, so that a list of documents leaves them room.
      const own = boundOf(() => models() + 1);
      const queue = createItemTurns({ clock, isReady, mostTokens: SHARE_OF_A_LIST * maxPendingTokens });
      return {
        gate: guardEmbeddings(
          createAdmission({ queue, bounds: [own, total], maxWaitMs, clock }),
          superseding,
          attendance,
        ),
        turns: queue.layer,
        workload: () => ({ ...queue.counts, firstTokenMs: queue.predictMs(SHORT_REQUEST) }),
      };
    },
    get counts() {
      return { requests: total.requests, tokens: total.tokens, superseding: superseding.size };
    },
  };
}
