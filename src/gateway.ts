import { stat } from "node:fs/promises";
import type { Server } from "node:http";
import { serve } from "@hono/node-server";
import type { Hono } from "hono";
import type { Logger } from "pino";
import { createResponseCache } from "./cache/cache.ts";
import type { Config } from "./config/schema.ts";
import { createEmbedder, type Embedder } from "./engine/host/embedder.ts";
import { createEngine, type Engine } from "./engine/host/engine.ts";
import { compose, type Generate, type Layer } from "./generation/layer.ts";
import { measurePrompts } from "./generation/measure.ts";
import type { ModelText } from "./generation/model.ts";
import { holdToFormat } from "./grammar/layer.ts";
import { createApp } from "./http/app.ts";
import type { HttpEnv } from "./http/context.ts";
import { prepareDrain } from "./http/drain.ts";
import { createBackgroundRuns } from "./http/responses/background.ts";
import { type Access, createAccess } from "./keys/access.ts";
import { isExposed } from "./keys/exposure.ts";
import { holdToLimits } from "./keys/layer.ts";
import { type LocalModel, writesText } from "./models/index.ts";
import { InvalidRequestError } from "./protocols/errors.ts";
import { admit } from "./queue/admission.ts";
import { createModelDirectory, type ModelState, type ServedModel } from "./routing/directory.ts";
import { route } from "./routing/route.ts";
import { createState } from "./store/state.ts";
import { callTools } from "./tools/layer.ts";
import { readVersion } from "./version.ts";

/** Models on this machine's disk, and how to serve them. */
export type GatewayOptions = {
  readonly config: Config;
  readonly models: readonly LocalModel[];
  readonly logger: Logger;
};

export type Gateway = {
  /** The HTTP interface. Answers at once; requests that come while a model loads wait for it. */
  readonly app: Hono<HttpEnv>;
  readonly access: Access;
  /** Loads every model. Rejects with `EngineLoadError` if one can't be loaded; the others are then stopped. */
  start(): Promise<void>;
  /** Resolves when nothing runs in the background. */
  settled(): Promise<void>;
  /** Ends the engines. What still runs fails with `EngineUnavailableError`. */
  stop(): Promise<void>;
};

/** A gateway that listens. */
export type RunningGateway = {
  readonly url: string;
  /** Takes no new connections, lets what runs go on for `graceMs` at most, then frees everything. */
  stop(graceMs: number): Promise<void>;
};

const DAY_MS = 24 * 60 * 60 * 1000;

/** `LLAMA_POOLING_TYPE_RANK`. */
const RANK_POOLING = 4;

/** How long what was cut off by `stop` may take to be told so. */
const FAREWELL_MS = 1_000;

/**
 * Puts the gateway together: one engine for each model, the layers around them, the HTTP interface in front.
 *
 * @example
 * const gateway = await createGateway({ config, models, logger });
 * await gateway.start();
 * app.route("/", gateway.app);
 */
export async function createGateway({ config, models, logger }: GatewayOptions): Promise<Gateway> {
  const engines = new Map(
    models.filter(({ gguf }) => writesText(gguf)).map((model) => [model, createModelEngine(model, config, logger)]),
  );
  const embedders = new Map(models.map((model) => [model, createModelEmbedder(model, config, logger)]));
  const served = await Promise.all(
    Array.from(embedders, ([model, embedder]) => describe(model, engines.get(model), embedder)),
  );
  const directory = createModelDirectory(served);
  const state = createState({
    file: config.stateFile,
    retention: { maxAgeMs: config.stateMaxDays * DAY_MS, maxEntries: config.stateMaxEntries },
  });
  const access = await createAccess({ config, state, logger });
  const cache = createResponseCache({
    config,
    models,
    infoOf: (model) => engines.get(model)?.info,
    version: readVersion(),
    logger,
  });
  await cache.load();
  const generate = compose(
    [holdToLimits(access.keys, access.meter), ...cache.layers, admit({ maxPending: config.maxPending })],
    route(directory),
  );
  const runs = createBackgroundRuns();
  const stop = async () => {
    await Promise.all([...engines.values(), ...embedders.values()].map((each) => each.stop()));
    // Without engines they have failed by now, and that is written down.
    await runs.settled();
    await cache.save();
    access.close();
    state.close();
  };
  return {
    app: createApp({
      generate,
      models: directory,
      settings: config,
      state,
      runs,
      access,
      ...(cache.control && { cache: cache.control }),
      logger,
    }),
    access,
    async start() {
      try {
        await Promise.all(
          Array.from(embedders, ([model, embedder]) => engines.get(model)?.start() ?? embedder.warmUp()),
        );
      } catch (error) {
        await stop();
        throw error;
      }
    },
    settled: runs.settled,
    stop,
  };
}

