import { existsSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { runStep } from "./build-step.ts";

/** Other gateways, and how to start them; undefined if unavailable. */
export type Gateways = {
  /** The script of a Portkey gateway whose cache is on. */
  readonly portkey: string | undefined;
  /** The script of Portkey's gateway as it is published, which has no cache. */
  readonly portkeyProxy: string | undefined;
  /** The program of LiteLLM's proxy. */
  readonly liteLlm: string | undefined;
  /** A sentence for each unavailable gateway. */
  readonly absent: readonly string[];
};

export const NO_GATEWAYS: Gateways = { portkey: undefined, portkeyProxy: undefined, liteLlm: undefined, absent: [] };

export type FindOptions = {
  /** The script of a Portkey gateway whose cache is on; undefined where there is none. */
  readonly portkey: string | undefined;
  readonly signal: AbortSignal;
  readonly say: (progress: string) => void;
};

const buildRoot = fileURLToPath(new URL("build/", import.meta.url));
const LITELLM = "1.106.2";
const PORTKEY = "1.15.2";

/**
 * Gateways to be measured beside ours. What can't be had is left out, and told.
 *
 * Portkey's with a cache has to be given: the package on npm is built with its cache off, and the code of the cache left out. The packages of
 * both are installed where they aren't here yet.
 */
export async function findGateways({ portkey, signal, say }: FindOptions): Promise<Gateways> {
  const absent: string[] = [];
  if (portkey === undefined) {
    absent.push("Portkey's gateway is absent: none is given with --portkey, and the package on npm has no cache");
  } else if (!existsSync(portkey)) {
    throw new Error(`--portkey: there is no ${portkey}`);
  }
  const unlessAbsent = (what: string, program: Promise<string>) =>
    program.catch((error: unknown) => {
      signal.throwIfAborted();
      absent.push(`${what} is absent: ${brief(error)}`);
      return undefined;
    });
  const portkeyProxy = await unlessAbsent(`Portkey's gateway ${PORTKEY}`, ensurePortkey(signal, say));
  const liteLlm = await unlessAbsent(`LiteLLM's proxy ${LITELLM}`, ensureLiteLlm(signal, say));
  for (const sentence of absent) say(sentence);
  return { portkey: portkey === undefined ? undefined : resolve(portkey), portkeyProxy, liteLlm, absent };
}

/** What happened, without the log between: the first words, and the last line, which tends to say why. */
export function brief(error: unknown): string {
  const lines = (error instanceof Error ? error.message : String(error)).trimEnd().split("\n");
  const first = lines[0]?.split(";")[0] ?? "";
  return lines.length > 1 ? `${first} (${lines.at(-1)})` : first;
}

async function ensurePortkey(signal: AbortSignal, say: (progress: string) => void): Promise<string> {
  // With a dot, so that the TypeScript compiler doesn't take what is in it for ours.
  const folder = join(buildRoot, `.portkey-${PORTKEY}`);
  const program = join(folder, "node_modules/@portkey-ai/gateway/build/start-server.js");
  if (existsSync(program)) return program;
  say(`Portkey's gateway ${PORTKEY}: fetching it; this is done once`);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "package.json"), "{}");
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefix", folder];
  const options = { signal, logFile: `${folder}.log` };
  await runStep("npm", ["install", ...flags, `@portkey-ai/gateway@${PORTKEY}`], options);
  return program;
}

async function ensureLiteLlm(signal: AbortSignal, say: (progress: string) => void): Promise<string> {
  const folder = join(buildRoot, `.litellm-${LITELLM}`);
  const program = join(folder, "bin", "litellm");
  const finished = join(folder, "finished");
  if (existsSync(finished)) return program;
  say(`LiteLLM's proxy ${LITELLM}: fetching it; this is done once, and takes a minute or two`);
  await mkdir(buildRoot, { recursive: true });
  await rm(folder, { recursive: true, force: true });
  const options = { signal, logFile: `${folder}.log` };
  await runStep("python3", ["-m", "venv", folder], options);
  await runStep(join(folder, "bin", "pip"), ["install", "--quiet", `litellm[proxy]==${LITELLM}`], options);
  await writeFile(finished, "");
  return program;
}
