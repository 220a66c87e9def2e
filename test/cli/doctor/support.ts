import type { Opened } from "../../../src/cli/doctor/backends.ts";
import type { Folder } from "../../../src/cli/doctor/disk.ts";
import type { ModelFinding } from "../../../src/cli/doctor/models.ts";
import type { Probes } from "../../../src/cli/doctor.ts";
import type { GpuChoice } from "../../../src/engine/contract/messages.ts";
import type { Inspection } from "../../../src/engine/host/inspect.ts";
import type { InstalledBinding, Program } from "../../../src/engine/programs.ts";
import { pinnedBindingVersion } from "../../../src/engine/programs.ts";
import type { LocalModel } from "../../../src/models/index.ts";

export const GIB = 1024 ** 3;

export const MODEL: LocalModel = {
  id: "small",
  aliases: [],
  path: "/models/small.gguf",
  sizeBytes: 100 * 1024 ** 2,
  gguf: {
    architecture: "llama",
    quantization: "Q4_1",
    parameterCount: 135_000_000,
    contextLength: 8192,
    kvBytesPerToken: 23_040,
    chatTemplate: true,
    sizeBytes: 100 * 1024 ** 2,
  },
};

export const HERE: ModelFinding = { state: "here", model: MODEL, hash: "unread" };

const CPU: Opened = {
  type: "opened",
  backend: "cpu",
  deviceNames: [],
  release: "v0.5.0",
  mathCores: 4,
  systemInfo: "CPU : SSE3 = 1 | AVX2 = 1 | AVX512 = 0 | FMA = 1 | OPENMP = 1 | REPACK = 1 | ",
};

export const CUDA: Opened = {
  ...CPU,
  backend: "cuda",
  deviceNames: ["NVIDIA H100"],
  deviceMemory: { totalBytes: 80 * GIB, freeBytes: 78 * GIB },
};

/** Opening llama.cpp failed, and the loader did not find these. */
export function refused(driver?: string, ...variants: readonly string[]): Inspection {
  return {
    type: "refused",
    reason: "llama.cpp found no such device here.",
    linkErrors: { driver: driver && notFound(driver), variants: variants.map(notFound) },
  };
}

function notFound(library: string): string {
  return `${library}: cannot open shared object file: No such file or directory`;
}

export function installed(name: string): Program {
  return {
    state: "installed",
    package: `@node-llama-cpp/${name}`,
    libraries: { addon: `/${name}/addon`, variants: [] },
  };
}

export const BINDING: InstalledBinding = {
  version: pinnedBindingVersion(),
  programs: {
    cpu: installed("linux-x64"),
    cuda: installed("linux-x64-cuda"),
    vulkan: installed("linux-x64-vulkan"),
    metal: { state: "unavailable" },
  },
};

const NO_CUDA = refused("libcuda.so.1", "libcudart.so.13", "libcudart.so.12");
/** Seen with node-llama-cpp 3.22.1: its program for Vulkan names the driver's library too. */
const NO_VULKAN: Inspection = {
  type: "refused",
  reason: "llama.cpp found no such device here.",
  linkErrors: {
    addon: notFound("libvulkan.so.1"),
    driver: notFound("libvulkan.so.1"),
    variants: [notFound("libvulkan.so.1")],
  },
};

const FOLDER: Folder = { path: "/models", exists: true, writable: true, freeBytes: 100 * GIB };

/** A Linux machine with four cores, no GPU, and one model in place, on which everything is well. */
export function probes(
  overrides: Partial<Probes> = {},
  inspections: Partial<Record<GpuChoice, Inspection>> = {},
): Probes {
  const found: Record<GpuChoice, Inspection> = {
    auto: CPU,
    off: CPU,
    cuda: NO_CUDA,
    vulkan: NO_VULKAN,
    metal: refused(),
    ...inspections,
  };
  return {
    host: { platform: "linux", arch: "x64" },
    nodeVersion: "24.21.0",
    processorModel: "Test CPU",
    usableCores: 4,
    tmpdir: "/tmp",
    memory: () => ({ totalBytes: 16 * GIB, availableBytes: 8 * GIB }),
    findBinding: () => BINDING,
    inspectBackend: async (choice) => found[choice],
    checkAddress: async () => {},
    lookAtFolder: async (path) => ({ ...FOLDER, path }),
    findModels: async () => [HERE],
    hasKeys: () => false,
    inspectUpstreams: async () => [],
    ...overrides,
  };
}
