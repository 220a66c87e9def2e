import type { Config } from "../../config/schema.ts";
import { type Check, good, warning } from "./check.ts";

/** The machine's processor. */
export type Processor = {
  /** The processor's name, as the system gives it; empty if unknown. */
  readonly model: string;
  /** The number of cores that llama.cpp counts for arithmetic. */
  readonly mathCores: number;
  /** The number of cores that this process may use; less than all in a limited container. */
  readonly usableCores: number;
  /** llama.cpp's list of the features that it uses. */
  readonly systemInfo: string;
};

/** Entries of llama.cpp's list that are no instructions of the processor. */
const NO_INSTRUCTIONS = new Set(["LLAMAFILE", "OPENMP", "ACCELERATE", "REPACK", "KLEIDIAI", "SVE_CNT", "CPU_REPACK"]);

/** The instruction sets that llama.cpp uses here, from its `systemInfo`: `… | CPU : AVX2 = 1 | FMA = 1 | OPENMP = 1 | …`. */
export function instructionSets(systemInfo: string): readonly string[] {
  const ofCpu = systemInfo.slice(Math.max(0, systemInfo.indexOf("CPU :")));
  return [...ofCpu.matchAll(/(\w+) = 1\b/g)].map(([, name = ""]) => name).filter((name) => !NO_INSTRUCTIONS.has(name));
}

export function checkProcessor({ model, mathCores, systemInfo }: Processor): Check {
  const sets = instructionSets(systemInfo);
  const cores = `${mathCores} ${mathCores === 1 ? "core" : "cores"} for arithmetic`;
  return good(
    "processor",
    `${model === "" ? "" : `${model}, `}${cores}${sets.length === 0 ? "" : `, ${sets.join(" ")}`}`,
  );
}

/** Warns of more threads than cores. Measured: prefill is then 30 times slower, because threads wait for each other. */
export function checkThreads(config: Pick<Config, "threads" | "model">, processor: Processor): readonly Check[] {
  const cores = Math.min(processor.mathCores, processor.usableCores);
  const threads = config.threads === "auto" ? processor.mathCores : config.threads;
  const checks: Check[] = [];
  if (threads > cores) {
    checks.push(
      warning(
        "threads",
        `${threads} threads for each model (--threads ${config.threads}), and ${cores} ${cores === 1 ? "core" : "cores"} to run them`,
        `Start with --threads ${cores}.`,
      ),
    );
  }
  const models = new Set(config.model).size;
  if (models > 1 && threads <= cores && threads * models > cores) {
    checks.push(
      warning(
        "threads",
        `${models} models of ${threads} threads each share ${cores} ${cores === 1 ? "core" : "cores"}`,
        `Where they are used at the same time, start with --threads ${Math.max(1, Math.floor(cores / models))}.`,
      ),
    );
  }
  return checks;
}
