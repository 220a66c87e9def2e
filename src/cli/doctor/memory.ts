import type { Config } from "../../config/schema.ts";
import type { LocalModel } from "../../models/index.ts";
import { estimateModelMemory } from "../../models/memory.ts";
import { describeModels } from "../banner.ts";
import { formatBytes } from "../units.ts";
import type { Opened } from "./backends.ts";
import { type Check, good, problem, warning } from "./check.ts";

/** The estimated memory of the models. */
export type MemoryEstimate = {
  /** The files, which the system may evict and read again. */
  readonly fileBytes: number;
  /** The KV cache of all slots. */
  readonly slotBytes: number;
  /** The other memory of the processes. */
  readonly processBytes: number;
  /** Models whose slots could not be estimated. */
  readonly unknown: readonly string[];
};

export type Memory = { readonly totalBytes: number; readonly availableBytes: number };

/** Estimates the memory of these models with these settings. */
export function estimateMemory(models: readonly LocalModel[], config: Config): MemoryEstimate {
  const served = describeModels(models, config);
  const each = models.map((model, index) => {
    const { replicas = 1, ...size } = served[index] ?? { slots: 0, contextTokens: 0 };
    const { fileBytes, slotBytes, processBytes } = estimateModelMemory(model, size);
    return {
      id: model.id,
      // The system maps a file once.
      fileBytes,
      slotBytes: slotBytes && replicas * slotBytes,
      processBytes: replicas * processBytes,
    };
  });
  return {
    fileBytes: sum(each.map(({ fileBytes }) => fileBytes)),
    slotBytes: sum(each.map(({ slotBytes = 0 }) => slotBytes)),
    processBytes: sum(each.map(({ processBytes }) => processBytes)),
    unknown: each.filter(({ slotBytes }) => slotBytes === undefined).map(({ id }) => id),
  };
}

/** Checks whether the models fit into the free memory of the device that runs them. */
export function checkMemory(
  estimate: MemoryEstimate,
  memory: Memory,
  device: Opened | undefined,
  config: Pick<Config, "slots" | "context">,
): readonly Check[] {
  const { fileBytes, slotBytes, processBytes, unknown } = estimate;
  const free = `${formatBytes(memory.availableBytes)} of ${formatBytes(memory.totalBytes)} free`;
  const all = fileBytes + slotBytes + processBytes;
  if (all === 0) return [good("memory", free)];
  const parts = `${formatBytes(fileBytes)} of model files, ${formatBytes(slotBytes)} of slots, ${formatBytes(processBytes)} beside`;
  const needed = `about ${formatBytes(all)} needed (${parts})`;
  const less = `Take fewer slots than ${config.slots}, a smaller --context${config.context === "auto" ? "" : ` than ${config.context}`}, or a smaller model.`;
  const checks: Check[] = [];
  const deviceMemory = device?.deviceMemory;
  if (deviceMemory !== undefined) {
    checks.push(
      fileBytes + slotBytes <= deviceMemory.freeBytes
        ? good("memory", `${needed}, and the GPU has ${formatBytes(deviceMemory.freeBytes)} free`)
        : warning(
            "memory",
            `${needed}, and the GPU has ${formatBytes(deviceMemory.freeBytes)} free: layers that don't fit stay on the CPU, which is slower`,
            less,
          ),
    );
  } else if (slotBytes + processBytes > memory.availableBytes) {
    checks.push(problem("memory", `${needed}, and ${free}: the slots alone don't fit`, less));
  } else if (all > memory.availableBytes) {
    checks.push(
      warning("memory", `${needed}, and ${free}: parts of the model are read from the disk again and again`, less),
    );
  } else {
    checks.push(good("memory", `${free}, ${needed}`));
  }
  if (unknown.length > 0) {
    checks.push(
      warning(
        "memory",
        `the slots of ${unknown.join(", ")} can't be estimated from the file's header`,
        "Watch the memory at the first start.",
      ),
    );
  }
  return checks;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
