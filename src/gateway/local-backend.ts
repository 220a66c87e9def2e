import { stat } from "node:fs/promises";
import { settingsOf } from "../config/model-settings.ts";
import type { Config } from "../config/schema.ts";
import type { Engine } from "../engine/host/engine.ts";
import type { Backend, BackendDetails, BackendState, Capabilities, Residence } from "../generation/backend.ts";
import { composeEmbed } from "../generation/embedding.ts";
import { type LocalModel, writesText } from "../models/index.ts";
import { costHere } from "../prices/power.ts";
import type { LoadControl } from "../queue/load-control.ts";
import type { Berth } from "../residence/memory.ts";
import { type EngineSet, joinEngines } from "./engine-set.ts";
import type { GivenModel, ModelProcesses } from "./engines.ts";
import { identifyFile } from "./identity.ts";
import { answerText } from "./local-text.ts";

/** A backend whose processes run on this machine. */
export type LocalBackend = Backend &
  Required<Pick<Backend, "load" | "unload" | "close" | "onStateChange">> & {
    /** Resolves once no client's request is in progress. */
    readonly idle: () => Promise<void>;
    /** As `ModelEngine.setNamed`. */
    readonly setNamed: (isNamed: boolean) => void;
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

/** Creates the backend of a model on this machine: the layers around its engine, and its embedder. Nothing runs until it is loaded. */
export async function createLocalBackend(model: GivenModel, options: LocalBackendOptions): Promise<LocalBackend> {
  const { load, version } = options;
  const { embedder } = options.processes;
  const engine = await joinEngines(options.processes.engines);
  const config = settingsOf(options.config, [model.id, ...model.aliases]);
  const { mtimeMs } = await stat(model.path);
  const life = engine ?? embedder;
  const embedding = load.embeddingQueueFor({
    isReady: () => embedder.state === "ready",
    readyInMs: () => (embedder.berth.isPredictable ? embedder.berth.readyInMs : 0),
    use: embedder.berth.use,
  });
  const processes = [...(engine?.all ?? []), embedder];
  let isOnDemand = model.isOnDemand === true;
  let isStarted = false;
  const { flashAttention, gpu, prefillChunk } = config;
  const text = engine && (await answerText(model, engine, load, config));
  return {
    id: model.id,
    aliases: model.aliases,
    createdUnixSeconds: Math.floor(mtimeMs / 1000),
    ownedBy: "sluice",
    can: capabilitiesOf(model, engine),
    state: () => stateOf(life.state),
    // Until a model of the start has loaded, nobody knows whether it can.
    comesAndGoes: () => isOnDemand || life.info !== undefined,
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
    ...(engine?.replicas && { replicas: engine.replicas }),
    idle: async () => void (await Promise.all([text?.idle(), embedding.idle()])),
    embed: composeEmbed([embedding.gate, embedding.turns], embedder.embed),
    onStateChange: (listener) => life.onStateChange((state) => listener(stateOf(state))),
    async load() {
      // A warm-up gives way: the model may need the room of one that is only being warmed.
      const goAway = load.attendance.come();
      // The engine may have been started early, before this code was loaded.
      const first = isStarted ? undefined : engine?.start();
      isStarted = true;
      const leaves = (engine?.all ?? [embedder]).map(({ berth }) => berth.use());
      try {
        await (first ?? life.load());
      } finally {
        for (const leave of leaves) leave();
        goAway();
      }
    },
    unload: async () => void (await Promise.all([engine?.unload(), embedder.unload()])),
    keepLoaded(ms, by) {
      for (const { berth } of processes) berth.keepLoaded(ms, by);
    },
    pin(isPinned) {
      // An embedder beside an engine is made again at any time.
      for (const { berth } of engine?.all ?? [embedder]) berth.pin(isPinned);
    },
    setNamed(isNamed) {
      for (const each of engine?.all ?? []) each.setNamed(isNamed);
      isOnDemand = !isNamed;
    },
    residence: () => residenceOf(life.state, engine?.all ?? [], embedder),
    close: async () => void (await Promise.all([engine?.stop(), embedder.stop()])),
  };
}

type Resident = { readonly state: Engine["state"]; readonly berth: Berth };

/** What the processes that run take, and when the model is unloaded: with the last of its engines. */
function residenceOf(state: Engine["state"], engines: readonly Resident[], embedder: Resident): Residence | undefined {
  if (state !== "ready") return undefined;
  const running = (some: readonly Resident[]) => some.flatMap((each) => (each.state === "ready" ? [each.berth] : []));
  const all = running([...engines, embedder]);
  const lasting = running(engines.length > 0 ? engines : [embedder]);
  const ends = lasting.map(({ unloadInMs = Number.POSITIVE_INFINITY }) => unloadInMs);
  const unloadInMs = Math.max(...ends);
  return {
    memoryBytes: all.reduce((sum, { measuredBytes, bytes }) => sum + (measuredBytes ?? bytes), 0),
    ...(Number.isFinite(unloadInMs) && { unloadInMs }),
    ...(all[0]?.isPinned === true && { isPinned: true }),
  };
}

function capabilitiesOf({ gguf }: LocalModel, engine: Pick<Engine, "info"> | undefined): Capabilities {
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

function describe(
  { gguf, sizeBytes, sha256, adapter }: LocalModel,
  engine: EngineSet | undefined,
): () => BackendDetails {
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
    const { contextTokens, embeddingSize, chatTemplate, bosToken, eosToken } = info;
    return {
      ...{ ...told, contextTokens, embeddingSize, slots: info.slots * (engine?.all.length ?? 1) },
      ...(chatTemplate !== undefined && { chatTemplate }),
      ...(bosToken !== undefined && { beginText: bosToken }),
      ...(eosToken !== undefined && { endText: eosToken }),
    };
  };
}

function stateOf(state: Engine["state"]): BackendState {
  return state === "stopped" ? "failed" : state;
}
