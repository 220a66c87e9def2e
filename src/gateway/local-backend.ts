import { stat } from "node:fs/promises";
import { settingsOf } from "../config/model-settings.ts";
import type { Config } from "../config/schema.ts";
import type { Engine } from "../engine/host/engine.ts";
import type { Backend, BackendDetails, BackendState, Capabilities, Residence } from "../generation/backend.ts";
import { dropImages } from "../generation/drop-images.ts";
import { composeEmbed } from "../generation/embedding.ts";
import { GenerationError } from "../generation/errors.ts";
import { compose, type Layer, settleThrough } from "../generation/layer.ts";
import { measurePrompts, pricePrompts } from "../generation/measure.ts";
import { OWN_TERMS } from "../generation/terms.ts";
import { holdToFormat } from "../grammar/layer.ts";
import { type LocalModel, readChatTemplate, writesText } from "../models/index.ts";
import { costHere } from "../prices/power.ts";
import type { LoadControl } from "../queue/load-control.ts";
import type { Berth } from "../residence/memory.ts";
import { callTools } from "../tools/layer.ts";
import type { GivenModel, ModelProcesses } from "./engines.ts";
import { identifyFile } from "./identity.ts";

/** A backend whose processes run on this machine. */
export type LocalBackend = Backend &
  Required<Pick<Backend, "load" | "unload" | "close" | "onStateChange">> & {
    /** Resolves once no client's request is in progress. */
    readonly idle: () => Promise<void>;
  };

export type LocalBackendOptions = {
  readonly config: Config;
  readonly load: LoadControl;
  readonly processes: ModelProcesses;
  /** Sluice's own. */
  readonly version: string;
};

/** `LLAMA_POOLING_TYPE_RANK`. */
const RANK_POOLING = 4;

/** For text within an answer. */
const PLAIN = { addSpecial: false, parseSpecial: false };

/** Creates the backend of a model on this machine: the layers around its engine, and its embedder. Nothing runs until it is loaded. */
export async function createLocalBackend(model: GivenModel, options: LocalBackendOptions): Promise<LocalBackend> {
  const { load, version } = options;
  const { engine, embedder } = options.processes;
  const config = settingsOf(options.config, [model.id, ...model.aliases]);
  const { mtimeMs } = await stat(model.path);
  const life = engine ?? embedder;
  const embedding = load.embeddingQueueFor({
    isReady: () => embedder.state === "ready",
    readyInMs: () => (embedder.berth.isPredictable ? embedder.berth.readyInMs : 0),
    use: embedder.berth.use,
  });
  let isStarted = false;
  const { flashAttention, gpu, prefillChunk } = config;
  const text = engine && answerText(model, engine, load, config);
  return {
    id: model.id,
    aliases: model.aliases,
    createdUnixSeconds: Math.floor(mtimeMs / 1000),
    ownedBy: "sluice",
    can: capabilitiesOf(model, engine),
    state: () => stateOf(life.state),
    // Until a model of the start has loaded, nobody knows whether it can.
    comesAndGoes: () => model.isOnDemand === true || life.info !== undefined,
    workload: embedding.workload,
    occupancy: embedding.workload,
    identity: identifyFile({
      file: model,
      ...(model.adapter && { adapterPath: model.adapter.path }),
      info: () => engine?.info,
      settings: { flashAttention, gpu, prefillChunk },
      version,
    }),
    details: describe(model, engine),
    costOf: costHere(config),
    ...text,
    idle: async () => void (await Promise.all([text?.idle(), embedding.idle()])),
    embed: composeEmbed([embedding.gate, embedding.turns], embedder.embed),
    onStateChange: (listener) => life.onStateChange((state) => listener(stateOf(state))),
    async load() {
      // A warm-up gives way: the model may need the room of one that is only being warmed.
      const goAway = load.attendance.come();
      // The engine may have been started early, before this code was loaded.
      const first = isStarted ? undefined : engine?.start();
      isStarted = true;
      const leave = life.berth.use();
      try {
        await (first ?? life.load());
      } finally {
        leave();
        goAway();
      }
    },
    unload: async () => void (await Promise.all([engine?.unload(), embedder.unload()])),
    keepLoaded(ms) {
      for (const process of [engine, embedder]) process?.berth.keepLoaded(ms);
    },
    residence: () => residenceOf(life.state, [engine, embedder]),
    close: async () => void (await Promise.all([engine?.stop(), embedder.stop()])),
  };
}

/** What the processes that run take, and when the model is unloaded. */
function residenceOf(
  state: Engine["state"],
  processes: readonly ({ readonly state: Engine["state"]; readonly berth: Berth } | undefined)[],
): Residence | undefined {
  if (state !== "ready") return undefined;
  const running = processes.flatMap((each) => (each?.state === "ready" ? [each.berth] : []));
  const [first] = running;
  return {
    memoryBytes: running.reduce((sum, { measuredBytes, bytes }) => sum + (measuredBytes ?? bytes), 0),
    ...(first?.unloadInMs !== undefined && { unloadInMs: first.unloadInMs }),
    ...(first?.isPinned === true && { isPinned: true }),
  };
}

