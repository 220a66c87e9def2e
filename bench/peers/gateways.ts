import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runStep } from "./build-step.ts";

/** Gateways of others with response caches, each as what starts it; undefined where it can't be had here. */
export type Gateways = {
  /** The script of Portkey's gateway. */
  readonly portkey: string | undefined;
  /** The program of LiteLLM's proxy. */
  readonly liteLlm: string | undefined;
  /** A sentence for each that can't be had. */
  readonly absent: readonly string[];
};

export const NO_GATEWAYS: Gateways = { portkey: undefined, liteLlm: undefined, absent: [] };

export type FindOptions = { readonly signal: AbortSignal; readonly say: (progress: string) => void };

type Recipe = {
  readonly title: string;
  /** Below the build folder. With a dot, so that the TypeScript compiler doesn't take what is in it for ours. */
  readonly folder: string;
  /** What starts it, in that folder. */
  readonly program: string;
  readonly install: (folder: string, step: Step) => Promise<void>;
};

type Step = (command: string, args: readonly string[], cwd?: string) => Promise<void>;

const buildRoot = fileURLToPath(new URL("build/", import.meta.url));
const PORTKEY = "1.15.2";
const LITELLM = "1.106.2";

/**
 * From its source: the package on npm is built with `"cache": false`, and rollup leaves out what is never run, so that its cache can't be
 * switched on afterwards.
 */
const portkey: Recipe = {
  title: `Portkey's gateway ${PORTKEY}`,
  folder: `.portkey-${PORTKEY}`,
  program: "build/start-server.js",
  async install(folder, step) {
    const source = "https://github.com/Portkey-AI/gateway";
    const tag = ["--depth", "1", "--branch", `v${PORTKEY}`];
    await step("git", ["clone", "--quiet", ...tag, "--sparse", source, folder]);
    await step("git", ["sparse-checkout", "set", "src", "plugins", "patches"], folder);
    const settings = join(folder, "conf.json");
    await writeFile(settings, switchOnCache(await readFile(settings, "utf8")));
    await step("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder);
    await step("npm", ["run", "build"], folder);
  },
};

const liteLlm: Recipe = {
  title: `LiteLLM's proxy ${LITELLM}`,
  folder: `.litellm-${LITELLM}`,
  program: "bin/litellm",
  async install(folder, step) {
    await step("python3", ["-m", "venv", folder]);
    await step(join(folder, "bin", "pip"), ["install", "--quiet", `litellm[proxy]==${LITELLM}`]);
  },
};

/** Gateways to be measured beside ours, fetched where they aren't here yet. What can't be had is left out, and told. */
export async function findGateways(options: FindOptions): Promise<Gateways> {
  const absent: string[] = [];
  const find = async (recipe: Recipe): Promise<string | undefined> => {
    try {
      return await ensure(recipe, options);
    } catch (error) {
      options.signal.throwIfAborted();
      absent.push(`${recipe.title} is absent: ${brief(error)}`);
      options.say(`${absent.at(-1)}`);
      return undefined;
    }
  };
  return { portkey: await find(portkey), liteLlm: await find(liteLlm), absent };
}

/** What happened, without the log between: the first words, and the last line, which tends to say why. */
export function brief(error: unknown): string {
  const lines = (error instanceof Error ? error.message : String(error)).trimEnd().split("\n");
  const first = lines[0]?.split(";")[0] ?? "";
  return lines.length > 1 ? `${first} (${lines.at(-1)})` : first;
}

/** `conf.json` with the cache on. Throws where it is not as it was. */
export function switchOnCache(settings: string): string {
  const parsed: unknown = JSON.parse(settings);
  if (typeof parsed !== "object" || parsed === null || !("cache" in parsed)) {
    throw new Error("Portkey's conf.json has no `cache` to switch on");
  }
  return JSON.stringify({ ...parsed, cache: true }, null, 2);
}

async function ensure({ title, folder, program, install }: Recipe, { signal, say }: FindOptions): Promise<string> {
  const path = join(buildRoot, folder);
  const finished = join(path, "finished");
  if (existsSync(finished)) return join(path, program);
  say(`${title}: fetching it; this is done once, and takes a minute or two`);
  await mkdir(buildRoot, { recursive: true });
  await rm(path, { recursive: true, force: true });
  const logFile = `${path}.log`;
  await install(path, (command, args, cwd) =>
    runStep(command, args, { signal, logFile, ...(cwd !== undefined && { cwd }) }),
  );
  await writeFile(finished, "");
  return join(path, program);
}
