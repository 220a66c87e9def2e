import { type Clock, systemClock } from "../../clock.ts";
import type { Generate } from "../../generation/layer.ts";
import type { ModelText } from "../../generation/model.ts";
import type { GenerationRequest } from "../../generation/request.ts";
import type { StepCounts } from "../../generation/step-counts.ts";
import { OWN_TERMS } from "../../generation/terms.ts";
import type { SlotView } from "../../generation/view.ts";
import {
  type EngineInfo,
  type EngineOptions,
  type HostMessage,
  parseWorkerMessage,
  type VocabularyHostMessage,
  type WorkerMessage,
} from "../contract/messages.ts";
import { createDispatcher } from "./dispatcher.ts";
import { createGenerationStream, type Delivery } from "./generation-stream.ts";
import { createGuard, guardClock } from "./guard.ts";
import { createLifeCycle, type Living, type Room } from "./life-cycle.ts";
import { DEFAULT_POLICY, type SupervisionPolicy } from "./policy.ts";
import { printFiles } from "./print.ts";
import type { InFlightRequest } from "./sequence-table.ts";
import { createSlotLook } from "./slot-look.ts";
import { createStepTotals } from "./step-totals.ts";
import { createTextQueries } from "./text-queries.ts";
import { createVocabulary } from "./vocabulary.ts";
import { forkWorker, type SpawnWorker } from "./worker-child.ts";
import type { EngineLogger } from "./worker-process.ts";

/** One model, loaded in a separate process. */
export type Engine = Living<EngineInfo> & {
  /** Calls `load` once; later calls return the same promise, even if it was rejected. */
  start(): Promise<EngineInfo>;
  /** Resolves to `info` once the model has loaded for the first time. Like a request, it loads the model if needed. */
  known(): Promise<EngineInfo>;
  /**
   * Runs a request. While the engine loads or restarts, requests wait. Throws the errors of a generation
   * (`EngineCrashedError`, `EngineUnavailableError`, `ContextLengthExceededError`, ...), `UnreadTextError`, or the request's abort
   * reason. The result can be iterated once.
   */
  readonly generate: Generate;
  /** Queries about text. While the engine loads or restarts, they wait. */
  readonly text: ModelText;
  /** The number of unfinished requests, and of their sequences that a worker has. */
  readonly counts: { readonly requests: number; readonly submissions: number };
  /** The tokens of running sequences, prompts included. */
  readonly heldTokens: number;
  /** What its slots hold; empty while no model is loaded. */
  readonly slots: () => Promise<readonly SlotView[]>;
  /** What its steps were since the gateway has started, up to half a second ago; undefined if they are not counted. */
  readonly steps: StepCounts | undefined;
};

type CreateEngineOptions = {
  readonly options: EngineOptions;
  readonly logger: EngineLogger;
  readonly spawn?: SpawnWorker;
  readonly spawnVocabulary?: SpawnWorker<VocabularyHostMessage>;
  readonly clock?: Clock;
  readonly policy?: Partial<SupervisionPolicy>;
  /** Where its process needs room in memory before it starts. */
  readonly room?: Room;
  /** Whether its process is kept without work; true by default. */
  readonly isKept?: () => boolean;
};

type News = Extract<WorkerMessage, { readonly type: "step" | "steps" | "rejected" | "result" | "slots" }>;

/**
 * Creates an engine. Its process starts with `start`, `load` or the first request. If the process dies or hangs, it is replaced, and
 * every unfinished request continues where it was (docs/decisions/006-engine-in-a-child-process.md).
 *
 * @example
 * const engine = createEngine({ options, logger });
 * await engine.start();
 * for await (const event of engine.generate(request)) console.log(event);
 */
