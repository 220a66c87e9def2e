import type { Clock } from "../clock.ts";
import { OverloadedError } from "../generation/errors.ts";
import type { Priority } from "../generation/terms.ts";
import { createAdmission } from "../queue/admission.ts";
import { createBound } from "../queue/bound.ts";
import { createHeldPrompts } from "../queue/held-prompts.ts";
import type { Demand } from "../queue/price.ts";
import type { Piece } from "../queue/prompt-pieces.ts";
import { createModelQueue, type ModelQueue } from "../queue/queue.ts";
import { createReplicaQueue } from "../queue/replica-queue.ts";
import type { JobHandle } from "../queue/task.ts";
import { chooseTargets, type Route, type Situation, type TargetState } from "../routing/policy.ts";
import { createSimulatedClock } from "./clock.ts";
import { createSimulatedEngine, type Work } from "./engine.ts";
import type { Effort, LoggedRequest, Pace, Setting } from "./log.ts";
import { seededRandom } from "./numbers.ts";

/** What became of a request. Times are in ms. */
export type Outcome =
  | {
      readonly type: "answered";
      readonly class: Priority;
      readonly firstTokenMs: number;
      readonly prefillMs: number;
      readonly decodeMs: number;
    }
  | { readonly type: "spilled"; readonly class: Priority; readonly firstTokenMs: number }
  | { readonly type: "refused"; readonly class: Priority };

const OWN = "own";
const UPSTREAM = "spill";
/** What an engine holds: as much as it likes, since only its real cache is known. */
const HELD_CHARS = 1e9;
const CAN = {
  ...{ text: true, tools: true, schemas: true, logprobs: true, images: true },
  ...{ embeddings: false, reranking: false },
};

/** How long after the last arrival answers are waited for. */
const REST_MS = 24 * 60 * 60 * 1000;
const SEED = 17;

/**
 * Sends logged requests through the real queue, its admission, and the real choice of targets, on a simulated clock, to engines that take as long as
 * `pace` and `efforts` say. Returns what became of each, in their order.
 */
