import { posix } from "node:path";
import { USUAL_QUANTIZATION } from "./choose-quantization.ts";
import { parseSplitName } from "./gguf/split-name.ts";
import type { HubSource } from "./reference.ts";

const HUB_URI = /^hf:(?<owner>[^/:]+)\/(?<repo>[^/:]+)(?::(?<quantization>[^/:]+)|\/(?<path>[^:]+))?$/i;
/** The hub's rule for owners and repositories. */
const REPO_NAME = /^(?!.*(\.\.|--))[A-Za-z0-9_][A-Za-z0-9._-]{0,95}$/;
const QUANTIZATION = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/**
 * Parses `hf:owner/repo:QUANT`, `hf:owner/repo/file.gguf` or `hf:owner/repo`, for which `settle` chooses a quantization. Pure.
 * @returns the source, or the problem with the URI.
 */
export function parseHubUri(uri: string): HubSource | string {
  const groups = HUB_URI.exec(uri)?.groups;
  const { owner = "", repo = "", path } = groups ?? {};
  if (groups === undefined || !REPO_NAME.test(owner) || !REPO_NAME.test(repo)) {
    return "write it as hf:owner/repo:QUANT, such as hf:Qwen/Qwen3-0.6B-GGUF:Q8_0, or as hf:owner/repo/file.gguf";
  }
  const source = { type: "hub", uri, repo: `${owner}/${repo}` } as const;
  if (path !== undefined) {
    const isPlain = path.split("/").every((segment) => segment !== "" && segment !== "." && segment !== "..");
    if (!isPlain || !/\.gguf$/i.test(path)) return "the path after the repository must be that of a .gguf file";
    return { ...source, file: { type: "path", path } };
  }
  const quantization = groups.quantization ?? USUAL_QUANTIZATION;
  const open = groups.quantization === undefined && ({ isOpen: true } as const);
  if (!QUANTIZATION.test(quantization)) return `${quantization} is not a quantization such as Q4_K_M or Q8_0`;
  return { ...source, file: { type: "quantization", quantization: quantization.toUpperCase() }, ...open };
}

/** Returns the id in the API: `owner/repo:QUANT`, or the file's name without `.gguf` and part number. */
export function hubModelId({ repo, file }: HubSource): string {
  return file.type === "quantization" ? `${repo}:${file.quantization}` : modelIdOfFile(file.path);
}

/** Returns the name in a file's path, without folders, `.gguf` and part number. */
export function modelIdOfFile(path: string): string {
  const name = posix.basename(path);
  return parseSplitName(name)?.prefix ?? name.replace(/\.gguf$/i, "");
}
