import { type Clock, systemClock } from "../clock.ts";
import type { Returns, Workload } from "../generation/backend.ts";
import type { EmbedLayer } from "../generation/embedding.ts";
import type { Layer } from "../generation/layer.ts";
import type { PromptPrice } from "../generation/model.ts";
import type { GenerationRequest } from "../generation/request.ts";
import { OWN_TERMS, sharerOf } from "../generation/terms.ts";
import { createAdmission } from "./admission.ts";
import { type Attendance, createAttendance } from "./attendance.ts";
import { type Bound, createBound } from "./bound.ts";
import { guard, guardEmbeddings, type Presence } from "./gate.ts";
import { createItemTurns, type ItemTurnsOptions } from "./item-turns.ts";
import { sizeOfPrompt } from "./prompt-size.ts";
import { type Absence, createModelQueue, type ModelQueue, type QueueCounts } from "./queue.ts";
import { createSuperseding } from "./supersede.ts";
import { takeTurns } from "./take-turns.ts";

/** The bounds are read at each use, so that they may change. */
export type LoadControlOptions = {
  /** The most requests in progress, over all models. */
  readonly maxPending: number;
  /** The most prompt tokens in progress, over all models, estimated from sizes. A single request is always accepted. */
  readonly maxPendingTokens: number;
  /** Requests that would wait longer than this for the first token are refused at once. */
  readonly maxWaitMs: number;
  /** How many models share the bounds now. With several, one may use three quarters of them. */
  readonly models: () => number;
  readonly clock?: Clock;
  /** A number in [0, 1) at each call. */
  readonly random?: () => number;
};

/** The functions around a queue. */
export type Around = {
  /** Asks the engine for the size of a prompt, and how much of it is cached. Called for requests that must wait. @param place as of `Job.onTurn` */
  readonly price?: (request: GenerationRequest, place?: number) => Promise<PromptPrice>;
} & Used;

type QueueOptions = {
  /** Sequences that the engine runs at once. */
  readonly slots: number;
  /** The fewest slots to use, however slow that makes each. */
  readonly minSlots: number;
  /** The target for the time between two tokens. */
  readonly targetItlMs: number;
  /** Whether the engine can begin at once; while it can't, times don't measure its speed. */
  readonly isReady?: () => boolean;
  /** The context size of one request, in tokens; undefined until the model has loaded. */
  readonly contextTokens?: () => number | undefined;
  /** For a model that is not in memory all the time. */
  readonly absence?: Absence;
  /** Whether requests of class batch rest in the engine while others run. */
  readonly doRest?: boolean;
} & Around;

/** What is told of each request in progress. */
type Used = {
  /** Called when a client's request is admitted; what it returns is called when the request has left. */
  readonly use?: (tenant: string | undefined) => () => void;
};

/** One model's queue, in two layers. */
export type QueueLayers = {
  /** The outermost layer of the model. */
  readonly gate: Layer;
  /** The innermost layer, around its engine. */
  readonly turns: Layer;
  readonly counts: () => QueueCounts;
  readonly returns: () => Returns;
  readonly workload: () => Workload;
  /** When the first token of a request that came now is likely to come, in ms. */
  readonly predictMs: (request: GenerationRequest) => number;
  /** Resolves once no client's request is in progress. */
  readonly idle: () => Promise<void>;
} & Pick<ModelQueue, "look" | "refuseWaiting" | "list">;

/** The same for a model that makes vectors or scores. */
type EmbeddingLayers = {
  readonly gate: EmbedLayer;
  readonly turns: EmbedLayer;
  readonly workload: () => Workload;
  /** Resolves once no client's request is in progress. */
  readonly idle: () => Promise<void>;
};

/** Load control over all models of a gateway. */
export type LoadControl = {
  queueFor(options: QueueOptions): QueueLayers;
  /** As `queueFor`, around a queue of another make. */
  layersFor(open: (clock: Clock) => ModelQueue, around: Around): QueueLayers;
  embeddingQueueFor(options: Pick<ItemTurnsOptions, "isReady" | "readyInMs"> & Used): EmbeddingLayers;
  /** Whether any request is in progress, over all models. */
  readonly attendance: Attendance;
  /** What is in progress, over all models. */
  readonly counts: { readonly requests: number; readonly tokens: number; readonly superseding: number };
};

