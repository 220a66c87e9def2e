import { once } from "node:events";
import { IncomingMessage, ServerResponse } from "node:http";
import { type AddressInfo, Socket } from "node:net";
import { serve } from "@hono/node-server";
import type { Hono } from "hono";
import { pino } from "pino";
import type { z } from "zod";
import type { CacheControl } from "../../src/cache/stats.ts";
import type { Backend } from "../../src/generation/backend.ts";
import { composeEmbed } from "../../src/generation/embedding.ts";
import type { GenerationEvent } from "../../src/generation/event.ts";
import { compose, type Generate } from "../../src/generation/layer.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import { type AppDeps, type AppSettings, createApp } from "../../src/http/app.ts";
import type { ConnectionLimits } from "../../src/http/connections.ts";
import type { HttpEnv } from "../../src/http/context.ts";
import { CutThrough } from "../../src/http/cut-through.ts";
import type { Pages } from "../../src/http/pages.ts";
import type { Reload } from "../../src/http/reload.ts";
import { createBackgroundRuns } from "../../src/http/responses/background.ts";
import type { LiveFeed } from "../../src/http/routes/live.ts";
import { listen as listenByOurselves } from "../../src/http/server.ts";
import type { RequestStop } from "../../src/http/stop.ts";
import type { StreamsDoor } from "../../src/http/streams/door.ts";
import type { ModelVersions } from "../../src/http/versions.ts";
import type { Access } from "../../src/keys/access.ts";
import { holdEmbeddingsToLimits, holdToLimits } from "../../src/keys/layer.ts";
import { fixedPresets } from "../../src/prompts/library.ts";
import type { Preset } from "../../src/prompts/preset.ts";
import type { WarmUp } from "../../src/prompts/warm-up.ts";
import { chatCompletionChunk } from "../../src/protocols/openai-responses.ts";
import { createModelDirectory, type DirectoryOptions } from "../../src/routing/directory.ts";
import type { ModelLibrary } from "../../src/routing/library.ts";
import { route, routeEmbeddings } from "../../src/routing/route.ts";
import { createState, type State } from "../../src/store/state.ts";
import { completionChunk } from "../fixtures/openai/completions.ts";
import { servedModel as fakeModel } from "../fixtures/served-model.ts";

export const MODEL_ID = "smollm2-135m-instruct";

/** The events of a generation whose choices each say `texts`. */
export function answerWith(texts: readonly string[], choices = 1): GenerationEvent[] {
  const all = Array.from({ length: choices }, (_, choice) => choice);
  return [
    { type: "started", promptTokens: 12, cachedTokens: 4 },
    ...texts.flatMap((text) => all.map((choice) => ({ type: "text", choice, text }) as const)),
    ...all.map((choice) => ({ type: "finished", choice, reason: "stop", completionTokens: texts.length + 1 }) as const),
  ];
}

/** A stand-in for the engine that plays `events`, or what `events` makes of the request. */
export function script(
  events: readonly GenerationEvent[] | ((request: GenerationRequest) => AsyncIterable<GenerationEvent>),
): Generate {
  if (typeof events === "function") {
    return events;
  }
  return async function* play() {
    yield* events;
  };
}

export function servedModel(generate: Generate, overrides: Partial<Backend> = {}): Backend {
  return fakeModel({ id: MODEL_ID, aliases: ["smollm2"], generate, ...overrides });
}

type LogLine = Readonly<Record<string, unknown>>;

export type TestAppOptions = {
  readonly generate?: Generate;
  readonly models?: readonly Backend[];
  readonly settings?: Partial<AppSettings>;
  /** What the settings say of the models' names. */
  readonly directory?: DirectoryOptions;
  readonly state?: State;
  readonly access?: Access;
  readonly files?: AppDeps["files"];
  readonly batches?: AppDeps["batches"];
  readonly streams?: StreamsDoor;
  /** The time in Unix ms. */
  readonly now?: () => number;
  readonly presets?: readonly Preset[];
  readonly library?: ModelLibrary;
  readonly isLeaving?: () => boolean;
  readonly cache?: CacheControl;
  readonly warmUp?: Pick<WarmUp, "add" | "state">;
  readonly requests?: AppDeps["requests"];
  readonly whatIf?: AppDeps["whatIf"];
  /** "none" for a gateway that can't be reloaded. */
  readonly requestStop?: RequestStop | "none";
  readonly reload?: Reload | "none";
  readonly pages?: Pages;
  readonly live?: LiveFeed;
  /** "none" for a gateway whose models have no versions. */
  readonly versions?: ModelVersions | "none";
};

const KEEP_ALL = { maxAgeMs: Number.MAX_SAFE_INTEGER, maxEntries: 1_000 };

