import { stat } from "node:fs/promises";
import type { Server } from "node:http";
import { serve } from "@hono/node-server";
import type { Hono } from "hono";
import type { Logger } from "pino";
import type { Config } from "./config/schema.ts";
import { createEngine, type Engine } from "./engine/host/engine.ts";
import { compose } from "./generation/layer.ts";
import { holdToFormat } from "./grammar/layer.ts";
import { createApp } from "./http/app.ts";
import type { HttpEnv } from "./http/context.ts";
import { prepareDrain } from "./http/drain.ts";
import type { LocalModel } from "./models/index.ts";
import { admit } from "./queue/admission.ts";
import { createModelDirectory, type ServedModel } from "./routing/directory.ts";
import { route } from "./routing/route.ts";

/** Models on this machine's disk, and how to serve them. */
export type GatewayOptions = {
  readonly config: Config;
  readonly models: readonly LocalModel[];
  readonly logger: Logger;
};

export type Gateway = {
  /** The HTTP interface. Answers at once; requests that come while a model loads wait for it. */
  readonly app: Hono<HttpEnv>;
  /** Loads every model. Rejects with `EngineLoadError` if one can't be loaded; the others are then stopped. */
  start(): Promise<void>;
  /** Ends the engines. What still runs fails with `EngineUnavailableError`. */
  stop(): Promise<void>;
};

/** A gateway that listens. */
export type RunningGateway = {
  readonly url: string;
  /** Takes no new connections, lets what runs go on for `graceMs` at most, then frees everything. */
  stop(graceMs: number): Promise<void>;
};

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
  const engines = new Map(models.map((model) => [model, createModelEngine(model, config, logger)]));
  const served = await Promise.all(Array.from(engines, ([model, engine]) => describe(model, engine)));
  const directory = createModelDirectory(served);
  const generate = compose([admit({ maxPending: config.maxPending }), holdToFormat()], route(directory));
  const stop = async () => void (await Promise.all(Array.from(engines.values(), (engine) => engine.stop())));
  return {
    app: createApp({ generate, models: directory, settings: config, logger }),
    async start() {
      try {
        await Promise.all(Array.from(engines.values(), (engine) => engine.start()));
      } catch (error) {
        await stop();
        throw error;
      }
    },
    stop,
  };
}

/**
 * Creates a gateway, listens, and resolves when every model has loaded.
 *
 * It listens first: `/health` answers and `/ready` tells the progress while a large model loads.
 *
 * @throws the system's error when the address can't be had, `EngineLoadError` when a model can't be loaded
 */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  const gateway = await createGateway(options);
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
      await settledWithin(closed, graceMs);
      await gateway.stop();
      await settledWithin(closed, FAREWELL_MS);
      server.closeAllConnections();
      await closed;
    },
  };
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
      prefixStoreBytes: config.prefixStoreBytes,
    },
    logger: logger.child({ model: model.id }),
  });
}

async function describe(model: LocalModel, engine: Engine): Promise<ServedModel> {
  const { mtimeMs } = await stat(model.path);
  const { architecture, quantization, parameterCount, contextLength, vocabularySize, chatTemplate } = model.gguf;
  return {
    id: model.id,
    aliases: model.aliases,
    createdUnixSeconds: Math.floor(mtimeMs / 1000),
    ownedBy: "sluice",
    state: () => (engine.state === "stopped" ? "failed" : engine.state),
    details: {
      architecture,
      parameters: parameterCount,
      sizeBytes: model.sizeBytes,
      hasChatTemplate: chatTemplate,
      ...(quantization !== undefined && { quantization }),
      ...(contextLength !== undefined && { trainContextTokens: contextLength }),
      ...(vocabularySize !== undefined && { vocabularySize }),
      ...(model.sha256 !== undefined && { sha256: model.sha256 }),
    },
    generate: engine.generate,
    text: engine.text,
    info: () => engine.info,
  };
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
