import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Llama, LlamaLogLevel } from "node-llama-cpp";
import { z } from "zod";
import { findBinding } from "../programs.ts";

/** The metadata of a program's build. */
const metadataSchema = z.object({
  buildOptions: z.looseObject({ llamaCpp: z.object({ repo: z.string(), release: z.string() }) }),
});

/** The binding's private constructor of `Llama`, with the parameters of its `bindings/Llama.js`. */
type CreateLlama = (parts: {
  readonly bindings: unknown;
  readonly bindingPath: string;
  readonly buildType: "prebuilt";
  readonly buildMetadata: z.infer<typeof metadataSchema>;
  readonly logLevel: LlamaLogLevel;
  readonly logger: (level: LlamaLogLevel, message: string) => void;
  readonly maxThreads: number;
  readonly vramPadding: number;
  readonly ramPadding: (totalBytes: number) => number;
  readonly debug: boolean;
  readonly numa: false;
  readonly tempDir: false;
}) => Promise<Llama>;

/** The binding's default for memory to leave free on Linux. */
const RAM_PADDING_SHARE = 0.25;
const MAX_RAM_PADDING_BYTES = 1024 ** 3;

/**
 * Opens the binding's prebuilt program for CPUs directly. On Linux the binding first tests a program in a separate process, because it may
 * crash on an incompatible system. That takes half a second of each start, and this code already runs in a separate process.
 *
 * @param version the pinned version of the binding; another version isn't opened
 * @returns undefined if the binding must choose: on other systems, with a local build, or if the program can't be opened
 */
export async function openCpuProgram(
  version: string,
  logger: (level: LlamaLogLevel, message: string) => void,
): Promise<Llama | undefined> {
  const create: unknown = Reflect.get(Llama, "_create");
  if (process.platform !== "linux" || typeof create !== "function") return undefined;
  try {
    const found = findProgram(version);
    if (found === undefined) return undefined;
    return await (create as CreateLlama).call(Llama, {
      bindings: createRequire(import.meta.url)(found.path),
      bindingPath: found.path,
      buildType: "prebuilt",
      buildMetadata: found.metadata,
      logLevel: LlamaLogLevel.warn,
      logger,
      maxThreads: 0,
      vramPadding: 0,
      ramPadding: (totalBytes) => Math.floor(Math.min(totalBytes * RAM_PADDING_SHARE, MAX_RAM_PADDING_BYTES)),
      debug: false,
      numa: false,
      tempDir: false,
    });
  } catch {
    // The binding tries again and reports the error.
    return undefined;
  }
}

function findProgram(
  version: string,
): { readonly path: string; readonly metadata: z.infer<typeof metadataSchema> } | undefined {
  const binding = findBinding(process);
  const program = binding?.version === version ? binding.programs.cpu : undefined;
  // A program built on this machine has precedence.
  if (program?.state !== "installed" || existsSync(join(bindingRoot(), "llama", "localBuilds"))) return undefined;
  const path = program.libraries.addon;
  const metadata: unknown = JSON.parse(readFileSync(join(dirname(path), "_nlcBuildMetadata.json"), "utf8"));
  return { path, metadata: metadataSchema.parse(metadata) };
}

function bindingRoot(): string {
  return dirname(dirname(createRequire(import.meta.url).resolve("node-llama-cpp")));
}