export function simulate(
  log: readonly LoggedRequest[],
  setting: Setting,
  pace: Pace,
  efforts: readonly Effort[] = [],
): readonly Outcome[] {
  const { spill, traffic, maxWaitMs } = setting;
  const clock = createSimulatedClock();
  const random = seededRandom(SEED);
  const bounds = { maxRequests: setting.maxPending, maxTokens: setting.maxPendingTokens, random };
  const engines = Array.from({ length: setting.replicas }, () => createSimulatedEngine(clock, pace));
  const queue = queueOf(setting, clock);
  const admission = createAdmission({ queue, bounds: [createBound(bounds)], maxWaitMs: () => maxWaitMs, clock });
  const outcomes: Outcome[] = log.map((request) => ({ type: "refused", class: request.class }));
  /** The engines that have the prefix of a session. */
  const homes = new Map<string, Set<number>>();

  function isSpilled(request: LoggedRequest, demand: Demand): boolean {
    if (spill === undefined) return false;
    const firstTokenMs = queue.predictMs({ ...demand, priority: request.class });
    const { candidates } = chooseTargets(routeOf(spill.afterMs), {
      ...situationOf(request),
      targets: [{ ...stateOf(OWN, true), firstTokenMs }, stateOf(UPSTREAM, false)],
    });
    return candidates[0]?.target === UPSTREAM;
  }

  function send(request: LoggedRequest, at: number): void {
    const demand: Demand = {
      ...{ tenant: request.tenant, size: { type: "tokens", count: request.promptTokens } },
      ...{ choices: request.choices, maxTokens: request.maxTokens },
    };
    if (isSpilled(request, demand)) {
      outcomes[at] = { type: "spilled", class: request.class, firstTokenMs: spill?.firstTokenMs ?? 0 };
      return;
    }
    try {
      const room = admission.enter({ ...demand, mark: String(at) }, { priority: request.class });
      wait({ request, at, demand }, room.leave);
    } catch (error) {
      if (!(error instanceof OverloadedError)) throw error;
    }
  }

  /** What is to be evaluated at an engine: as much as there was, unless its prefix is elsewhere. */
  function prefillAt(index: number, { session, prefillTokens, promptTokens }: LoggedRequest): number {
    const at = homes.get(session);
    if (at === undefined) {
      homes.set(session, new Set([index]));
      return prefillTokens;
    }
    const isHome = at.has(index);
    at.add(index);
    return isHome ? prefillTokens : promptTokens;
  }

  type Sent = { readonly request: LoggedRequest; readonly at: number; readonly demand: Demand };

  function wait({ request, at, demand }: Sent, release: () => void): void {
    const sentMs = clock.now();
    let turnMs = 0;
    let firstMs = 0;
    let prefillTokens = request.prefillTokens;
    let running = request.choices;
    const job: JobHandle = queue.arrive({
      ...{ ...demand, priority: request.class },
      onRefused: release,
      pieces: () => piecesOf(request, at),
      // The engine begins in an event of its own, as it would in another process.
      onTurn: (index = 0) => void clock.after(0, () => begin(index)),
    });

    function begin(index: number): void {
      const engine = engines[index];
      if (engine === undefined) throw new Error(`There is no engine ${index}.`);
      turnMs = clock.now();
      prefillTokens = prefillAt(index, request);
      const works = Array.from({ length: request.choices }, (): Work => {
        return {
          ...{ tenant: request.tenant, class: request.class },
          prefillTokens: Math.max(1, prefillTokens) * (efforts[at]?.prefill ?? 1),
          decodeTokens: (Math.max(1, request.completionTokens / request.choices) - 1) * (efforts[at]?.decode ?? 1),
          onStep: (stepMs) => job.text(stepMs),
          onFirst,
          onEnd,
        };
      });
      job.taken({
        pause() {
          for (const work of works) engine.remove(work);
          return true;
        },
        resume() {
          for (const work of works) if (work.decodeTokens > 0 || work.prefillTokens > 0) engine.add(work);
        },
      });
      for (const work of works) engine.add(work);
    }
    function onFirst(): void {
      if (firstMs > 0) return;
      firstMs = clock.now();
      job.started({ promptTokens: request.promptTokens, cachedTokens: request.promptTokens - prefillTokens });
      job.text(undefined);
    }
    function onEnd(): void {
      job.choiceEnded(Math.round(request.completionTokens / request.choices));
      running -= 1;
      if (running > 0) return;
      release();
      outcomes[at] = {
        type: "answered",
        class: request.class,
        firstTokenMs: firstMs - sentMs + pace.overheadMs,
        prefillMs: firstMs - turnMs,
        decodeMs: clock.now() - firstMs,
      };
    }
  }

  const [begin] = log;
  for (const [at, request] of log.entries()) {
    clock.after((request.atMs - (begin?.atMs ?? 0)) / traffic, () => send(request, at));
  }
  const last = log.at(-1);
  clock.runUntil(((last?.atMs ?? 0) - (begin?.atMs ?? 0)) / traffic + REST_MS);
  return outcomes;
}

/** The queue of one engine, or that of several. */
function queueOf(setting: Setting, clock: Clock): ModelQueue {
  const queues = Array.from({ length: setting.replicas }, () => createModelQueue({ ...setting, clock }));
  const [only, ...others] = queues;
  if (only !== undefined && others.length === 0) return only;
  return createReplicaQueue(
    clock,
    queues.map((queue) => ({
      queue,
      isDown: () => false,
      isAway: () => false,
      held: createHeldPrompts(HELD_CHARS),
      use: () => () => {},
    })),
  );
}

/** Its session's part of the prompt, and its own. */
function piecesOf({ session, promptTokens, prefillTokens }: LoggedRequest, at: number): readonly Piece[] {
  return [
    { name: session, chars: Math.max(1, promptTokens - prefillTokens), isAnswer: false },
    { name: `${at}`, chars: Math.max(1, prefillTokens), isAnswer: false },
  ];
}

function routeOf(afterMs: number): Route {
  return { name: "what-if", targets: [{ model: OWN, spill: { after: afterMs } }, { model: UPSTREAM }] };
}

function stateOf(id: string, isLocal: boolean): TargetState {
  return { id, isLocal, can: CAN, state: "ready", contextTokens: undefined, firstTokenMs: undefined };
}

function situationOf(request: LoggedRequest): Omit<Situation, "targets"> {
  return {
    ...{ nowMs: 0, task: "text", class: request.class, isLocalOnly: false, key: [], usedShare: undefined },
    ...{ preset: undefined, needs: [], promptTokens: request.promptTokens, answerTokens: request.completionTokens },
    session: request.session,
  };
}
