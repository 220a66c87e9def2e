/**
 * The engine's process: loads one model and runs its sequences. It exchanges the messages of `../contract/messages.ts` with the gateway
 * and exits when the channel to the gateway closes.
 */
import type {
  EngineInfo,
  EngineOptions,
  HostMessage,
  Rejection,
  SequenceRequest,
  WorkerMessage,
} from "../contract/messages.ts";
import { messageOf } from "../contract/parse.ts";
import { SHARED_CACHE_POSITION } from "../llama/batcher.ts";
import { BINDING_VERSION } from "../llama/binding.ts";
import { type LoadedModel, loadModel } from "../llama/model.ts";
import { beat, loadModelFor, parseHostMessage, sendToHost, serveHost } from "./child.ts";
import { canPay, createCallCosts, measureCurve } from "./drafts/costs.ts";
import { createDrafter, type Drafter } from "./drafts/drafter.ts";
import { openEnergyMeter } from "./energy.ts";
import { digestFiles, fingerprintOf } from "./fingerprint.ts";
import { findGrammarExcess } from "./grammar-limits.ts";
import { findBoundary } from "./head.ts";
import { openKeptFolder } from "./kept-folder.ts";
import { type PrefixFiles, PrefixStore } from "./prefix-store.ts";
import { createPromptReader, type PromptReader } from "./prompt-reader.ts";
import { Scheduler } from "./scheduler.ts";
import { openScratchFolder } from "./scratch.ts";
import { createStepMeter, type StepMeter } from "./step-meter.ts";
import { runQuery } from "./text-queries.ts";

/** The files of a store without space, which never writes. */
const NO_FILES: PrefixFiles = {
  newPath: () => {
    throw new Error("there is no folder for stored prefixes");
  },
  remove: () => {},
};

/** How long the last slots may begin to be stored when the process ends. */
const KEEP_MS = 1_500;

/** Evaluated to measure how long calls take. */
const SAMPLE_TEXT =
  "The quick brown fox jumps over the lazy dog, and 27 more animals of all kinds look at it from far away.";

const send: (message: WorkerMessage) => void = sendToHost;

/** Checks what only the vocabulary and llama.cpp can check. Undefined means that the sequence may run. */
function findFault(request: SequenceRequest, model: LoadedModel): Rejection | undefined {
  const { sampling, grammar, stopTokenIds = [] } = request;
  const { vocabularySize } = model.info;
  const { logitBias, allowedTokenIds = [] } = sampling;
  const named = { logitBias: logitBias.map(([token]) => token), allowedTokenIds, stopTokenIds };
  for (const [field, tokens] of Object.entries(named)) {
    const unknown = tokens.find((token) => token >= vocabularySize);
    if (unknown !== undefined) {
      const reason = `The token id ${unknown} is not in this model's vocabulary, which has the ids 0 to ${vocabularySize - 1}.`;
      return { code: "invalid_sampling", field, reason };
    }
  }
  return grammar && findGrammarFault(grammar.gbnf, model);
}

function findGrammarFault(gbnf: string, { checkGrammar }: LoadedModel): Rejection | undefined {
  const excess = findGrammarExcess(gbnf);
  if (excess !== undefined) return { code: "invalid_sampling", field: "grammar", reason: excess };
  try {
    checkGrammar(gbnf);
    return undefined;
  } catch (error) {
    return { code: "invalid_sampling", field: "grammar", reason: messageOf(error) };
  }
}

/** Queues the sequence, or returns why it can't run. */
function admit(
  request: SequenceRequest,
  model: LoadedModel,
  readPrompt: PromptReader,
  scheduler: Scheduler,
): Rejection | undefined {
  const fault = findFault(request, model);
  if (fault !== undefined) return fault;
  const prompt = readPrompt(request.prompt, request.tools ?? []);
  if ("rejection" in prompt) return prompt.rejection;
  const endsTurn = request.prompt.type === "chat" && !request.sampling.ignoresEnd;
  const stop = endsTurn ? [...request.stop, ...model.template.stop] : request.stop;
  scheduler.submit({ ...request, stop }, prompt.tokens);
  return undefined;
}

/** An error with one sequence before it runs must not end the engine, which others use. */
function tryToAdmit(...given: Parameters<typeof admit>): Rejection | undefined {
  try {
    return admit(...given);
  } catch (error) {
    return { code: "failed", reason: messageOf(error) };
  }
}

/** Files that outlive the process, if the options say so and the model's files were not replaced while they were loaded; or temporary ones. */
function openPrefixFiles(options: EngineOptions, info: EngineInfo, before: string | undefined): PrefixFiles {
  const { keptPrefixes, prefixStoreBytes: maxBytes } = options;
  if (keptPrefixes === undefined) return openScratchFolder();
  const { folder: parent, modelPaths, maxAgeMs } = keptPrefixes;
  try {
    const files = digestFiles(modelPaths);
    if (files !== before) throw new Error("the model's file changed while it was loaded");
    const fingerprint = fingerprintOf(files, options, info, BINDING_VERSION);
    return openKeptFolder({ parent, modelPath: options.modelPath, fingerprint, maxBytes, maxAgeMs });
  } catch (error) {
    send({ type: "log", level: "warn", message: `prefixes are not kept beyond this process: ${messageOf(error)}` });
    return openScratchFolder();
  }
}

