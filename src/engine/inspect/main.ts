/**
 * A process that opens llama.cpp as the engine does, sends a report, and exits. A driver that crashes ends only this process.
 *
 * Arguments: the value of `--gpu`, and, as JSON, the `Libraries` to try one by one if llama.cpp doesn't open.
 */
import { constants } from "node:os";
import type { GpuChoice } from "../contract/messages.ts";
import { messageOf } from "../contract/parse.ts";
import { openLlama } from "../llama/binding.ts";
import type { InspectionReport, Libraries } from "./report.ts";

const [choice, librariesText] = process.argv.slice(2);

async function inspect(): Promise<InspectionReport> {
  try {
    const llama = await openLlama(choice as GpuChoice, () => {});
    const { gpu, cpuMathCores, systemInfo, llamaCppRelease } = llama;
    const memory = gpu === false ? undefined : await llama.getVramState();
    return {
      type: "opened",
      backend: gpu === false ? "cpu" : gpu,
      deviceNames: gpu === false ? [] : await llama.getGpuDeviceNames(),
      ...(memory !== undefined && { deviceMemory: { totalBytes: memory.total, freeBytes: memory.free } }),
      release: llamaCppRelease.release,
      mathCores: cpuMathCores,
      systemInfo,
    };
  } catch (error) {
    return { type: "refused", reason: messageOf(error), linkErrors: findLinkErrors() };
  }
}

function findLinkErrors(): Extract<InspectionReport, { type: "refused" }>["linkErrors"] {
  if (librariesText === undefined) return { variants: [] };
  const libraries: Libraries = JSON.parse(librariesText);
  // First, because the other libraries depend on it.
  const addon = findLinkError(libraries.addon);
  const driver = libraries.driver && findLinkError(libraries.driver);
  const errors = libraries.variants.map(findLinkError);
  const variants = errors.filter((error) => error !== undefined);
  return { addon, driver, variants: variants.length < errors.length ? [] : variants };
}

/**
 * Loads a library to get the system loader's error, such as `libcuda.so.1: cannot open shared object file`. Most of them are not Node
 * add-ons, so Node refuses them after they have loaded; that isn't an error here.
 */
function findLinkError(path: string): string | undefined {
  try {
    process.dlopen({ exports: {} }, path, constants.dlopen.RTLD_LAZY);
  } catch (error) {
    const message = messageOf(error);
    if (!message.includes("did not self-register")) return message;
  }
  return undefined;
}

process.on("disconnect", () => process.exit(0));
process.send?.(await inspect(), undefined, {}, () => process.exit(0));