/** The next turn of the event loop, by which a request that was answered is in the log. */
export function loopTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** One model with two versions, neither of which changes. */
const twoVersions = {
  id: MODEL_ID,
  versions: [
    { role: "stable", name: MODEL_ID, file: "a.gguf", quantization: "Q4_1", state: "ready", share: 0.9 },
    {
      role: "new",
      name: `${MODEL_ID}@new`,
      file: "a.gguf",
      path: "2026-11/a.gguf",
      modified_at: 1_795_336_200,
      lacks: ["chat_template"],
      state: "loading",
      share: 0.1,
    },
    { role: "refused", file: "c.gguf", path: "/elsewhere/c.gguf", modified_at: 1_795_336_201 },
  ],
} as const;
const fixedVersions: ModelVersions = {
  list: () => [twoVersions],
  promote: async () => twoVersions,
  rollback: async () => twoVersions,
};

/** A reload that finds nothing changed. */
async function reloadNothing(): ReturnType<Reload> {
  const none = { added: [], removed: [], changed: [] };
  const parts = { models: none, upstreams: none, aliases: none, routes: none, presets: none, keys: none };
  return { settings: [], ...parts, waiting: [], warnings: [] };
}

/** A stop after which it goes on. */
const stopNothing: RequestStop = () => ({ delayMs: 0, graceMs: 0 });

/** The gateway's app over a scripted engine, with what it logged and what runs in its background. */
export function createTestApp(options: TestAppOptions = {}) {
  const models = createModelDirectory(
    options.models ?? [servedModel(options.generate ?? script(answerWith(["Hello", " there", "!"])))],
    options.directory,
  );
  const log: LogLine[] = [];
  const logged = Promise.withResolvers<void>();
  const write = (line: string) => {
    log.push(JSON.parse(line));
    logged.resolve();
  };
  const runs = createBackgroundRuns();
  const app = createApp({
    runs,
    generate:
      options.access === undefined
        ? route(models)
        : compose([holdToLimits(options.access.keys, options.access.meter)], route(models)),
    embed:
      options.access === undefined
        ? routeEmbeddings(models)
        : composeEmbed([holdEmbeddingsToLimits(options.access.keys, options.access.meter)], routeEmbeddings(models)),
    models,
    ...(options.library !== undefined && { library: options.library }),
    presets: fixedPresets(options.presets ?? []),
    state: options.state ?? createState({ file: ":memory:", retention: KEEP_ALL }),
    ...(options.access !== undefined && { access: options.access }),
    ...(options.files !== undefined && { files: options.files }),
    ...(options.batches !== undefined && { batches: options.batches }),
    ...(options.streams !== undefined && { streams: options.streams }),
    ...(options.now !== undefined && { now: options.now }),
    ...(options.cache !== undefined && { cache: options.cache }),
    ...(options.warmUp !== undefined && { warmUp: options.warmUp }),
    ...(options.versions !== "none" && { versions: options.versions ?? fixedVersions }),
    ...(options.reload !== "none" && { reload: options.reload ?? reloadNothing }),
    ...(options.requestStop !== "none" && { requestStop: options.requestStop ?? stopNothing }),
    ...{ requests: options.requests, whatIf: options.whatIf },
    ...(options.isLeaving !== undefined && { isLeaving: options.isLeaving }),
    ...(options.pages !== undefined && { pages: options.pages }),
    ...(options.live !== undefined && { live: options.live }),
    writeMetrics: () => "# HELP things Things\n# TYPE things gauge\nthings 1\n",
    settings: { maxBodyBytes: 1_048_576, corsOrigins: [], ...options.settings },
    logger: pino({ level: "trace" }, { write }),
  });
  return { app, log, /** Resolves when the log has a line. */ logged: logged.promise, runs };
}

/** What `fetch` and `app.request` need for a chat completion. */
export function chatInit(body: Readonly<Record<string, unknown>> | string, signal?: AbortSignal) {
  const init = {
    method: "POST",
    headers: { "content-type": "application/json" },
    body:
      typeof body === "string"
        ? body
        : JSON.stringify({ model: MODEL_ID, messages: [{ role: "user", content: "Hi" }], ...body }),
  };
  return signal === undefined ? init : { ...init, signal };
}

/** What `fetch` and `app.request` need for any other JSON body. */
export function jsonInit(body: unknown, signal?: AbortSignal) {
  const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  return signal === undefined ? init : { ...init, signal };
}

const BOUNDARY = "----sluice-test";

/** What `fetch` and `app.request` need for a form. `file` and `data` are files, with a name of their own if they are given with one. */
export function formInit(fields: unknown) {
  const parts = Object.entries(Object(fields)).map(([name, value]) => {
    const { filename = "in.jsonl", content = value } = Object(value);
    const isFile = name === "file" || name === "data";
    const disposition = `form-data; name="${name}"${isFile ? `; filename="${filename}"` : ""}`;
    return `--${BOUNDARY}\r\ncontent-disposition: ${disposition}\r\n\r\n${String(content)}\r\n`;
  });
  const headers = { "content-type": `multipart/form-data; boundary=${BOUNDARY}` };
  return { method: "POST", headers, body: `${parts.join("")}--${BOUNDARY}--\r\n` };
}

