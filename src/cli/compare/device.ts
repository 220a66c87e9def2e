import { cpus } from "node:os";
import type { Config } from "../../config/schema.ts";
import { inspectBackend } from "../../engine/host/inspect.ts";
import { findBinding } from "../../engine/programs.ts";
import type { Report } from "../../store/comparison-report.ts";
import { shellCommand } from "../../version.ts";
import { CommandError } from "../errors.ts";

/** What models are measured on. */
export type Device = Report["machine"] & {
  /** The binding's add-on for it. */
  readonly addon: string;
  /** The tokens of one native call of a prompt, as a gateway's worker has them. */
  readonly batchTokens: number;
};

const BATCH_CPU = 128;
const BATCH_GPU = 512;

/** The device of the settings `gpu` and `threads`. Throws a CommandError if llama.cpp doesn't open on it. */
export async function findDevice({ gpu, threads }: Pick<Config, "gpu" | "threads">): Promise<Device> {
  const inspection = await inspectBackend(gpu);
  const hint = `\`${shellCommand("doctor")}\` tells what is missing.`;
  if (inspection.type !== "opened")
    throw new CommandError(`llama.cpp can't be opened with --gpu ${gpu}: ${inspection.reason}. ${hint}`);
  const { backend, release, mathCores } = inspection;
  const program = findBinding(process)?.programs[backend];
  if (program?.state !== "installed")
    throw new CommandError(`llama.cpp's program for ${backend} is not installed. ${hint}`);
  return {
    ...{ backend, release, addon: program.libraries.addon },
    processor: cpus()[0]?.model.trim() ?? "unknown processor",
    cores: cpus().length,
    threads: threads === "auto" ? mathCores : threads,
    batchTokens: backend === "cpu" ? BATCH_CPU : BATCH_GPU,
  };
}