/** The request for which a model's workload predicts the first token. */
const SHORT_REQUEST = {
  ...OWN_TERMS,
  size: { type: "tokens", count: 1 },
  choices: 1,
  maxTokens: 1,
} as const;

/** The share of the bounds that one of several models may use. */
const SHARE_OF_ONE = 3 / 4;

/** The most that a list of texts counts of the bound on tokens: it is evaluated text by text, so it may be longer than the bound. */
const SHARE_OF_A_LIST = 1 / 4;

/**
 * @example
 * const load = createLoadControl({ maxPending: 256, maxPendingTokens: 1_000_000, maxWaitMs: 60_000, models: () => 1 });
 * const queue = load.queueFor({ slots: 4, minSlots: 1, targetItlMs: 250 });
 * const generate = compose([queue.gate, holdToFormat(), queue.turns], engine.generate);
 */
export function createLoadControl(options: LoadControlOptions): LoadControl {
  const { models, clock = systemClock, random = Math.random } = options;
  const superseding = createSuperseding();
  const attendance = createAttendance(clock);
  const total = createBound({
    get maxRequests() {
      return options.maxPending;
    },
    get maxTokens() {
      return options.maxPendingTokens;
    },
    random,
  });
  const maxWaitMs = () => options.maxWaitMs;

  /** The bound of one of `among` models. */
  function boundOf(among: () => number): Bound {
    const shareOf = (all: number) => (among() > 1 ? Math.max(1, Math.ceil(SHARE_OF_ONE * all)) : all);
    return createBound({
      get maxRequests() {
        return shareOf(options.maxPending);
      },
      get maxTokens() {
        return shareOf(options.maxPendingTokens);
      },
      random,
    });
  }

  /** Counts a model's own requests, and all. */
  function presenceOfOne(use: Used["use"]): Presence & { readonly idle: () => Promise<void> } {
    const here = createAttendance(clock);
    return {
      come(tenant) {
        const leaveHere = here.come();
        const leave = attendance.come();
        const unuse = use?.(tenant);
        return () => {
          leaveHere();
          leave();
          unuse?.();
        };
      },
      idle: async () => void (await here.quiet(0, new AbortController().signal)),
    };
  }

  function layersFor(open: (clock: Clock) => ModelQueue, { price, use }: Around): QueueLayers {
    const own = boundOf(models);
    const presence = presenceOfOne(use);
    const queue = open(clock);
    const admission = createAdmission({ queue, bounds: [own, total], maxWaitMs, clock });
    return {
      gate: guard(admission, superseding, presence),
      returns: () => ({ ...admission.returns }),
      look: queue.look,
      list: queue.list,
      refuseWaiting: queue.refuseWaiting,
      turns: takeTurns({ queue, clock, price }),
      counts: () => queue.counts,
      idle: presence.idle,
      workload() {
        const { waiting, running } = queue.counts;
        return { waiting, running, firstTokenMs: queue.predictMs(SHORT_REQUEST) };
      },
      predictMs(request) {
        const { choices, maxTokens, terms = OWN_TERMS } = request;
        const { priority } = terms;
        return queue.predictMs({
          tenant: sharerOf(terms),
          priority,
          size: sizeOfPrompt(request),
          choices,
          maxTokens,
        });
      },
    };
  }

  return {
    attendance,
    queueFor({ price, use, ...own }) {
      return layersFor((given) => createModelQueue({ clock: given, ...own }), {
        ...(price && { price }),
        ...(use && { use }),
      });
    },
    layersFor,
    embeddingQueueFor({ isReady, readyInMs, use }) {
      // Counts one more model, so that a list of documents leaves room for generations.
      const own = boundOf(() => models() + 1);
      const presence = presenceOfOne(use);
      const mostTokens = () => SHARE_OF_A_LIST * options.maxPendingTokens;
      const queue = createItemTurns({ clock, isReady, readyInMs, mostTokens });
      return {
        gate: guardEmbeddings(
          createAdmission({ queue, bounds: [own, total], maxWaitMs, clock }),
          superseding,
          presence,
        ),
        turns: queue.layer,
        idle: presence.idle,
        workload: () => ({ ...queue.counts, firstTokenMs: queue.predictMs(SHORT_REQUEST) }),
      };
    },
    get counts() {
      return { requests: total.requests, tokens: total.tokens, superseding: superseding.size };
    },
  };
}
