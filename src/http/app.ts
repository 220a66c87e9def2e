import { Hono } from "hono";
import { every } from "hono/combine";
import { methodNotAllowed } from "hono/method-not-allowed";
import { getPath } from "hono/utils/url";
import type { Logger } from "pino";
import type { CacheControl } from "../cache/stats.ts";
import type { Generate } from "../generation/layer.ts";
import type { Access } from "../keys/access.ts";
import { fixedPresets, type PresetLibrary } from "../prompts/library.ts";
import type { WarmUp } from "../prompts/warm-up.ts";
import type { ModelDirectory } from "../routing/directory.ts";
import type { State } from "../store/state.ts";
import type { HttpEnv } from "./context.ts";
import { errorHandler, HttpError } from "./errors.ts";
import type { HostPolicy } from "./hosts.ts";
import { accessLog } from "./middleware/access-log.ts";
import { anthropicForm, isFromAnthropicClient } from "./middleware/anthropic-form.ts";
import { authenticate } from "./middleware/authenticate.ts";
import { limitBody } from "./middleware/body-limit.ts";
import { cacheHeaders } from "./middleware/cache-headers.ts";
import { allowOrigins } from "./middleware/cors.ts";
import { jsonPosts } from "./middleware/json-posts.ts";
import { openaiHeaders } from "./middleware/openai-headers.ts";
import { ownHost } from "./middleware/own-host.ts";
import { queueHeaders } from "./middleware/queue-headers.ts";
import { rateLimitHeaders } from "./middleware/rate-limit-headers.ts";
import { requestId } from "./middleware/request-id.ts";
import { schemaHeaders } from "./middleware/schema-headers.ts";
import { toolHeaders } from "./middleware/tool-headers.ts";
import { canonicalPath } from "./path.ts";
import { presetOpener } from "./preset.ts";
import { type BackgroundRuns, createBackgroundRuns } from "./responses/background.ts";
import { clearCache, showCache, warmCache } from "./routes/cache.ts";
import { chatCompletions } from "./routes/chat.ts";
import { completions } from "./routes/completions.ts";
import { docsPage, openapiDocument } from "./routes/docs.ts";
import { elsewhere, speakOllama } from "./routes/elsewhere.ts";
import { embeddings } from "./routes/embeddings.ts";
import { health, ready } from "./routes/health.ts";
import { countMessageTokens, createMessage } from "./routes/messages.ts";
import { listModels, showModel } from "./routes/models.ts";
import { rerank } from "./routes/rerank.ts";
import { addStateRoutes } from "./routes/state.ts";
import { applyTemplate, detokenize, tokenize } from "./routes/text.ts";
import { unknownUrl, wrongMethod } from "./routes/unknown.ts";
import { adminOnly, showUsage } from "./routes/usage.ts";

export type AppSettings = {
  /** Largest request body, in bytes. */
  readonly maxBodyBytes: number;
  /** Origins that browsers may call from, or `*`. */
  readonly corsOrigins: readonly string[];
  /** Whether presets are listed among the models; they are if absent. */
  readonly listPresets?: boolean;
  /** By which names requests may call it while there are no keys; any if absent. */
  readonly hosts?: HostPolicy;
};

export type AppDeps = {
  /** Runs a request through all layers to the backend. */
  readonly generate: Generate;
  readonly models: ModelDirectory;
  /** Prompts that were prepared; none if absent. */
  readonly presets?: PresetLibrary;
  readonly settings: AppSettings;
  /** What must survive a restart. */
  readonly state: State;
  /** The responses that run without their clients. */
  readonly runs?: BackgroundRuns;
  /** Who may ask, for how much; without it everybody, for everything. */
  readonly access?: Access;
  /** Stored answers, for who may look after them. */
  readonly cache?: CacheControl;
  /** What is done for presets before anybody asks. */
  readonly warmUp?: Pick<WarmUp, "add" | "state">;
  readonly logger: Logger;
  /** The time in Unix ms; `Date.now` if absent. */
  readonly now?: () => number;
};

