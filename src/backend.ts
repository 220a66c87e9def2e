import { stat } from "node:fs/promises";
import type { Logger } from "pino";
import { settingsOf } from "./config/model-settings.ts";
import type { Config } from "./config/schema.ts";
import { createEmbedder, type Embedder } from "./engine/host/embedder.ts";
import type { Engine } from "./engine/host/engine.ts";
import { compose, type Generate, type Layer } from "./generation/layer.ts";
import { measurePrompts, pricePrompts } from "./generation/measure.ts";
import type { ModelText } from "./generation/model.ts";
import { settleThrough } from "./generation/settle.ts";
import { OWN_TERMS } from "./generation/terms.ts";
import { holdToFormat } from "./grammar/layer.ts";
import { type LocalModel, writesText } from "./models/index.ts";
import { InvalidRequestError } from "./protocols/errors.ts";
import type { LoadControl } from "./queue/load-control.ts";
import type { ModelState, ServedModel } from "./routing/directory.ts";
import { callTools } from "./tools/layer.ts";

/** A model on this machine, with the processes that answer for it. */
export type Backend = {
  readonly served: ServedModel;
  /** Loads the model. Rejects with `EngineLoadError` if it can't be loaded. */
  start(): Promise<unknown>;
  /** Ends its processes. */
  stop(): Promise<void>;
};

export type BackendOptions = {
  readonly config: Config;
  readonly logger: Logger;
  readonly load: LoadControl;
  /** Undefined for a model that writes no text. */
  readonly engine: Engine | undefined;
};

/** `LLAMA_POOLING_TYPE_RANK`. */
const RANK_POOLING = 4;

/** Text as the model writes it in the middle of an answer. */
const PLAIN = { addSpecial: false, parseSpecial: false };

/** Puts together what answers for a model: the layers around its engine, and its embedder. Nothing runs until it is started. */
export async function createBackend(model: LocalModel, options: BackendOptions): Promise<Backend> {
  const { logger, load, engine } = options;
  const config = settingsOf(options.config, [model.id, ...model.aliases]);
  const log = logger.child({ model: model.id });
  const embedder = createModelEmbedder(model, config, log);
  return {
    served: {
      ...(await describe(model)),
      state: () => stateOf(engine ?? embedder),
      ...(engine === undefined ? refuseText(model) : answerText(engine, load, config)),
      info: () => engine?.info,
      embed: embedder.embed,
    },
    start: () => engine?.start() ?? embedder.warmUp(),
    stop: async () => void (await Promise.all([engine?.stop(), embedder.stop()])),
  };
}

/** Its process starts with the first request for it, except where the model does nothing else. */
function createModelEmbedder(model: LocalModel, config: Config, logger: Logger): Embedder {
  return createEmbedder({
    options: {
      modelPath: model.path,
      contextTokens: config.context,
      threads: config.threads,
      gpu: config.gpu,
      flashAttention: config.flashAttention,
    },
    logger,
    policy: { maxPending: config.maxPending },
  });
}

type TextAnswers = Pick<ServedModel, "generate" | "measure" | "price" | "settle" | "text">;

function answerText(engine: Engine, load: LoadControl, { slots, minSlots, targetItlMs }: Config): TextAnswers {
  const countTokens = async (text: string) => (await engine.text.tokenize(text, PLAIN)).length;
  const layers: readonly Layer[] = [
    callTools({ loadTemplate: () => chatTemplate(engine), countTokens }),
    holdToFormat(),
  ];
  const { gate, turns } = load.queueFor({
    ...{ slots, minSlots, targetItlMs },
    isReady: () => engine.state === "ready",
    contextTokens: () => engine.info?.contextTokens,
    price: ({ prompt, tools, signal, terms = OWN_TERMS }) =>
      engine.text.price(prompt, tools?.tools, { tenant: terms.tenant, signal }),
  });
  return {
    generate: compose([gate, ...layers, turns], engine.generate),
    measure: compose(layers, measurePrompts(engine.text)),
    settle: settleThrough(layers),
    price: compose(layers, pricePrompts(engine.text)),
    text: engine.text,
  };
}

/** Undefined too where the model can't be loaded: the engine has the words for that. */
function chatTemplate(engine: Engine): Promise<string | undefined> {
  return engine.start().then(
    (info) => info.chatTemplate,
    () => undefined,
  );
}

/** What a model answers that makes embeddings or scores only. */
function refuseText(model: LocalModel): TextAnswers {
  const refuse = (): never => {
    throw new InvalidRequestError(
      `The model \`${model.id}\` (${model.gguf.architecture}) makes embeddings or scores and can't write text. ` +
        "Ask it at /v1/embeddings or /v1/rerank, and another model for text: GET /v1/models lists them.",
      "model",
      "unsupported_model",
    );
  };
  const refuseLater = async () => refuse();
  const generate: Generate = async function* () {
    yield* [];
    refuse();
  };
  const text: ModelText = {
    tokenize: refuseLater,
    detokenize: refuseLater,
    spell: refuseLater,
    applyTemplate: refuseLater,
    countTokens: refuseLater,
    price: refuseLater,
  };
  return { generate, measure: generate, price: generate, settle: refuseLater, text };
}

async function describe(model: LocalModel) {
  const { mtimeMs } = await stat(model.path);
  const { gguf } = model;
  return {
    id: model.id,
    aliases: model.aliases,
    createdUnixSeconds: Math.floor(mtimeMs / 1000),
    ownedBy: "sluice",
    details: {
      architecture: gguf.architecture,
      parameters: gguf.parameterCount,
      sizeBytes: model.sizeBytes,
      hasChatTemplate: gguf.chatTemplate,
      writesText: writesText(gguf),
      reranks: gguf.poolingType === RANK_POOLING,
      ...(gguf.quantization !== undefined && { quantization: gguf.quantization }),
      ...(gguf.contextLength !== undefined && { trainContextTokens: gguf.contextLength }),
      ...(gguf.vocabularySize !== undefined && { vocabularySize: gguf.vocabularySize }),
      ...(model.sha256 !== undefined && { sha256: model.sha256 }),
    },
  } satisfies Partial<ServedModel>;
}

function stateOf({ state }: Engine | Embedder): ModelState {
  return state === "stopped" ? "failed" : state;
}
