import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Backend, Libraries } from "./inspect/report.ts";

/**
 * Which packages of node-llama-cpp hold llama.cpp's programs for a platform, as its `bindings/utils/compileLLamaCpp.js` has it
 * (3.22.1). The second one of CUDA is built for the CUDA release before; its programs lie under the name of the main one.
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

/** What a GPU's driver brings. */
const DRIVERS = {
  cuda: { linux: "libcuda.so.1", windows: "nvcuda.dll" },
  vulkan: { linux: "libvulkan.so.1", windows: "vulkan-1.dll" },
} as const;

/** Whether llama.cpp's program for a backend is here. */
export type Program =
  | { readonly state: "installed"; readonly package: string; readonly libraries: Libraries }
  | { readonly state: "missing"; readonly package: string }
  /** Of another version than node-llama-cpp, which then passes it over. */
  | { readonly state: "mismatched"; readonly package: string; readonly version: string }
  /** There is none for this platform. */
  | { readonly state: "unavailable" };

/** The binding's version, and llama.cpp's programs that came with it. */
export type InstalledBinding = {
  readonly version: string;
  readonly programs: Readonly<Record<Backend, Program>>;
};

/** The platform as `PACKAGES` has it, such as `linux-x64`. */
export type Platform = { readonly platform: string; readonly arch: string };

/** The version that `package.json` asks for; the file lies two folders up both from `src` and from `dist`. */
export function pinnedBindingVersion(): string {
  return String(readJson(new URL("../../package.json", import.meta.url)).dependencies?.["node-llama-cpp"]);
}

/** What is installed of node-llama-cpp; undefined when nothing is. Loads none of it. */
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

/** npm puts them beside node-llama-cpp, or below it where versions differ. */
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