/** The paths that are the gateway's. When it is mounted in another app it leaves the others alone. */
const OWN_PATHS = [
  "/v1/*",
  "/rerank",
  "/health",
  "/ready",
  "/tokenize",
  "/detokenize",
  "/apply-template",
  "/openapi.json",
  "/docs",
  "/admin/*",
];

/** What says nothing of anybody's work: probes and the API's description. */
export const OPEN_PATHS: readonly string[] = ["/health", "/ready", "/openapi.json", "/docs"];

/**
 * The gateway's HTTP interface, to be served by itself or mounted in another Hono app.
 *
 * @example
 * const app = createApp({ generate, models, state, settings: config, logger });
 * serve({ fetch: app.fetch, port: 8080 });
 */
export function createApp(deps: AppDeps): Hono<HttpEnv> {
  const {
    generate,
    models,
    settings,
    state,
    runs = createBackgroundRuns(),
    access,
    cache,
    warmUp,
    logger,
    now = Date.now,
  } = deps;
  const { presets = fixedPresets([]) } = deps;
  const openPreset = presetOpener(presets, models);
  const app = new Hono<HttpEnv>({ getPath: (request) => canonicalPath(getPath(request)) });
  const onError = errorHandler(logger);
  const isOurs = ownHost(settings.hosts, access);
  const forEveryRequest = every(
    requestId(),
    openaiHeaders(now),
    accessLog(logger, now),
    queueHeaders(),
    cacheHeaders(),
    toolHeaders(),
    schemaHeaders(),
    allowOrigins(settings.corsOrigins),
  );
  app.use("/v1/messages/*", anthropicForm());
  app.use("/v1/models/*", anthropicForm(isFromAnthropicClient));
  for (const path of OWN_PATHS) {
    app.use(path, forEveryRequest, isOurs);
    if (!OPEN_PATHS.includes(path)) app.use(path, authenticate(access), rateLimitHeaders());
    app.use(path, methodNotAllowed({ app, onMethodNotAllowed: wrongMethod }));
  }

  app.get("/health", health());
  app.get("/ready", ready(models));
  app.get("/openapi.json", openapiDocument());
  app.get("/docs", docsPage());
  app.get("/v1/models", listModels(models, presets, settings.listPresets ?? true));
  app.get("/v1/models/:id{.+}", showModel(models, presets));
  const isJson = jsonPosts(settings.corsOrigins, false);
  const takesJson = every(jsonPosts(settings.corsOrigins, true), limitBody(settings.maxBodyBytes));
  app.post("/v1/chat/completions", takesJson, chatCompletions({ generate, models, openPreset, state, logger, now }));
  app.post("/v1/completions", takesJson, completions({ generate, models, logger, now }));
  app.post("/v1/messages", takesJson, createMessage({ generate, models, openPreset, logger }));
  app.post("/v1/messages/count_tokens", takesJson, countMessageTokens({ models, openPreset }));
  app.post("/v1/embeddings", takesJson, embeddings(models));
  for (const path of ["/v1/rerank", "/rerank"]) app.post(path, takesJson, rerank(models));
  app.post("/tokenize", takesJson, tokenize(models));
  app.post("/detokenize", takesJson, detokenize(models));
  app.post("/apply-template", takesJson, applyTemplate(models, openPreset));
  app.get("/admin/usage", adminOnly(), showUsage(state.usage, access));
  app.get("/admin/cache", adminOnly(), showCache(cache, warmUp));
  app.delete("/admin/cache", adminOnly(), clearCache(cache));
  app.post("/admin/cache/warm", isJson, adminOnly(), warmCache(presets, warmUp));
  addStateRoutes(app, { generate, models, openPreset, state, runs, logger, now }, { takesJson, isJson });

  for (const path of OWN_PATHS) {
    app.all(path, unknownUrl);
  }
  app.notFound(async (c) => {
    speakOllama(c);
    await forEveryRequest(c, async () => {
      try {
        await isOurs(c, async () => {
          c.res = elsewhere(c);
        });
      } catch (error) {
        if (!(error instanceof HttpError)) throw error;
        c.res = await onError(error, c);
      }
    });
    return c.res;
  });
  app.onError(onError);
  return app;
}
