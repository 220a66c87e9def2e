import { stat } from "node:fs/promises";
import type { Logger } from "pino";
import { settingsOf } from "../config/model-settings.ts";
import type { Config } from "../config/schema.ts";
import { createEmbedder, type Embedder } from "../engine/host/embedder.ts";
import type { Engine } from "../engine/host/engine.ts";
import type { Backend, BackendDetails, BackendState, Capabilities } from "../generation/backend.ts";
import { dropImages } from "../generation/drop-images.ts";
import { composeEmbed } from "../generation/embedding.ts";
import { compose, type Layer, settleThrough } from "../generation/layer.ts";
import { measurePrompts, pricePrompts } from "../generation/measure.ts";
import { OWN_TERMS } from "../generation/terms.ts";
import { holdToFormat } from "../grammar/layer.ts";
import { type LocalModel, writesText } from "../models/index.ts";
import { costHere } from "../prices/power.ts";
import type { LoadControl } from "../queue/load-control.ts";
import { callTools } from "../tools/layer.ts";
import { identifyFile } from "./identity.ts";

/** A backend whose processes run on this machine. */
export type LocalBackend = Backend &
  Required<Pick<Backend, "load" | "unload" | "close" | "onStateChange">> & {
    /** Resolves once no client's request is in progress. */
    readonly idle: () => Promise<void>;
  };

export type LocalBackendOptions = {
  readonly config: Config;
  readonly logger: Logger;
  readonly load: LoadControl;
  /** Undefined if the model writes no text. */
  readonly engine: Engine | undefined;
  /** Sluice's own. */
  readonly version: string;
};

/** `LLAMA_POOLING_TYPE_RANK`. */
const RANK_POOLING = 4;

/** For text within an answer. */
const PLAIN = { addSpecial: false, parseSpecial: false };

/** Creates the backend of a model on this machine: the layers around its engine, and its embedder. Nothing runs until it is loaded. */
export async function createLocalBackend(model: LocalModel, options: LocalBackendOptions): Promise<LocalBackend> {
  const { logger, load, engine, version } = options;
  const config = settingsOf(options.config, [model.id, ...model.aliases]);
  const { mtimeMs } = await stat(model.path);
  const embedder = createModelEmbedder(model, config, logger.child({ model: model.id }));
  const life = engine ?? embedder;
  const embedding = load.embeddingQueueFor({ isReady: () => embedder.state === "ready" });
  let isStarted = false;
  const { flashAttention, gpu, prefillChunk } = config;
  const text = engine && answerText(engine, load, config);
  return {
    id: model.id,
    aliases: model.aliases,
    createdUnixSeconds: Math.floor(mtimeMs / 1000),
    ownedBy: "sluice",
    can: capabilitiesOf(model, engine),
    state: () => stateOf(life.state),
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
      // The engine may have been started early, before this code was loaded.
      const first = isStarted ? undefined : engine?.start();
      isStarted = true;
      await (first ?? life.load());
    },
    unload: async () => void (await Promise.all([engine?.unload(), embedder.unload()])),
    close: async () => void (await Promise.all([engine?.stop(), embedder.stop()])),
  };
}

/** Its process starts with its first request, or at once if the model only makes embeddings. */
function createModelEmbedder(model: LocalModel, config: Config, logger: Logger): Embedder {
  return createEmbedder({
    options: {
      modelPath: model.path,
      ...(model.adapter && { adapterPath: model.adapter.path }),
      contextTokens: config.context,
      threads: config.threads,
      gpu: config.gpu,
      flashAttention: config.flashAttention,
    },
    logger,
  });
}

type TextAnswers = Required<
  Pick<Backend, "generate" | "measure" | "price" | "settle" | "text" | "workload" | "occupancy" | "predictMs">
> &
  Pick<LocalBackend, "idle">;

function answerText(engine: Engine, load: LoadControl, { slots, minSlots, targetItlMs }: Config): TextAnswers {
  const countTokens = async (text: string) => (await engine.text.tokenize(text, PLAIN)).length;
  const layers: readonly Layer[] = [
    callTools({ loadTemplate: () => chatTemplate(engine), countTokens }),
    holdToFormat(),
  ];
  const { gate, turns, counts, workload, predictMs, idle } = load.queueFor({
    ...{ slots, minSlots, targetItlMs },
    isReady: () => engine.state === "ready",
    contextTokens: () => engine.info?.contextTokens,
    price: ({ prompt, tools, signal, terms = OWN_TERMS }) =>
      engine.text.price(prompt, tools?.tools, { tenant: terms.tenant, priority: terms.priority, signal }),
  });
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

/** Also undefined if the model can't be loaded: the engine reports that. */
function chatTemplate(engine: Engine): Promise<string | undefined> {
  return engine.known().then(
    (info) => info.chatTemplate,
    () => undefined,
  );
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
