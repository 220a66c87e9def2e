import { type Flags, loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { upstreamModels } from "../config/upstreams.ts";
import type { GatewayOptions } from "../gateway/options.ts";
import type { RunningGateway } from "../gateway/start.ts";
import type { StopPlan } from "../http/stop.ts";
import { isExposed } from "../keys/exposure.ts";
import { parseAliases } from "../routing/aliases.ts";
import { joinRoutes } from "../routing/routes.ts";
import { createLogger, type Logger } from "../telemetry/log.ts";
import { readVersion } from "../version.ts";
import { describeModels, describeUpstreams, formatBanner } from "./banner.ts";
import { type CliContext, EXIT } from "./context.ts";
import { fetchModels, fetchServed } from "./fetch-models.ts";
import { hasKeys } from "./has-keys.ts";
import { InterruptedError, type Interrupts, watchInterrupts } from "./interrupts.ts";
import { addressesOf, addressOf, checkAddress, explainListenError } from "./listen.ts";
import { readSettings } from "./read-settings.ts";
import { createReloading, watchSettings } from "./reloading.ts";
import { startGateway } from "./start-gateway.ts";
import { holdStopRequest, type StopRequest } from "./stop-request.ts";
import { watchTerminal } from "./terminal.ts";

/** The dependencies of `serve`. */
export type ServeParts = {
  readonly fetchModels: typeof fetchModels;
  readonly startGateway: (options: GatewayOptions) => Promise<RunningGateway>;
  readonly createLogger: typeof createLogger;
};

const realParts: ServeParts = {
  fetchModels,
  startGateway,
  createLogger,
};

/** How long requests may take to finish after an uncaught error; less if the setting is lower. */
const DEFECT_GRACE_MS = 5_000;
/** How long the cleanup may take after the grace period before the process exits without it. */
const STOP_OVERRUN_MS = 5_000;

/**
 * `sluice serve`: gets the models, starts the gateway, prints the banner and runs until SIGINT or SIGTERM. The first signal lets
 * running requests finish, a second one ends the process at once. Returns the exit code. Throws a ConfigError, a CommandError for
 * an address that is unavailable, an ExposedError for one that would be open to any client, an InterruptedError for a signal before the gateway ran, and what the models or the engine throw.
 */
export async function serve(flags: Flags, context: CliContext, parts: ServeParts = realParts): Promise<number> {
  const loaded = loadConfig({ flags, env: context.env, cwd: context.cwd });
  const { config, warnings } = loaded;
  const logger = parts.createLogger({ level: config.logLevel });
  const reloading = createReloading();
  for (const warning of warnings) logger.warn(warning);
  using _ = config.watchSettings ? watchSettings(loaded, flags, context, logger, reloading.ask) : undefined;
  const interrupts = watchInterrupts({
    source: context.process,
    env: context.env,
    exitNow: ({ signalName, exitCode }) => {
      logger.warn(`${signalName} again: exiting at once; running requests are cut off`);
      context.process.exit(exitCode);
    },
    hangUp: { isTerminalGone: watchTerminal(), onReload: reloading.ask, held: context.hangUps },
  });
  try {
    // Before a model is downloaded in vain. The gateway checks again, and warns.
    const needsKey = hasKeys(config, context.cwd);
    isExposed(config, needsKey);
    for (const address of addressesOf(config)) await checkAddress(address);
    const { models, onDemand } = await fetchServed(
      config,
      {
        ...{ modelsDir: config.modelsDir, cwd: context.cwd, env: context.env },
        ...{ stderr: context.stderr, signal: interrupts.signal },
      },
      (message) => logger.warn(message),
      parts.fetchModels,
    );
    const readAgain = async () => {
      const warnings: string[] = [];
      const read = await readSettings(flags, context, (warning) => {
        logger.warn(warning);
        warnings.push(warning);
      });
      return { ...read, warnings };
    };
    const { named, mayCome } = upstreamModels(config.upstreams);
    const served = [...models, ...onDemand, ...named];
    parseAliases(config.aliases, served, mayCome);
    joinRoutes(config.routes, served);
    const stopRequest = holdStopRequest(config, context.env);
    const { requestStop } = stopRequest;
    const starting = parts.startGateway({ config, models, onDemand, logger, readAgain, requestStop });
    const gateway = await Promise.race([unlessInterrupted(starting, interrupts), stopRequest.asked]);
    if (gateway === undefined) {
      logger.info("POST /admin/stop: stopped before the gateway was ready");
      return EXIT.done;
    }
    const shown = [...describeModels(models, config), ...describeModels(onDemand, config, true)];
    context.stdout.write(formatBanner(readVersion(), gateway.url, shown, needsKey, describeUpstreams(config)));
    reloading.begin(gateway);
    return await runUntilEnd(gateway, config, logger, interrupts, { ...context, stopRequest });
  } catch (error) {
    if (error instanceof InterruptedError) logger.info(`${error.signalName}: stopped before the gateway was ready`);
    throw explainListenError(error, addressOf(error, config));
  } finally {
    interrupts.dispose();
  }
}

/** An aborted start isn't awaited: nothing can be lost yet, and the engine ends with this process. */
function unlessInterrupted<T>(work: Promise<T>, { signal }: Interrupts): Promise<T> {
  const interrupted = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  return Promise.race([work, interrupted]);
}

async function runUntilEnd(
  gateway: RunningGateway,
  config: Config,
  logger: Logger,
  { signal }: Interrupts,
  { process, stopRequest }: Pick<CliContext, "process"> & { readonly stopRequest: StopRequest },
): Promise<number> {
  const ending = Promise.withResolvers<Cause>();
  const onSignal = (): void => {
    logger.info(
      `${signal.reason.signalName}: ${farewell(planFor("signal", config, stopRequest))} A second signal exits at once.`,
    );
    ending.resolve("signal");
  };
  const onDefect = (err: Error): void => {
    logger.fatal({ err }, "A defect in Sluice: an error that nothing caught. The gateway stops; please report it.");
    ending.resolve("defect");
  };
  process.on("uncaughtException", onDefect);
  if (signal.aborted) onSignal();
  else signal.addEventListener("abort", onSignal, { once: true });
  void stopRequest.asked.then(() => {
    logger.info(`POST /admin/stop: ${farewell(stopRequest.plan())}`);
    ending.resolve("request");
  });
  try {
    const cause = await ending.promise;
    const { graceMs, delayMs } = planFor(cause, config, stopRequest);
    const stopped = await stopWithin(gateway, graceMs, delayMs);
    if (stopped) logger.info("stopped");
    else logger.error(`The gateway did not stop within ${delayMs + graceMs + STOP_OVERRUN_MS} ms; exiting anyway.`);
    return cause !== "defect" && stopped ? EXIT.done : EXIT.failed;
  } finally {
    process.off("uncaughtException", onDefect);
  }
}

type Cause = "signal" | "request" | "defect";

function planFor(
  cause: Cause,
  { shutdownGraceMs, drainDelayMs }: Config,
  stopRequest: Pick<StopRequest, "plan">,
): StopPlan {
  if (cause === "request") return stopRequest.plan();
  // After a defect no more is taken on.
  if (cause === "defect") return { delayMs: 0, graceMs: Math.min(DEFECT_GRACE_MS, shutdownGraceMs) };
  return { delayMs: drainDelayMs, graceMs: shutdownGraceMs };
}

function farewell({ delayMs, graceMs }: StopPlan): string {
  const delay = delayMs > 0 ? `/ready is 503 now; in ${delayMs} ms, ` : "";
  return `${delay}accepting no new requests; running ones have ${graceMs} ms to finish.`;
}

/** Whether the gateway stopped in time. */
async function stopWithin(gateway: RunningGateway, graceMs: number, delayMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const overrun = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, delayMs + graceMs + STOP_OVERRUN_MS, false);
  });
  try {
    return await Promise.race([gateway.stop(graceMs, delayMs).then(() => true), overrun]);
  } finally {
    clearTimeout(timer);
  }
}