type TextAnswers = Required<
  Pick<Backend, "generate" | "measure" | "price" | "settle" | "text" | "workload" | "occupancy" | "predictMs">
> &
  Pick<LocalBackend, "idle">;

function answerText(
  model: LocalModel,
  engine: Engine & { readonly berth: Berth },
  load: LoadControl,
  { slots, minSlots, targetItlMs }: Config,
): TextAnswers {
  const { berth } = engine;
  const countTokens = async (text: string) => (await engine.text.tokenize(text, PLAIN)).length;
  const layers: readonly Layer[] = [
    callTools({ loadTemplate: () => chatTemplate(model, engine), countTokens }),
    holdToFormat(),
  ];
  const { gate, turns, counts, workload, predictMs, idle, look, refuseWaiting } = load.queueFor({
    ...{ slots, minSlots, targetItlMs },
    isReady: () => engine.state === "ready",
    contextTokens: () => engine.info?.contextTokens,
    price: ({ prompt, tools, signal, terms = OWN_TERMS }) =>
      engine.text.price(prompt, tools?.tools, { tenant: terms.tenant, priority: terms.priority, signal }),
    absence: {
      isAway: () => berth.isAway,
      readyInMs: () => berth.readyInMs,
      isPredictable: () => berth.isPredictable,
      call: () => callFor(engine),
    },
    use: berth.use,
  });
  berth.onRefused(refuseWaiting);
  // The listeners of one change all hear of it before the next one, which `look` may cause.
  engine.onStateChange((state) => (state === "unloaded" ? queueMicrotask(look) : look()));
  return {
    generate: compose([dropImages, gate, ...layers, turns], engine.generate),
    measure: compose([dropImages, ...layers], measurePrompts(engine.text)),
    settle: settleThrough(layers),
    price: compose([dropImages, ...layers], pricePrompts(engine.text)),
    text: engine.text,
    workload,
    occupancy() {
      const { info, heldTokens } = engine;
      return {
        ...workload(),
        slots: { used: counts().sequences, all: slots },
        ...(info && { kv: { heldTokens, roomTokens: info.slots * info.contextTokens } }),
      };
    },
    predictMs,
    idle,
  };
}

/** Has the engine load its model. Where it can't, the requests that wait are told by whoever refused. */
function callFor(engine: Engine): void {
  try {
    engine.demand();
  } catch (error) {
    if (!(error instanceof GenerationError)) throw error;
  }
}

/** Needs no loaded model. Also undefined if the file can't be read: the engine reports that. */
async function chatTemplate({ path }: LocalModel, { info }: Engine): Promise<string | undefined> {
  return info === undefined ? readChatTemplate(path).catch(() => undefined) : info.chatTemplate;
}

function capabilitiesOf({ gguf }: LocalModel, engine: Engine | undefined): Capabilities {
  const text = writesText(gguf);
  const reranking = gguf.poolingType === RANK_POOLING;
  return {
    text,
    chat: text && gguf.chatTemplate,
    /** The file's header doesn't tell. */
    get infill() {
      return engine?.info?.canInfill === true;
    },
    ...{ tools: text, schemas: text, logprobs: text, images: false, tokenizing: text },
    embeddings: !reranking,
    reranking,
  };
}

function describe({ gguf, sizeBytes, sha256, adapter }: LocalModel, engine: Engine | undefined): () => BackendDetails {
  const told: BackendDetails = {
    family: gguf.architecture,
    parameters: gguf.parameterCount,
    sizeBytes,
    ...(gguf.quantization !== undefined && { quantization: gguf.quantization }),
    ...(gguf.contextLength !== undefined && { trainContextTokens: gguf.contextLength }),
    ...(gguf.vocabularySize !== undefined && { vocabularySize: gguf.vocabularySize }),
    ...(sha256 !== undefined && { sha256 }),
    ...(adapter && { parent: adapter.parent }),
  };
  return () => {
    const info = engine?.info;
    if (info === undefined) return told;
    const { contextTokens, embeddingSize, slots, chatTemplate, bosToken, eosToken } = info;
    return {
      ...{ ...told, contextTokens, embeddingSize, slots },
      ...(chatTemplate !== undefined && { chatTemplate }),
      ...(bosToken !== undefined && { beginText: bosToken }),
      ...(eosToken !== undefined && { endText: eosToken }),
    };
  };
}

function stateOf(state: Engine["state"]): BackendState {
  return state === "stopped" ? "failed" : state;
}