export function createEngine(given: CreateEngineOptions): Engine {
  const { options, logger, spawn = forkWorker } = given;
  const guard = createGuard(logger);
  const clock = guardClock(given.clock ?? systemClock, guard);
  const policy = { ...DEFAULT_POLICY, ...given.policy };
  const dispatcher = createDispatcher({ policy, logger, print: () => printFiles(options) });
  const slotLook = createSlotLook(dispatcher.find);
  const openVocabulary = () =>
    createVocabulary({
      options: { modelPath: options.modelPath, gpu: options.gpu },
      contextTokens() {
        if (life.info === undefined) throw new Error("questions must wait until the model has loaded");
        return life.info.contextTokens;
      },
      logger,
      clock,
      ...(given.spawnVocabulary && { spawn: given.spawnVocabulary }),
    });
  const stepTotals = createStepTotals();
  const vocabularies = { needed: openVocabulary(), wished: openVocabulary() };
  const queries = createTextQueries({
    demand: () => life.demand(),
    known: () => life.known(),
    onChange: () => life.look(),
    vocabularies,
    clock,
  });
  const life = createLifeCycle<HostMessage, EngineInfo, News>({
    name: "the engine",
    failure: "The model could not be loaded.",
    modelPath: options.modelPath,
    spawn,
    parse: parseWorkerMessage,
    loadMessage: () => ({ type: "load", options }),
    facts: ({ chatTemplate, ...facts }) => facts,
    beats: true,
    clock,
    policy,
    logger,
    room: given.room,
    isKept: given.isKept,
    work: {
      isInHand: () => dispatcher.counts.requests + queries.pending > 0,
      isSubmitted: () => dispatcher.counts.submissions + queries.submitted > 0,
      onReady(send) {
        dispatcher.workerReady(send);
        queries.workerReady(send);
        slotLook.workerReady(send);
      },
      onHold() {
        dispatcher.hold();
        queries.hold();
      },
      onNews(message) {
        if (message.type === "steps") return stepTotals.add(message.steps);
        if (message.type === "slots") return slotLook.handle(message.slots);
        if (message.type === "result") queries.handle(message);
        else dispatcher.handle(message);
        life.look();
      },
      onLost() {
        dispatcher.workerLost(queries.submitted > 0);
        queries.workerLost();
        slotLook.workerLost();
      },
      onFailed(error) {
        dispatcher.failAll(error);
        queries.failAll(error);
        slotLook.workerLost();
      },
    },
  });

  const generate: Generate = (request) => {
    const { signal } = request;
    const { writer, reader } = createGenerationStream({ onStart, onClose, joins: request.journal === undefined });
    let inFlight: InFlightRequest | undefined;
    let isClosed = false;

    function onStart(): void {
      if (signal.aborted) {
        onAbort();
      } else if (request.output !== undefined && request.output.type !== "grammar") {
        writer.fail(
          new Error(`The engine takes grammars: a layer must make one of \`output.type\` ${request.output.type}.`),
        );
      } else {
        signal.addEventListener("abort", onAbort, { once: true });
        try {
          begin();
        } catch (error) {
          writer.fail(error);
        }
      }
    }
    /** A long prompt is tokenized in another process first; the engine then gets its tokens. */
    function begin(): void {
      const { tools, ...rest } = request;
      const { prompt, stop, terms = OWN_TERMS } = rest;
      const reading = queries.readLong(prompt, tools?.tools ?? [], {
        tenant: terms.tenant,
        priority: terms.priority,
        signal,
      });
      if (reading === undefined) {
        take(request);
        return;
      }
      reading
        .then((read) => {
          if (isClosed) return;
          const prompt = { type: "tokens", tokens: read.tokens } as const;
          const ends = rest.sampling.ignoresEnd ? [] : read.stop;
          take({ ...rest, prompt, stop: [...stop, ...ends] });
        })
        .catch((error: unknown) => writer.fail(error));
    }
    function take(whole: GenerationRequest): void {
      life.demand();
      const taken = dispatcher.add(whole, writer);
      inFlight = taken;
      life.look();
      whole.terms?.onTaken?.({ pause: () => dispatcher.pause(taken), resume: () => dispatcher.resume(taken) });
    }
    function onAbort(): void {
      writer.abort(signal.reason);
    }
    function onClose(delivered: Delivery): void {
      isClosed = true;
      signal.removeEventListener("abort", onAbort);
      if (inFlight === undefined) return;
      dispatcher.cancel(inFlight);
      life.look();
      const sampled = inFlight.sequences.reduce((sum, { tokens }) => sum + tokens.length, 0);
      const spent = {
        ...{ prompt: delivered.pendingPromptTokens, cached: delivered.pendingCachedTokens },
        completion: Math.max(0, sampled - delivered.completion),
      };
      if (spent.prompt + spent.completion > 0) request.observe?.({ type: "left", spent });
    }
    return reader;
  };

  let firstLoad: Promise<EngineInfo> | undefined;

  return {
    start() {
      firstLoad ??= life.load();
      return firstLoad;
    },
    load: life.load,
    async unload(how) {
      await Promise.all([life.unload(how), vocabularies.needed.unload(how), vocabularies.wished.unload(how)]);
    },
    known: life.known,
    generate,
    text: queries.text,
    onStateChange: life.onStateChange,
    get state() {
      return life.state;
    },
    get info() {
      return life.info;
    },
    get pid() {
      return life.pid;
    },
    get isBusy() {
      return life.isBusy;
    },
    get memoryBytes() {
      return life.memoryBytes;
    },
    demand: life.demand,
    get counts() {
      return dispatcher.counts;
    },
    get heldTokens() {
      return dispatcher.heldTokens;
    },
    slots: slotLook.ask,
    get steps() {
      return stepTotals.total();
    },
    async stop() {
      await Promise.all([life.stop(), vocabularies.needed.stop(), vocabularies.wished.stop()]);
    },
  };
}
