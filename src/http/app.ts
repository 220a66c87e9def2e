import { randomUUID } from "node:crypto";
import { type Handler, Hono } from "hono";
import { methodNotAllowed } from "hono/method-not-allowed";
import { getPath } from "hono/utils/url";
import type { Logger } from "pino";
import type { Batches } from "../batch/open.ts";
import type { CacheControl } from "../cache/stats.ts";
import type { Files } from "../files/files.ts";
import { openFiles } from "../files/open.ts";
import type { Embed } from "../generation/embedding.ts";
import type { Generate } from "../generation/layer.ts";
import type { Access } from "../keys/access.ts";
import { fixedPresets, type PresetLibrary } from "../prompts/library.ts";
import type { WarmUp } from "../prompts/warm-up.ts";
import type { ModelDirectory } from "../routing/directory.ts";
import type { ModelLibrary } from "../routing/library.ts";
import type { State } from "../store/state.ts";
import { requestAs } from "./arrival.ts";
import type { HttpEnv } from "./context.ts";
import { ANTHROPIC_ERRORS, isFromAnthropicClient, LLAMA_SERVER_ERRORS, OLLAMA_ERRORS, speak } from "./error-form.ts";
import { errorHandler } from "./errors.ts";
import type { HostPolicy } from "./hosts.ts";
import type { NoteAnswer } from "./middleware/access-log.ts";
import { limitBody } from "./middleware/body-limit.ts";
import { assertForm, assertJson, assertLines } from "./middleware/json-posts.ts";
import { passThrough } from "./middleware/pass.ts";
import { readObjectives } from "./objectives.ts";
import type { Pages } from "./pages.ts";
import { presetOpener } from "./preset.ts";
import type { Reload } from "./reload.ts";
import { type BackgroundRuns, createBackgroundRuns } from "./responses/background.ts";
import { elsewhere } from "./routes/elsewhere.ts";
import type { LiveFeed } from "./routes/live.ts";
import type { RecentRequests } from "./routes/requests.ts";
import { unknownUrl, wrongMethod } from "./routes/unknown.ts";
import { assertAdmin } from "./routes/usage.ts";
import type { AskWhatIf } from "./routes/what-if.ts";
import {
  canonicalPath,
  honoPath,
  MCP_PATH,
  METRICS_PATH,
  OPEN_PATHS,
  OWN_PATHS,
  type Route,
  type RouteDeps,
  routes,
} from "./routes.ts";
import type { RequestStop } from "./stop.ts";
import { createStreamsDoor, type StreamsDoor } from "./streams/door.ts";
import type { ShelfDeps } from "./tenant.ts";
import type { TraceOf } from "./trace.ts";
import type { ModelVersions } from "./versions.ts";

export type AppSettings = {
  /** Largest request body, in bytes. */
  readonly maxBodyBytes: number;
  /** See `ConnectionLimits`; 1,024 if absent. */
  readonly maxConnections?: number;
  /** Origins that browsers may call from, or `*`. */
  readonly corsOrigins: readonly string[];
  /** Whether presets are listed among the models; they are if absent. */
  readonly listPresets?: boolean;
  /** What all WebSockets together may remember, in bytes; 256 MiB if absent. */
  readonly maxRememberedBytes?: number;
  /** How long files for batches are kept if nothing else is said, in days; 30 if absent. */
  readonly stateMaxDays?: number;
  /** By which names requests may call it while there are no keys; any if absent. */
  readonly hosts?: HostPolicy;
  /** Who may read the metrics: who holds a key if there are keys, anyone, or nobody; `key` if absent. */
  readonly metrics?: "key" | "open" | "off";
  /** Whether MCP is served; it isn't if absent, and then its path belongs to whoever mounts the app. */
  readonly mcp?: boolean;
  /** The classes of llm-d's objectives, as `NAME=CLASS`; none if absent. */
  readonly objectives?: readonly string[];
};