/**
 * Creates a gateway, listens, and resolves when every model has loaded.
 *
 * It listens first: `/health` answers and `/ready` tells the progress while a large model loads.
 *
 * @throws `ExposedError` when everybody could reach it without a key, the system's error when the address can't be had,
 *   `EngineLoadError` when a model can't be loaded
 */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  const gateway = await createGateway(options);
  await warnIfExposed(gateway, options);
  const { server, url, drain } = await listen(gateway.app, options.config);
  try {
    await gateway.start();
  } catch (error) {
    server.closeAllConnections();
    server.close();
    throw error;
  }
  return {
    url,
    async stop(graceMs) {
      const closed = drain();
      await settledWithin(
        closed.then(() => gateway.settled()),
        graceMs,
      );
      await gateway.stop();
      await settledWithin(closed, FAREWELL_MS);
      server.closeAllConnections();
      await closed;
    },
  };
}

async function warnIfExposed(gateway: Gateway, { config, logger }: GatewayOptions): Promise<void> {
  try {
    if (isExposed(config, gateway.access.keys.isOn())) {
      logger.warn(`There are no keys, and --insecure: whoever reaches ${config.host} can use the models.`);
    }
  } catch (error) {
    await gateway.stop();
    throw error;
  }
}

function createModelEngine(model: LocalModel, config: Config, logger: Logger): Engine {
  return createEngine({
    options: {
      modelPath: model.path,
      slots: config.slots,
      contextTokens: config.context,
      threads: config.threads,
      gpu: config.gpu,
      flashAttention: config.flashAttention,
      prefillChunkTokens: config.prefillChunk,
      prefillPauseMs: config.prefillPauseMs,
      prefixStoreBytes: config.prefixStoreBytes,
    },
    logger: logger.child({ model: model.id }),
  });
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
    logger: logger.child({ model: model.id }),
    policy: { maxPending: config.maxPending },
  });
}

/** What a model answers that makes embeddings or scores only. */
function refuseText(model: LocalModel): { readonly generate: Generate; readonly text: ModelText } {
  const refuse = (): never => {
    throw new InvalidRequestError(
      `The model \`${model.id}\` (${model.gguf.architecture}) makes embeddings or scores and can't write text. ` +
        "Ask it at /v1/embeddings or /v1/rerank, and another model for text: GET /v1/models lists them.",
      "model",
      "unsupported_model",
    );
  };
  const refuseLater = async () => refuse();
  return {
    async *generate() {
      yield* [];
      refuse();
    },
    text: {
      tokenize: refuseLater,
      detokenize: refuseLater,
      spell: refuseLater,
      applyTemplate: refuseLater,
      countTokens: refuseLater,
      price: refuseLater,
    },
  };
}

async function describe(model: LocalModel, engine: Engine | undefined, embedder: Embedder): Promise<ServedModel> {
  const { mtimeMs } = await stat(model.path);
  const refusal = refuseText(model);
  const {
    architecture,
    quantization,
    parameterCount,
    contextLength,
    vocabularySize,
    chatTemplate: hasChatTemplate,
  } = model.gguf;
  return {
    id: model.id,
    aliases: model.aliases,
    createdUnixSeconds: Math.floor(mtimeMs / 1000),
    ownedBy: "sluice",
    state: () => stateOf(engine ?? embedder),
    details: {
      architecture,
      parameters: parameterCount,
      sizeBytes: model.sizeBytes,
      hasChatTemplate,
      writesText: engine !== undefined,
      reranks: model.gguf.poolingType === RANK_POOLING,
      ...(quantization !== undefined && { quantization }),
      ...(contextLength !== undefined && { trainContextTokens: contextLength }),
      ...(vocabularySize !== undefined && { vocabularySize }),
      ...(model.sha256 !== undefined && { sha256: model.sha256 }),
    },
    generate: engine === undefined ? refusal.generate : compose(layersOf(engine), engine.generate),
    measure: engine === undefined ? refusal.generate : compose(layersOf(engine), measurePrompts(engine.text)),
    text: engine?.text ?? refusal.text,
    info: () => engine?.info,
    embed: embedder.embed,
  };
}

function stateOf({ state }: Engine | Embedder): ModelState {
  return state === "stopped" ? "failed" : state;
}

/** What a model's own answers pass through. */
function layersOf(engine: Engine): readonly Layer[] {
  return [callTools(() => chatTemplate(engine)), holdToFormat()];
}

/** Undefined too where the model can't be loaded: the engine has the words for that. */
function chatTemplate(engine: Engine): Promise<string | undefined> {
  return engine.start().then(
    (info) => info.chatTemplate,
    () => undefined,
  );
}

type Listening = { readonly server: Server; readonly url: string; readonly drain: () => Promise<void> };

function listen(app: Hono<HttpEnv>, { host, port }: Config): Promise<Listening> {
  return new Promise((resolve, reject) => {
    // Without options for TLS or HTTP/2 it is node:http's.
    const server = serve({ fetch: app.fetch, hostname: host, port }, (address) => {
      server.off("error", reject);
      resolve({ server, drain, url: `http://${host.includes(":") ? `[${host}]` : host}:${address.port}` });
    }) as Server;
    const drain = prepareDrain(server);
    server.once("error", reject);
  });
}

/** Resolves when `work` does, or after `ms`, whichever comes first. */
async function settledWithin(work: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
