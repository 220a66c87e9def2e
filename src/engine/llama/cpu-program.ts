import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Llama, LlamaLogLevel } from "node-llama-cpp";
import { z } from "zod";
import { findBinding } from "../programs.ts";

/** Where llama.cpp was built, as the program's own description has it. */
const metadataSchema = z.object({
  buildOptions: z.looseObject({ llamaCpp: z.object({ repo: z.string(), release: z.string() }) }),
});

/** The binding's own constructor of its public object, private there; its parameters as `bindings/Llama.js` has them. */
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

/** What the binding leaves of a Linux machine's memory by default. */
const RAM_PADDING_SHARE = 0.25;
const MAX_RAM_PADDING_BYTES = 1024 ** 3;

/**
 * llama.cpp's program for CPUs that came with the binding, opened at once. On Linux the binding tries a program first in a process of its own, for it may crash
 * where it doesn't fit the system. That takes half a second of each start, and whoever opens one here is such a process already.
 *
 * @param version the binding's; of another one nothing is known here
 * @returns undefined where the binding has to choose: on other systems, where another program was built, or where this one can't be opened
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
    // The binding tries it again, and says why not.
    return undefined;
  }
}

function findProgram(
  version: string,
): { readonly path: string; readonly metadata: z.infer<typeof metadataSchema> } | undefined {
  const binding = findBinding(process);
  const program = binding?.version === version ? binding.programs.cpu : undefined;
  // Somebody may have built one for this machine.
  if (program?.state !== "installed" || existsSync(join(bindingRoot(), "llama", "localBuilds"))) return undefined;
  const path = program.libraries.addon;
  const metadata: unknown = JSON.parse(readFileSync(join(dirname(path), "_nlcBuildMetadata.json"), "utf8"));
  return { path, metadata: metadataSchema.parse(metadata) };
}

function bindingRoot(): string {
  return dirname(dirname(createRequire(import.meta.url).resolve("node-llama-cpp")));
}