export type AppDeps = {
  /** Runs a request through all layers to the backend. */
  readonly generate: Generate;
  /** The same for vectors and scores. */
  readonly embed: Embed;
  readonly models: ModelDirectory;
  /** The models on this machine's disk, for who may look after them. */
  readonly library?: ModelLibrary;
  /** Prompts that were prepared; none if absent. */
  readonly presets?: PresetLibrary;
  readonly settings: AppSettings;
  /** What must survive a restart. */
  readonly state: State;
  /** Opens the stored files; without it they are in a folder for this process only. */
  readonly files?: () => Promise<Files>;
  /** A tenant's files and batches, if gateways share them; else they are in the state. */
  readonly shelf?: ShelfDeps["shelf"];
  /** What runs the batches; without it they wait. */
  readonly batches?: Pick<Batches, "wake" | "look" | "live">;
  /** The responses that run without their clients. */
  readonly runs?: BackgroundRuns;
  /** The streams that can be taken up; kept for half a minute, in 64 MiB, if absent. */
  readonly streams?: StreamsDoor;
  /** Who may ask, for how much; without it everybody, for everything. */
  readonly access?: Access;
  /** Stored answers, for who may look after them. */
  readonly cache?: CacheControl;
  /** What is done for presets before anybody asks. */
  readonly warmUp?: Pick<WarmUp, "add" | "state">;
  /** Reads the settings again; they stay as they are if absent. */
  readonly reload?: Reload;
  /** Has the process stop; another program does that if absent. */
  readonly requestStop?: RequestStop;
  /** The versions of local models; they have none if absent. */
  readonly versions?: ModelVersions;
  /** Tells requests that came back from its own upstreams; a random one if absent. */
  readonly gatewayId?: string;
  /** Whether the gateway is about to stop; never if absent. */
  readonly isLeaving?: () => boolean;
  /** What people look at; none if absent. */
  readonly pages?: Pages;
  /** Tells what is live; nothing if absent. */
  readonly live?: LiveFeed;
  /** Writes the metrics; none if absent. */
  readonly writeMetrics?: () => string;
  /** The last requests; none are kept if absent. */
  readonly requests?: RecentRequests | undefined;
  /** Simulates other settings; it can't be asked if absent. */
  readonly whatIf?: AskWhatIf | undefined;
  /** Hears of each answer. */
  readonly noteAnswer?: NoteAnswer | undefined;
  /** The place of a request in a trace; as its client says if absent. */
  readonly traceOf?: TraceOf | undefined;
  readonly logger: Logger;
  /** The time in Unix ms; `Date.now` if absent. */
  readonly now?: () => number;
};

const DAY_MS = 24 * 60 * 60 * 1000;

const NO_BATCHES = { wake() {}, look() {}, live: () => undefined };

const STREAM_LIMITS = { resumeGraceMs: 30_000, resumeKeepMs: 30_000, resumeBytes: 64 * 1024 ** 2 };

const UNSHARED_FILES = { stateFile: ":memory:", maxFileBytes: 1024 ** 3, maxTenantBytes: 1024 ** 3 };

/**
 * The gateway's HTTP interface, to be served by itself or mounted in another Hono app.
 *
 * @example
 * const app = createApp({ generate, embed, models, state, settings: config, logger });
 * serve({ fetch: app.fetch, port: 8080 });
 */
