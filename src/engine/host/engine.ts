import { type Clock, systemClock } from "../../clock.ts";
import type { Generate } from "../../generation/layer.ts";
import type { ModelText } from "../../generation/model.ts";
import type { GenerationRequest } from "../../generation/request.ts";
import { OWN_TERMS } from "../../generation/terms.ts";
import {
  type EngineInfo,
  type EngineOptions,
  type HostMessage,
  parseWorkerMessage,
  type VocabularyHostMessage,
  type WorkerMessage,
} from "../contract/messages.ts";
import { createDispatcher } from "./dispatcher.ts";
import { createEventStream, type Told } from "./event-stream.ts";
import { createGuard, guardClock } from "./guard.ts";
import { createLifeCycle, type Living } from "./life-cycle.ts";
import { DEFAULT_POLICY, type SupervisionPolicy } from "./policy.ts";
import { createQueries } from "./queries.ts";
import type { InFlightRequest } from "./sequence-table.ts";
import { createVocabulary } from "./vocabulary.ts";
import { forkWorker, type SpawnWorker } from "./worker-child.ts";
import type { EngineLogger } from "./worker-process.ts";

/** One model, loaded in a process of its own. */
export type Engine = Living<EngineInfo> & {
  /** The first `load`: a second call gives the same promise, also where that has failed. */
  start(): Promise<EngineInfo>;
  /** What `info` is, as soon as the model has loaded for the first time; as a request would, it loads it. */
  known(): Promise<EngineInfo>;
  /**
   * Runs a request; one that comes while the engine loads or restarts waits for it. Throws the generation's errors
   * (`EngineCrashedError`, `EngineUnavailableError`, `ContextLengthExceededError`, ...), `UnreadTextError`, or the request's abort
   * reason. The result can be iterated once.
   */
  readonly generate: Generate;
  /** Questions about text. Those that come while the engine loads or restarts wait for it. */
  readonly text: ModelText;
  /** What is held for requests that have not ended: those in hand, and how many sequences of them a worker has. */
  readonly counts: { readonly requests: number; readonly submissions: number };
};

type CreateEngineOptions = {
  readonly options: EngineOptions;
  readonly logger: EngineLogger;
  readonly spawn?: SpawnWorker;
  readonly spawnVocabulary?: SpawnWorker<VocabularyHostMessage>;
  readonly clock?: Clock;
  readonly policy?: Partial<SupervisionPolicy>;
};

type News = Extract<WorkerMessage, { readonly type: "step" | "rejected" | "answer" }>;

/**
 * Makes an engine; nothing runs until it is started, or something is asked of it. If its process dies or hangs, another takes its place and every unfinished
 * request goes on where it was: see `docs/decisions/006-engine-in-a-child-process.md`.
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
  const dispatcher = createDispatcher({ policy, logger });
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
  const vocabularies = { needed: openVocabulary(), wished: openVocabulary() };
  const queries = createQueries({
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
    work: {
      isInHand: () => dispatcher.counts.requests + queries.pending > 0,
      isSubmitted: () => dispatcher.counts.submissions + queries.submitted > 0,
      onReady(send) {
        dispatcher.workerReady(send);
        queries.workerReady(send);
      },
      onHold() {
        dispatcher.hold();
        queries.hold();
      },
      onNews(message) {
        if (message.type === "answer") queries.handle(message);
        else dispatcher.handle(message);
        life.look();
      },
      onLost() {
        dispatcher.workerLost(queries.submitted > 0);
        queries.workerLost();
      },
      onFailed(error) {
        dispatcher.failAll(error);
        queries.failAll(error);
      },
    },
  });

  const generate: Generate = (request) => {
    const { signal } = request;
    const { writer, reader } = createEventStream({ onStart, onClose });
    let inFlight: InFlightRequest | undefined;
    let hasLeft = false;

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
    /** A long prompt is read first, elsewhere: the engine then gets its tokens. */
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
          if (hasLeft) return;
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
    function onClose(told: Told): void {
      hasLeft = true;
      signal.removeEventListener("abort", onAbort);
      if (inFlight === undefined) return;
      dispatcher.cancel(inFlight);
      life.look();
      const drawn = inFlight.sequences.reduce((sum, { tokens }) => sum + tokens.length, 0);
      const spent = {
        ...{ prompt: told.untoldPrompt, cached: told.untoldCached },
        completion: Math.max(0, drawn - told.completion),
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
    get counts() {
      return dispatcher.counts;
    },
    async stop() {
      await Promise.all([life.stop(), vocabularies.needed.stop(), vocabularies.wished.stop()]);
    },
  };
}