/** If no folder can be made, the engine runs without stored prefixes. */
function openPrefixStore(options: EngineOptions, info: EngineInfo, before: string | undefined): PrefixStore {
  if (options.prefixStoreBytes > 0) {
    try {
      return new PrefixStore(openPrefixFiles(options, info, before), options.prefixStoreBytes);
    } catch (error) {
      send({ type: "log", level: "warn", message: `what slots lose is not kept: ${messageOf(error)}` });
    }
  }
  return new PrefixStore(NO_FILES, 0);
}

function digestOf(options: EngineOptions): string | undefined {
  try {
    return options.keptPrefixes && digestFiles(options.keptPrefixes.modelPaths);
  } catch {
    // If it can't be read, loading it fails, too, with a reason.
    return undefined;
  }
}

/** Measures whether drafts are faster here. Undefined if they are not. */
async function openDrafter({ flashAttention }: EngineOptions, model: LoadedModel): Promise<Drafter | undefined> {
  const { batcher, tokenizer } = model;
  const curve = await measureCurve(batcher, tokenizer.tokenize(SAMPLE_TEXT, false));
  const pays = curve !== undefined && canPay(curve);
  const measured = curve?.map(({ tokens, ms }) => `${tokens} in ${ms.toFixed(1)} ms`).join(", ");
  const reason = measured === undefined ? "the model can't take tokens back" : `tokens in one call: ${measured}`;
  send({ type: "log", level: "info", message: `drafts are ${pays ? "on" : "off"}: ${reason}` });
  if (!pays) return undefined;
  const greedyFrom = flashAttention === "off" ? Number.POSITIVE_INFINITY : SHARED_CACHE_POSITION;
  return createDrafter({ costs: createCallCosts(curve), batcher, tokenizer, greedyFrom });
}

/** Undefined if nothing is to be measured, or the machine doesn't let it. */
function openMeter({ measureEnergy }: EngineOptions): (() => number) | undefined {
  if (!measureEnergy) return undefined;
  const meter = openEnergyMeter();
  if (meter === undefined) {
    const message =
      "the energy of answers can't be measured: the machine has no /sys/class/powercap/intel-rapl:0/energy_uj, " +
      "or this user may not read it; set localWatts to estimate it instead";
    send({ type: "log", level: "warn", message });
  }
  return meter?.read;
}

function tellSteps(meter: StepMeter | undefined): void {
  const steps = meter?.take();
  if (steps !== undefined) send({ type: "steps", steps });
}

/** Ends the scheduler of the loaded model and stores what its slots hold, as far as the time allows. */
let leave: () => Promise<void> = async () => {};

async function serve(options: EngineOptions): Promise<void> {
  const digest = digestOf(options);
  const model = await loadModelFor((log) => loadModel(options, log));
  if (model === undefined) return;

  const { tokenizer, template, info } = model;
  const drafter = options.drafts === "auto" ? await openDrafter(options, model) : undefined;
  const stepMeter = options.countSteps === true ? createStepMeter() : undefined;
  const scheduler = new Scheduler({
    drafter,
    batcher: model.batcher,
    tokenizer,
    boundary: findBoundary(template, tokenizer),
    prefillChunkTokens: options.prefillChunkTokens,
    prefillPauseMs: options.prefillPauseMs,
    prefillShare: options.prefillShare,
    prefixStore: openPrefixStore(options, info, digest),
    readJoules: openMeter(options),
    stepMeter,
    report: (updates) => send({ type: "step", updates }),
    reject: (id, reason) =>
      send({ type: "rejected", id, rejection: { code: "invalid_sampling", field: "grammar", reason } }),
  });
  const readPrompt = createPromptReader({ tokenizer, template, contextTokens: info.contextTokens });
  const context = { tokenizer, template, readPrompt, heldTokens: scheduler.heldTokens.bind(scheduler) };
  process.on("message", (text) => {
    const message = parseHostMessage<HostMessage>(text);
    if (message.type === "submit") {
      const rejection = tryToAdmit(message.sequence, model, readPrompt, scheduler);
      if (rejection !== undefined) send({ type: "rejected", id: message.sequence.id, rejection });
    } else if (message.type === "query") {
      send({ type: "result", id: message.id, result: runQuery(message.query, context) });
    } else if (message.type === "cancel") {
      scheduler.cancel(message.id);
    } else if (message.type === "look") {
      send({ type: "slots", slots: scheduler.slots });
    }
  });
  beat(scheduler, () => tellSteps(stepMeter));
  send({ type: "loaded", info: model.info });
  const ended = scheduler.run();
  leave = async () => {
    const untilMs = performance.now() + KEEP_MS;
    scheduler.stop();
    await ended;
    await scheduler.keepSlots(() => performance.now() < untilMs);
  };
  await ended;
}

serveHost(parseHostMessage<HostMessage>, serve, () => leave());
