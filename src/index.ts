/** What `import … from "sluice-gateway"` gives: a gateway in an app of one's own. */
import { setTimeout } from "node:timers/promises";
import { Hono } from "hono";
import type { z } from "zod";
import { fetchServed } from "./cli/fetch-models.ts";
import { loadConfig } from "./config/load.ts";
import type { configSchema } from "./config/schema.ts";
import { upstreamModels } from "./config/upstreams.ts";
import { type CallCount, countCalls } from "./gateway/count-calls.ts";
import { createGateway, type Gateway } from "./gateway/gateway.ts";
import { parseAliases } from "./routing/aliases.ts";
import { joinRoutes } from "./routing/routes.ts";
import { createLogger, type Logger } from "./telemetry/log.ts";

/** The settings by their names in `sluice.yaml`. */
export type Settings = Partial<z.input<typeof configSchema>>;

export type SluiceOptions = {
  /** Those that are left out have their defaults. No file and no `SLUICE_` variable is read. */
  readonly settings?: Settings;
  /** The path below which your app hands requests over, such as `/llm`; `/` if absent. */
  readonly path?: string;
  /** A pino logger; if absent, lines of the setting `logLevel` and above go to stderr. */
  readonly logger?: Logger;
  /** Ends the download of a model; its reason is thrown. */
  readonly signal?: AbortSignal;
};

export type Sluice = {
  /** Answers a request to the gateway. Its address is as your app got it, with `path` in it. */
  readonly fetch: (request: Request) => Promise<Response>;
  /** Lets running requests go on for at most `graceMs` (the setting `shutdownGraceMs` if absent), then stops the models' processes. */
  readonly close: (graceMs?: number) => Promise<void>;
};

/**
 * Downloads the models that are missing, and resolves when they are loaded.
 *
 * @throws a `ConfigError` that names each wrong setting, and what the download or the loading of a model throws
 * @example
 * const sluice = await openSluice({ path: "/llm", settings: { model: ["smollm2-135m-instruct"] } });
 * app.all("/llm/*", (c) => sluice.fetch(c.req.raw));
 */
export async function openSluice(options: SluiceOptions = {}): Promise<Sluice> {
  const { settings = {}, path = "/", signal = new AbortController().signal } = options;
  const { config, warnings } = loadConfig({
    flags: { config: "settings" },
    env: {},
    cwd: process.cwd(),
    // As a file, in which everything can be written that can be written in one.
    readFile: () => new TextEncoder().encode(JSON.stringify(settings)),
  });
  const logger = options.logger ?? createLogger({ level: config.logLevel });
  const warn = (message: string) => logger.warn(message);
  for (const warning of warnings) warn(warning);
  const { models, onDemand } = await fetchServed(
    config,
    { modelsDir: config.modelsDir, cwd: process.cwd(), env: process.env, stderr: process.stderr, signal },
    warn,
  );
  const { named, mayCome } = upstreamModels(config.upstreams);
  const served = [...models, ...onDemand, ...named];
  parseAliases(config.aliases, served, mayCome);
  joinRoutes(config.routes, served);

  const gateway = await createGateway({ config, models, onDemand, logger });
  await gateway.start();
  const app = path === "/" ? gateway.app : new Hono().route(path, gateway.app);
  const requests = countCalls();
  const generations = countGenerations(gateway);
  return {
    fetch: requests.around(async (request) => app.fetch(request)),
    async close(graceMs = config.shutdownGraceMs) {
      gateway.leave();
      gateway.leaveStreams();
      await gateway.leaveAsides();
      const done = requests.idle().then(generations.idle).then(gateway.settled);
      await Promise.race([done, setTimeout(graceMs, undefined, { ref: false })]);
      await gateway.stop();
    },
  };
}

/** Counts the answers that are being generated: a stream goes on after its response was handed over. */
function countGenerations({ observe }: Pick<Gateway, "observe">): Pick<CallCount, "idle"> {
  const running = countCalls();
  const ends = new Map<unknown, () => void>();
  const follow = running.around((request: unknown) => new Promise<void>((end) => ends.set(request, end)));
  observe((request, { type }) => {
    if (type === "began") void follow(request);
    if (type !== "ended" && type !== "failed") return;
    ends.get(request)?.();
    ends.delete(request);
  });
  return running;
}
