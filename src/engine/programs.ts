import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Backend, Libraries } from "./inspect/report.ts";

/**
 * The packages of node-llama-cpp with llama.cpp's programs for each platform, as in its `bindings/utils/compileLLamaCpp.js` (3.22.1). The
 * second package of CUDA is built for the previous CUDA release; its folder has the name of the first one.
 */
const PACKAGES: Readonly<Record<string, Partial<Record<Backend, readonly [string, string?]>>>> = {
  "linux-x64": { cpu: ["linux-x64"], cuda: ["linux-x64-cuda", "linux-x64-cuda-ext"], vulkan: ["linux-x64-vulkan"] },
  "linux-arm64": { cpu: ["linux-arm64"] },
  "linux-arm": { cpu: ["linux-armv7l"] },
  "linux-riscv64": { cpu: ["linux-riscv64"] },
  "darwin-arm64": { metal: ["mac-arm64-metal"] },
  "darwin-x64": { cpu: ["mac-x64"] },
  "win32-x64": { cpu: ["win-x64"], cuda: ["win-x64-cuda", "win-x64-cuda-ext"], vulkan: ["win-x64-vulkan"] },
  "win32-arm64": { cpu: ["win-arm64"] },
};

/** The libraries of GPU drivers. */
const DRIVERS = {
  cuda: { linux: "libcuda.so.1", windows: "nvcuda.dll" },
  vulkan: { linux: "libvulkan.so.1", windows: "vulkan-1.dll" },
} as const;

/** Whether llama.cpp's program for a backend is installed. */
export type Program =
  | { readonly state: "installed"; readonly package: string; readonly libraries: Libraries }
  | { readonly state: "missing"; readonly package: string }
  /** Its version differs from node-llama-cpp's, which then ignores it. */
  | { readonly state: "mismatched"; readonly package: string; readonly version: string }
  /** There is no such program for this platform. */
  | { readonly state: "unavailable" };

/** The binding's version, and its programs of llama.cpp. */
export type InstalledBinding = {
  readonly version: string;
  readonly programs: Readonly<Record<Backend, Program>>;
};

/** Node's `process.platform` and `process.arch`. */
export type Platform = { readonly platform: string; readonly arch: string };

/** The version in `package.json`, which is two folders up from both `src/engine` and `dist/engine`. */
export function pinnedBindingVersion(): string {
  return String(readJson(new URL("../../package.json", import.meta.url)).dependencies?.["node-llama-cpp"]);
}

/** The installed node-llama-cpp; undefined if it isn't installed. Loads none of its code. */
export function findBinding({ platform, arch }: Platform): InstalledBinding | undefined {
  const require = createRequire(import.meta.url);
  let root: string;
  try {
    root = packageRoot(require.resolve("node-llama-cpp"), "node-llama-cpp");
  } catch {
    return undefined;
  }
  const { version } = readJson(join(root, "package.json"));
  const names = PACKAGES[`${platform}-${arch}`] ?? {};
  const find = (backend: Backend): Program => {
    const [name, fallbackName] = names[backend] ?? [];
    if (name === undefined) return { state: "unavailable" };
    const folder = findPackage(root, name);
    if (folder === undefined) return { state: "missing", package: `@node-llama-cpp/${name}` };
    const found = readJson(join(folder, "package.json")).version;
    if (found !== version) return { state: "mismatched", package: `@node-llama-cpp/${name}`, version: found };
    const fallback = fallbackName === undefined ? undefined : findPackage(root, fallbackName);
    return {
      state: "installed",
      package: `@node-llama-cpp/${name}`,
      libraries: listLibraries(
        backend,
        platform,
        [folder, fallback].filter((path) => path !== undefined).map((path) => join(path, "bins", name)),
      ),
    };
  };
  return { version, programs: { cpu: find("cpu"), cuda: find("cuda"), vulkan: find("vulkan"), metal: find("metal") } };
}

function listLibraries(backend: Backend, platform: string, folders: readonly string[]): Libraries {
  const [folder = "", ...fallbackFolders] = folders;
  const addon = join(folder, "llama-addon.node");
  if (backend === "cpu" || backend === "metal") return { addon, variants: [] };
  const isWindows = platform === "win32";
  const fileName = isWindows ? `ggml-${backend}.dll` : `libggml-${backend}.so`;
  const variants = [folder, ...fallbackFolders.map((fallback) => join(fallback, "fallback"))].map((place) =>
    join(place, fileName),
  );
  return { addon, driver: DRIVERS[backend][isWindows ? "windows" : "linux"], variants };
}

/** npm installs the packages beside node-llama-cpp, or below it if versions differ. */
function findPackage(bindingRoot: string, name: string): string | undefined {
  return [join(bindingRoot, "node_modules"), dirname(bindingRoot)]
    .map((modules) => join(modules, "@node-llama-cpp", name))
    .find((folder) => existsSync(join(folder, "package.json")));
}

function packageRoot(entry: string, name: string): string {
  const end = entry.lastIndexOf(join("node_modules", name));
  return entry.slice(0, end + join("node_modules", name).length);
}

function readJson(path: string | URL): { readonly version: string; readonly dependencies?: Record<string, string> } {
  return JSON.parse(readFileSync(path, "utf8"));
}