export function createApp(deps: AppDeps): Hono<HttpEnv> {
  const {
    generate,
    embed,
    models,
    settings,
    state,
    runs = createBackgroundRuns(),
    streams = createStreamsDoor(STREAM_LIMITS),
    access,
    cache,
    warmUp,
    gatewayId = randomUUID(),
    logger,
    now = Date.now,
  } = deps;
  const { presets = fixedPresets([]) } = deps;
  const files = deps.files ?? openFiles({ state, ...UNSHARED_FILES, now }).open;
  const openPreset = presetOpener(presets, models);
  const { pages } = deps;
  const app = new Hono<HttpEnv>({ getPath: (request) => pages?.pathOf(request) ?? canonicalPath(getPath(request)) });
  const onError = errorHandler(logger);
  const objectives = readObjectives(settings.objectives ?? []);
  const occupancyOf = (model: string) => models.find(model)?.occupancy?.();
  const { noteAnswer, traceOf } = deps;
  const pass = (isOpen: boolean) =>
    passThrough({
      ...{ settings, access, isOpen, onError, gatewayId, logger, now },
      ...{ noteAnswer, traceOf, occupancyOf, objectives },
    });
  app.use("/v1/messages/*", speak(ANTHROPIC_ERRORS));
  app.use("/v1/models/*", speak(ANTHROPIC_ERRORS, isFromAnthropicClient));
  for (const { path, errorForm } of routes) {
    if (errorForm !== undefined) app.use(path, speak(errorForm));
  }
  app.use("/api/*", speak(OLLAMA_ERRORS));
  // llama-server saves and erases single slots there, which isn't done here.
  app.use("/slots/*", speak(LLAMA_SERVER_ERRORS));
  const isThere = (path: string) => path !== MCP_PATH || settings.mcp === true;
  const ownPaths = OWN_PATHS.filter(isThere);
  for (const path of ownPaths) {
    app.use(path, pass(OPEN_PATHS.includes(path) || (path === METRICS_PATH && settings.metrics === "open")));
  }

  const { maxBodyBytes, maxConnections = 1_024, corsOrigins, maxRememberedBytes } = settings;
  const routeDeps: RouteDeps = {
    ...{ maxBodyBytes, maxConnections, corsOrigins, ...(maxRememberedBytes !== undefined && { maxRememberedBytes }) },
    ...{ generate, embed, models, presets, openPreset, state, runs, streams, access, cache, warmUp, logger, now },
    ...{
      files,
      shelf: deps.shelf,
      batches: deps.batches ?? NO_BATCHES,
      batchFileMs: (settings.stateMaxDays ?? 30) * DAY_MS,
    },
    library: deps.library,
    live: deps.live,
    reload: deps.reload,
    requestStop: deps.requestStop,
    requests: deps.requests,
    whatIf: deps.whatIf,
    versions: deps.versions,
    gatewayId,
    isLeaving: deps.isLeaving ?? (() => false),
    callAs: (caller) => requestAs(app, caller),
    writeMetrics: settings.metrics === "off" ? undefined : deps.writeMetrics,
    listsPresets: settings.listPresets ?? true,
  };
  for (const route of routes.filter(({ path }) => isThere(path))) {
    app.on(route.method.toUpperCase(), [honoPath(route)], guard(route, settings, route.answer(routeDeps)));
  }

  for (const path of ownPaths) {
    app.all(path, methodNotAllowed({ app, onMethodNotAllowed: wrongMethod }), unknownUrl);
  }
  const everywhereElse = pass(true);
  app.notFound(async (c) => {
    await everywhereElse(c, async () => {
      c.res = await elsewhere(c, pages);
    });
    return c.res;
  });
  app.onError(onError);
  return app;
}

/** Nobody reads the body of an answer to HEAD, so it is ended here: what it has opened would stay open. */
async function withoutBody(answer: Response): Promise<Response> {
  // A file's stream says that it was cut off, as it was.
  await answer.body?.cancel().catch(() => {});
  return new Response(null, answer);
}

/** What is checked of a request before its route answers. */
function guard(route: Route, { corsOrigins, maxBodyBytes }: AppSettings, answer: Handler<HttpEnv>): Handler<HttpEnv> {
  const hasBody = route.request !== undefined;
  const isForm = route.request?.isForm === true;
  const isLines = route.request?.isLines === true;
  const isPost = hasBody || route.method === "post";
  const isForAdmins = route.access === "admin";
  const bound = limitBody(maxBodyBytes);
  return async (c, next) => {
    c.get("facts").path = route.path;
    if (isForm) assertForm(c, corsOrigins);
    else if (isLines) assertLines(c, corsOrigins);
    else if (isPost) assertJson(c, corsOrigins, hasBody);
    if (hasBody && !isForm && !isLines) await bound(c);
    if (isForAdmins) assertAdmin(c);
    return c.req.method === "HEAD" ? withoutBody(await answer(c, next)) : answer(c, next);
  };
}
