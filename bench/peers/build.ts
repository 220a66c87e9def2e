import { existsSync, readFileSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { MissingProgramError, runStep, type StepOptions } from "./build-step.ts";
import type { GpuChoice } from "./settings.ts";

export type BuildOptions = {
  readonly gpu: GpuChoice;
  readonly signal: AbortSignal;
  readonly say: (progress: string) => void;
};

/** The release that the binding was made from: its number, and its source as a git bundle. */
const bindingSource = fileURLToPath(new URL("../../node_modules/node-llama-cpp/llama/", import.meta.url));
const buildRoot = fileURLToPath(new URL("build/", import.meta.url));

/**
 * llama-server and nothing else, for this machine's processor. The curl-like things it can do without, and its web page, which it would
 * fetch from the network, are left out.
 */
const CMAKE_FLAGS = [
  ...["-DCMAKE_BUILD_TYPE=Release", "-DGGML_NATIVE=ON", "-DLLAMA_OPENSSL=OFF", "-DLLAMA_BUILD_UI=OFF"],
  ...["-DLLAMA_USE_PREBUILT_UI=OFF", "-DLLAMA_BUILD_TESTS=OFF", "-DLLAMA_BUILD_EXAMPLES=OFF", "-DLLAMA_BUILD_APP=OFF"],
];
const GPU_FLAGS: Partial<Record<GpuChoice, readonly string[]>> = {
  cuda: ["-DGGML_CUDA=ON"],
  vulkan: ["-DGGML_VULKAN=ON"],
};

/**
 * The path of a llama-server of the same release as the binding, built from the source that the binding carries. The first call takes
 * 15 to 20 minutes on two cores; one that is broken off goes on where it was. Throws an Error that says what is missing.
 */
export async function buildLlamaServer({ gpu, signal, say }: BuildOptions): Promise<string> {
  const { release } = z
    .object({ release: z.string() })
    .parse(readJson(join(bindingSource, "binariesGithubRelease.json")));
  // Folders with a dot: cmake's notes end in .ts, and the TypeScript compiler must not take them for ours.
  const folder = join(buildRoot, gpu === "cuda" || gpu === "vulkan" ? `.${release}-${gpu}` : `.${release}`);
  const source = join(buildRoot, `.source-${release}`);
  const binary = join(folder, "bin", "llama-server");
  const finished = join(folder, "finished");
  if (existsSync(finished)) return binary;

  await mkdir(folder, { recursive: true });
  const options = { signal, logFile: join(folder, "build.log") };
  if (!existsSync(source)) {
    say(`llama-server ${release}: unpacking its source`);
    const unpacking = `${source}.part`;
    await rm(unpacking, { recursive: true, force: true });
    await step("git", ["clone", "--quiet", join(bindingSource, "gitRelease.bundle"), unpacking], options);
    await rename(unpacking, source);
  }
  say(`llama-server ${release}: configuring; this and the build are done once, and the build takes a while`);
  await step("cmake", ["-S", source, "-B", folder, ...CMAKE_FLAGS, ...(GPU_FLAGS[gpu] ?? [])], options);
  const build = ["--build", folder, "--target", "llama-server", "--parallel", String(availableParallelism())];
  await step("cmake", build, {
    ...options,
    onLine: percentSayer((percent) => say(`llama-server ${release}: ${percent} % built`)),
  });
  await writeFile(finished, "");
  return binary;
}

const WAY_OUT =
  "Or give a llama-server with --llama-server PATH or --peer-url URL, or measure Sluice alone with --no-peer.";

async function step(command: string, args: readonly string[], options: StepOptions): Promise<void> {
  try {
    await runStep(command, args, options);
  } catch (error) {
    options.signal.throwIfAborted();
    if (error instanceof MissingProgramError) {
      throw new Error(
        `llama-server can't be built: ${error.message}. Install git, cmake and a C++ compiler. ${WAY_OUT}`,
      );
    }
    throw new Error(`${error instanceof Error ? error.message : error}\n${WAY_OUT}`);
  }
}

/** Calls back each time when make's lines (`[ 37%] Building …`) have come to the next tenth. */
export function percentSayer(say: (percent: number) => void): (line: string) => void {
  let said = 0;
  return (line) => {
    const percent = Number(/^\[\s*(\d+)%\]/.exec(line)?.[1] ?? 0);
    if (percent < said + 10) return;
    said = percent - (percent % 10);
    say(said);
  };
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, "utf8"));
}
