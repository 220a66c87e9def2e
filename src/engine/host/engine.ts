import { type Clock, systemClock } from "../../clock.ts";
import { EngineUnavailableError } from "../../generation/errors.ts";
import type { Generate } from "../../generation/layer.ts";
import type { ModelText } from "../../generation/model.ts";
import type { GenerationRequest } from "../../generation/request.ts";
import { OWN_TERMS } from "../../generation/terms.ts";
import type { EngineInfo, EngineOptions, VocabularyHostMessage } from "../contract/messages.ts";
import { createDispatcher } from "./dispatcher.ts";
import { createEventStream, type Told } from "./event-stream.ts";
import { createGuard, guardClock } from "./guard.ts";
import { DEFAULT_POLICY, type SupervisionPolicy } from "./policy.ts";
import { createQueries } from "./queries.ts";
import type { InFlightRequest } from "./sequence-table.ts";
import { createSupervisor, type EngineState } from "./supervisor.ts";
import { createVocabulary } from "./vocabulary.ts";
import { forkWorker, type SpawnWorker } from "./worker-child.ts";
import type { EngineLogger } from "./worker-process.ts";

export type { EngineState } from "./supervisor.ts";

/** One model, loaded in a process of its own. */
export type Engine = {
  /**
   * Loads the model. Rejects with `EngineLoadError` when it can't be loaded, and does not try again; with `EngineStoppedError` when
   * `stop` comes first. A second call gives the same promise.
   */
  start(): Promise<EngineInfo>;
  /**
   * Runs a request; one that comes while the engine loads or restarts waits for it. Throws the generation's errors
   * (`EngineCrashedError`, `EngineUnavailableError`, `ContextLengthExceededError`, ...), `UnreadTextError`, or the request's abort
   * reason. The result can be iterated once.
   */
  readonly generate: Generate;
  /** Questions about text. Those that come while the engine loads or restarts wait for it. */
  readonly text: ModelText;
  readonly state: EngineState;
  /** What the worker found when it loaded; undefined until then. */
  readonly info: EngineInfo | undefined;
  /** Calls `listener` each time that a worker has loaded the model, before anything is evaluated; at once, where one has by now. */
  onLoaded(listener: () => void): void;
  /** The process id of the worker that lives now. */
  readonly pid: number | undefined;
  /** What is held for requests that have not ended: those in hand, and how many sequences of them a worker has. */
  readonly counts: { readonly requests: number; readonly submissions: number };
  /** Ends the worker and fails what runs with `EngineUnavailableError`; resolves when the process has exited. */
  stop(): Promise<void>;
};

export type CreateEngineOptions = {
  readonly options: EngineOptions;
  readonly logger: EngineLogger;
  readonly spawn?: SpawnWorker;
  readonly spawnVocabulary?: SpawnWorker<VocabularyHostMessage>;
  readonly clock?: Clock;
  readonly policy?: Partial<SupervisionPolicy>;
};

/**
 * Makes an engine; nothing runs until it is started. If its process dies or hangs, another takes its place and every unfinished
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
  const loadedListeners: (() => void)[] = [];
  const openVocabulary = () =>
    createVocabulary({
      options() {
        const contextTokens = supervisor.info?.contextTokens;
        if (contextTokens === undefined) throw new Error("questions must wait until the model has loaded");
        return { modelPath: options.modelPath, gpu: options.gpu, contextTokens };
      },
      logger,
      clock,
      ...(given.spawnVocabulary && { spawn: given.spawnVocabulary }),
    });
  const vocabularies = { needed: openVocabulary(), wished: openVocabulary() };
  const firstLoad = Promise.withResolvers<void>();
  const queries = createQueries({
    unavailable: () => (isGone() ? unavailable() : undefined),
    loaded: () => firstLoad.promise,
    vocabularies,
    clock,
  });
  const supervisor = createSupervisor({
    options,
    spawn,
    clock,
    policy,
    logger,
    onReady(send) {
      firstLoad.resolve();
      dispatcher.workerReady(send);
      queries.workerReady(send);
      for (const listener of loadedListeners) guard("loaded", listener)();
    },
    onLost() {
      dispatcher.workerLost(queries.submitted > 0);
      queries.workerLost();
    },
    onMessage(message) {
      if (message.type === "answer") queries.handle(message);
      else dispatcher.handle(message);
    },
    onFailed: failAll,
  });

  function isGone(): boolean {
    return supervisor.state === "failed" || supervisor.state === "stopped";
  }

  function failAll(): void {
    firstLoad.resolve();
    dispatcher.failAll(unavailable());
    queries.failAll(unavailable());
  }

  /** Why there is no engine now and won't be one. */
  function unavailable(): EngineUnavailableError {
    return new EngineUnavailableError(
      supervisor.state === "stopped"
        ? "The engine for this model was stopped."
        : "The engine for this model does not start any more. The gateway's log says why; Sluice must be restarted to try again.",
    );
  }

  const generate: Generate = (request) => {
    const { signal } = request;
    const { writer, reader } = createEventStream({ onStart, onClose });
    let inFlight: InFlightRequest | undefined;
    let hasLeft = false;

    function onStart(): void {
      if (signal.aborted) {
        onAbort();
      } else if (isGone()) {
        writer.fail(unavailable());
      } else if (request.output !== undefined && request.output.type !== "grammar") {
        writer.fail(
          new Error(`The engine takes grammars: a layer must make one of \`output.type\` ${request.output.type}.`),
        );
      } else {
        signal.addEventListener("abort", onAbort, { once: true });
        begin();
      }
    }
    /** A long prompt is read first, elsewhere: the engine then gets its tokens. */
    function begin(): void {
      const { tools, ...rest } = request;
      const { prompt, stop, terms = OWN_TERMS } = rest;
      const reading = queries.readLong(prompt, tools?.tools ?? [], { tenant: terms.tenant, signal });
      if (reading === undefined) {
        take(request);
        return;
      }
      reading
        .then((read) => {
          if (hasLeft) return;
          if (isGone()) throw unavailable();
          const prompt = { type: "tokens", tokens: read.tokens } as const;
          const ends = rest.sampling.ignoresEnd ? [] : read.stop;
          take({ ...rest, prompt, stop: [...stop, ...ends] });
        })
        .catch((error: unknown) => writer.fail(error));
    }
    function take(whole: GenerationRequest): void {
      const taken = dispatcher.add(whole, writer);
      inFlight = taken;
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
      const drawn = inFlight.sequences.reduce((sum, { tokens }) => sum + tokens.length, 0);
      const spent = {
        ...{ prompt: told.untoldPrompt, cached: told.untoldCached },
        completion: Math.max(0, drawn - told.completion),
      };
      if (spent.prompt + spent.completion > 0) request.observe?.({ type: "left", spent });
    }
    return reader;
  };

  return {
    start: supervisor.start,
    generate,
    text: queries.text,
    onLoaded(listener) {
      loadedListeners.push(listener);
      if (supervisor.state === "ready") listener();
    },
    get state() {
      return supervisor.state;
    },
    get info() {
      return supervisor.info;
    },
    get pid() {
      return supervisor.pid;
    },
    get counts() {
      return dispatcher.counts;
    },
    stop() {
      const stopped = Promise.all([supervisor.stop(), vocabularies.needed.stop(), vocabularies.wished.stop()]);
      failAll();
      return stopped.then(() => {});
    },
  };
}
