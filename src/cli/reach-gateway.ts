import { z } from "zod";
import { CLIENT_KEYS, type KeyVariables } from "../config/environment.ts";
import { type Flags, loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import type { GatewayOptions } from "../gateway/options.ts";
import type { RunningGateway } from "../gateway/start.ts";
import { createLogger } from "../telemetry/log.ts";
import type { CliContext } from "./context.ts";
import { CommandError } from "./errors.ts";
import { fetchModels, fetchServed, resolveModels } from "./fetch-models.ts";
import { createGatewayClient, type GatewayClient, urlOf } from "./gateway-client.ts";
import { startGateway } from "./start-gateway.ts";

/** How long a gateway on this machine may take to respond. */
const PROBE_MS = 1_000;

const modelList = z.object({ data: z.array(z.object({ id: z.string(), state: z.string() })) });

/** The dependencies of a gateway for one command. */
type ReachParts = {
  readonly fetchModels: typeof fetchModels;
  readonly startGateway: (options: GatewayOptions) => Promise<RunningGateway>;
};

type ReachOptions = {
  /** The state file of a gateway that is started for the command; in memory by default. */
  readonly stateFile?: string;
  /** The variables that may hold the key; those of clients by default. */
  readonly keyVariables?: KeyVariables;
  readonly parts?: ReachParts;
};

const realParts: ReachParts = {
  fetchModels,
  startGateway,
};

/** The gateway that a command uses. */
export type Reached = {
  readonly client: GatewayClient;
  readonly config: Config;
  /** The ids of the models that `--model` names; empty where it names none. */
  readonly models: readonly string[];
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

/**
 * Returns the gateway for a command: the one at `--url`; otherwise a running one at the configured address that serves the `--model`; otherwise
 * one started only for this command, on a free loopback port, which logs only errors.
 */
export async function reachGateway(
  flags: Flags,
  context: CliContext,
  signal: AbortSignal,
  { stateFile = ":memory:", keyVariables = CLIENT_KEYS, parts = realParts }: ReachOptions = {},
): Promise<Reached> {
  const { env, cwd, stderr } = context;
  const { config } = loadConfig({ flags, env, cwd });
  const models =
    flags.model === undefined ? [] : (await resolveModels(config.model, cwd)).map((reference) => reference.id);
  const found = await findRunning(flags, config, models, { env, keyVariables, signal });
  if (found !== undefined) return { client: found, config, models, [Symbol.asyncDispose]: async () => {} };

  const { modelsDir } = config;
  const logger = createLogger({ level: "error" });
  const fetching = { modelsDir, cwd, env, stderr, signal };
  const local = await fetchServed(config, fetching, (message) => logger.warn(message), parts.fetchModels);
  stderr.write(`No gateway with the needed models runs at ${urlOf(config)}: starting one for this command.\n`);
  const gateway = await parts.startGateway({
    // Used only by this command, so it requires no key.
    config: {
      ...config,
      ...{ host: "127.0.0.1", port: 0, stateFile, keysFile: "", apiKey: "", warmPresets: false },
    },
    ...local,
    logger,
  });
  return {
    client: createGatewayClient(gateway.url, env, signal),
    config,
    models,
    [Symbol.asyncDispose]: () => gateway.stop(0),
  };
}

async function findRunning(
  flags: Flags,
  config: Config,
  models: readonly string[],
  { env, keyVariables, signal }: Pick<CliContext, "env"> & { keyVariables: KeyVariables; signal: AbortSignal },
): Promise<GatewayClient | undefined> {
  if (typeof flags.url === "string") return createGatewayClient(flags.url, env, signal, keyVariables);
  const url = urlOf(config);
  if (!(await isListening(url, signal))) return undefined;
  const client = createGatewayClient(url, env, signal, keyVariables);
  const served = modelList.safeParse(await client.get("/v1/models"));
  if (!served.success) {
    throw new CommandError(
      `The program that listens on ${url} is not Sluice. Set --url to the gateway, or choose another --port.`,
    );
  }
  return models.every((id) => served.data.data.some((model) => model.id === id)) ? client : undefined;
}

async function isListening(url: string, signal: AbortSignal): Promise<boolean> {
  try {
    await fetch(`${url}/health`, { signal: AbortSignal.any([signal, AbortSignal.timeout(PROBE_MS)]) });
    return true;
  } catch {
    signal.throwIfAborted();
    return false;
  }
}
