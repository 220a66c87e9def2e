import { resolve } from "node:path";
import { z } from "zod";
import { type KeyVariables, OPERATOR_KEYS, URL_VARIABLE } from "../config/environment.ts";
import { type Flags, loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { didYouMean } from "../config/suggest.ts";
import type { GatewayOptions } from "../gateway/options.ts";
import type { RunningGateway } from "../gateway/start.ts";
import { UnknownModelError } from "../models/errors.ts";
import { settle } from "../models/index.ts";
import { createLogger } from "../telemetry/log.ts";
import { shellCommand } from "../version.ts";
import type { CliContext } from "./context.ts";
import { CommandError, UsageError } from "./errors.ts";
import { fetchModels, fetchServed, resolveModels } from "./fetch-models.ts";
import { loadForeign } from "./foreign-folder.ts";
import { type Credentials, createGatewayClient, type GatewayClient, urlOf } from "./gateway-client.ts";
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
  /** See `Credentials`. */
  readonly usesCache?: boolean;
  /** Whether others may have written the current folder; see `loadForeign`. */
  readonly isForeign?: boolean;
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
 * Returns the gateway for a command that can do without a running one: the one that the flags or SLUICE_URL name; otherwise a running one at the
 * configured address that serves the `--model`; otherwise one started only for this command, on a free loopback port, which logs only errors.
 */
export async function reachGateway(
  flags: Flags,
  context: CliContext,
  signal: AbortSignal,
  { stateFile = ":memory:", keyVariables, usesCache = false, isForeign = false, parts = realParts }: ReachOptions = {},
): Promise<Reached> {
  const { env, cwd, stderr } = context;
  const given = { flags: withoutKey(flags), env, cwd };
  const { config } = isForeign ? loadForeign(given, context) : loadConfig(given);
  const wanted = flags.model === undefined ? [] : await nameModels(config.model, cwd, config.modelsDir);
  const models = wanted.map(({ id }) => id);
  const found = await findRunning(flags, config, wanted, {
    env,
    signal,
    ...credentialsOf(flags, keyVariables),
    usesCache,
  });
  if (found !== undefined) return { client: found, config, models, [Symbol.asyncDispose]: async () => {} };
  for (const { unknown } of wanted) if (unknown !== undefined) throw unknown;

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
    client: createGatewayClient(gateway.url, env, signal, { usesCache }),
    config,
    models,
    [Symbol.asyncDispose]: () => gateway.stop(0),
  };
}

/**
 * Returns a running gateway: the one that the flags or SLUICE_URL name, otherwise the one at the configured address. Whether it is there shows at
 * the first call, which throws a NoGatewayError. Throws a ConfigError.
 *
 * @param keyVariables the variables that may hold the key; those of operators by default
 */
export function reachRunning(
  flags: Flags,
  { env, cwd }: Pick<CliContext, "env" | "cwd">,
  signal: AbortSignal,
  keyVariables: KeyVariables = OPERATOR_KEYS,
): GatewayClient {
  const { host, port, config: file } = flags;
  // Its other flags are no settings, even if they are named like some.
  const url = namedUrl(flags, env) ?? urlOf(loadConfig({ flags: { host, port, config: file }, env, cwd }).config);
  return createGatewayClient(url, env, signal, credentialsOf(flags, keyVariables));
}

/** The URL that was given, by `--url` or by SLUICE_URL, which `--host` and `--port` override. Throws a UsageError. */
function namedUrl(flags: Flags, env: NodeJS.ProcessEnv): string | undefined {
  const isFlag = typeof flags.url === "string";
  const hasAddress = flags.host !== undefined || flags.port !== undefined;
  const url = isFlag ? String(flags.url) : hasAddress ? undefined : env[URL_VARIABLE] || undefined;
  if (url === undefined) return undefined;
  const from = isFlag ? "--url" : URL_VARIABLE;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    // What stands before an @ may be a password.
    const shown = JSON.stringify(url.replace(/^.*@/s, "…@"));
    throw new UsageError(`${from}: ${shown} is no URL of a gateway. Give one such as http://127.0.0.1:8080.`);
  }
  const { username, password, origin } = new URL(url);
  if (username !== "" || password !== "") {
    throw new UsageError(
      `${from}: a user name or password in a URL is not supported. Give ${origin}, and a key of the gateway in a variable.`,
    );
  }
  return url;
}

function credentialsOf({ apiKey: key }: Flags, keyVariables: KeyVariables | undefined): Credentials {
  return { ...(keyVariables && { keyVariables }), ...(typeof key === "string" && { key }) };
}

/** To a command, its key is that of another gateway, and no setting. */
function withoutKey({ apiKey: _, ...flags }: Flags): Flags {
  return flags;
}

/** A model by the id that a gateway gives it. `unknown` says that it is no model to download, so that only a gateway may know its name. */
type Wanted = { readonly id: string; readonly unknown?: UnknownModelError };

function nameModels(names: readonly string[], cwd: string, modelsDir: string): Promise<readonly Wanted[]> {
  return Promise.all(
    names.map(async (name): Promise<Wanted> => {
      try {
        const [reference] = await resolveModels([name], cwd);
        return { id: reference === undefined ? name : (await settle(reference, resolve(cwd, modelsDir))).reference.id };
      } catch (error) {
        if (error instanceof UnknownModelError) return { id: name, unknown: error };
        throw error;
      }
    }),
  );
}

async function findRunning(
  flags: Flags,
  config: Config,
  models: readonly Wanted[],
  { env, signal, ...credentials }: Pick<CliContext, "env"> & Credentials & { readonly signal: AbortSignal },
): Promise<GatewayClient | undefined> {
  const named = namedUrl(flags, env);
  if (named !== undefined) return createGatewayClient(named, env, signal, credentials);
  const url = urlOf(config);
  if (!(await isListening(url, signal))) return undefined;
  const client = createGatewayClient(url, env, signal, credentials);
  const served = modelList.safeParse(await client.get("/v1/models"));
  if (!served.success) {
    throw new CommandError(
      `The program that listens on ${url} is not Sluice. Set --url to the gateway, or choose another --port.`,
    );
  }
  const ids = served.data.data.map(({ id }) => id);
  const missing = models.filter(({ id }) => !ids.includes(id));
  const stranger = missing.find(({ unknown }) => unknown !== undefined);
  if (stranger !== undefined) throw explainStranger(stranger.id, url, ids);
  return missing.length === 0 ? client : undefined;
}

/** @param served the ids of models, routes and presets */
function explainStranger(name: string, url: string, served: readonly string[]): UnknownModelError {
  const models = served.filter((id) => !id.startsWith("preset/"));
  const list = models.length === 0 ? "no model" : models.join(", ");
  const reason = `The gateway at ${url} serves no model "${name}".${didYouMean(name, models)} It serves: ${list}. `;
  return new UnknownModelError(name, `${reason}\`${shellCommand("models")}\` lists what can be downloaded.`, models);
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