export const CHAT = "/v1/chat/completions";
export const COMPLETIONS = "/v1/completions";

/** Serves `app` on a free port of the loopback interface until the scope ends. */
export async function listen(app: { fetch: (request: Request) => Response | Promise<Response> }) {
  const { promise, resolve } = Promise.withResolvers<AddressInfo>();
  const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }, resolve);
  const { port } = await promise;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    /** Node's server, for its events. */
    node: server,
    async [Symbol.asyncDispose]() {
      if ("closeAllConnections" in server) {
        server.closeAllConnections();
      }
      await new Promise((closed) => server.close(closed));
    },
  };
}

/** Limits that no test reaches unless it is about them. */
const WIDE: ConnectionLimits = {
  headerTimeoutMs: 60_000,
  bodyTimeoutMs: 60_000,
  minBodyRate: 1,
  keepAliveMs: 60_000,
  readTimeoutMs: 60_000,
  maxConnections: 1_000,
};

/** As `listen`, by Sluice's own server, whose streams go past web streams. */
export async function listenAsGateway(
  app: Parameters<typeof listenByOurselves>[0],
  limits: Partial<Parameters<typeof listenByOurselves>[1]> = {},
) {
  const { server, url } = await listenByOurselves(app, { ...WIDE, ...limits, host: "127.0.0.1", port: 0 });
  return {
    port: Number(new URL(url).port),
    url,
    node: server,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

/** A connection to a client that reads all that is written after the head of an answer. */
class ReadConnection extends Socket {
  #hasBegun = false;
  #reader: ReadableStreamDefaultController<Uint8Array> | undefined;
  readonly body = new ReadableStream<Uint8Array>({
    start: (reader) => {
      this.#reader = reader;
    },
    cancel: async () => {
      this.#reader = undefined;
      this.destroy();
      await once(this, "close");
    },
  });

  constructor() {
    super();
    this.on("error", (error) => this.#reader?.error(error));
  }

  override _write(chunk: Buffer | string, encoding: BufferEncoding, done: () => void): void {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk;
    const rest = this.#hasBegun ? bytes : bytes.subarray(bytes.indexOf("\r\n\r\n") + 4);
    this.#hasBegun = true;
    if (rest.length > 0) this.#reader?.enqueue(new Uint8Array(rest));
    done();
  }

  override _writev(chunks: readonly { readonly chunk: Buffer | string }[], done: () => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => Buffer.from(chunk))), "utf8", done);
  }

  closeBody(): void {
    this.#reader?.close();
  }
}

/** As `app.request`, with streams by cut-through, over a connection in memory. */
export function requestCutThrough(app: Pick<Hono<HttpEnv>, "request">) {
  return async (path: string, init?: RequestInit): Promise<Response> => {
    const connection = new ReadConnection();
    // Of HTTP/1.0, so that the body is not in chunks.
    const outgoing = new ServerResponse(new IncomingMessage(connection));
    outgoing.assignSocket(connection);
    outgoing.once("finish", () => connection.closeBody());
    const cutThrough = new CutThrough(outgoing);
    const answer = await app.request(path, init, { cutThrough });
    const left = cutThrough.send(answer);
    if (!outgoing.headersSent) return left;
    const headers = new Headers(answer.headers);
    headers.delete("x-hono-already-sent");
    return new Response(connection.body, { status: answer.status, headers });
  };
}

/** The data of each event of a stream, in order. */
export function parseFrames(stream: string): string[] {
  const frames = stream.split("\n\n");
  if (frames.pop() !== "") {
    throw new Error("The stream does not end with a whole frame.");
  }
  return frames.map((frame) => {
    if (!frame.startsWith("data: ") || frame.includes("\n")) {
      throw new Error(`Not one line of data: ${frame}`);
    }
    return frame.slice("data: ".length);
  });
}

/** The chunks of a whole stream, each held to OpenAI's description. Throws when it doesn't end with `[DONE]`. */
export function parseChunks(stream: string): z.infer<typeof chatCompletionChunk>[] {
  return parseWholeStream(stream).map((chunk) => chatCompletionChunk.parse(chunk));
}

/** As `parseChunks`, of a streamed completion. */
export function parseCompletionChunks(stream: string): z.infer<typeof completionChunk>[] {
  return parseWholeStream(stream).map((chunk) => completionChunk.parse(chunk));
}

function parseWholeStream(stream: string): unknown[] {
  const frames = parseFrames(stream);
  if (frames.pop() !== "[DONE]") {
    throw new Error("The stream does not end with [DONE].");
  }
  return frames.map((frame) => JSON.parse(frame));
}

/** The text of one choice, put together from its chunks. */
export function textOf(chunks: readonly z.infer<typeof chatCompletionChunk>[], choice = 0): string {
  return chunks
    .flatMap((chunk) => chunk.choices)
    .filter(({ index }) => index === choice)
    .map(({ delta }) => delta.content ?? "")
    .join("");
}
