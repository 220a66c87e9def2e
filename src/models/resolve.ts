import { homedir } from "node:os";
import { isAbsolute, join, resolve, sep } from "node:path";
import { didYouMean } from "../config/suggest.ts";
import { findEntry } from "./catalogue.ts";
import type { Catalogue, CatalogueEntry, CatalogueSource } from "./catalogue-schema.ts";
import { CatalogueError, UnknownModelError } from "./errors.ts";
import { safeStem, shortHash } from "./file-name.ts";
import { isLoopback } from "./http/policy.ts";
import { hubModelId, modelIdOfFile, parseHubUri } from "./hub-uri.ts";
import type { ModelReference, ModelSource, RemoteReference, UrlSource } from "./reference.ts";

export type ResolveOptions = {
  /** The base of relative paths; the process's working directory if absent. */
  readonly cwd?: string;
  /** The path for `~`; the user's home if absent. */
  readonly home?: string;
};

const ACCEPTED =
  "Also accepted: hf:owner/repo:QUANT, hf:owner/repo/file.gguf, an https: URL of a .gguf file, or a path such as ./model.gguf.";

/** Any part of a split model names the whole model. */
const SPLIT_PART = /-\d{5}-of-(\d{5}\.gguf)$/i;
/** The page about a file, as in the browser's address bar. */
const FILE_PAGE = /^(\/[^/]+\/[^/]+)\/blob\//;

/**
 * Resolves a model name: a name or alias of the catalogue in any case, an `hf:` URI, an `https:` URL (`http:` on this machine only), or the
 * path of a file (absolute, beginning with `./`, `../` or `~/`, or ending in `.gguf`). Uses neither disk nor network.
 * @throws UnknownModelError that lists the existing names and the other forms.
 */
export function resolveModel(nameOrUri: string, catalogue: Catalogue, options: ResolveOptions = {}): ModelReference {
  const name = nameOrUri.trim();
  const entry = findEntry(catalogue, name);
  if (entry !== undefined) return referenceOfEntry(entry);
  if (/^hf:/i.test(name)) return referenceOfHub(name, catalogue);
  if (/^https?:/i.test(name)) return referenceOfUrl(name, catalogue);
  if (isPath(name)) return referenceOfPath(name, options);
  const names = namesOf(catalogue);
  const allSpellings = catalogue.models.flatMap((model) => [model.name, ...model.aliases]);
  const guess = didYouMean(name, allSpellings);
  throw new UnknownModelError(
    name,
    `There is no model "${name}".${guess} The catalogue has: ${names.join(", ")}. ${ACCEPTED}`,
    names,
  );
}

function referenceOfEntry(entry: CatalogueEntry): RemoteReference {
  return {
    type: "remote",
    id: entry.name,
    aliases: entry.aliases,
    stem: safeStem(`${entry.name}-${entry.quantization}`),
    sources: entry.sources.map((source) => sourceOfEntry(source, entry)),
    ...(entry.sizeBytes !== undefined && { sizeBytes: entry.sizeBytes }),
    ...(entry.sha256 !== undefined && { sha256: entry.sha256 }),
  };
}

function sourceOfEntry(source: CatalogueSource, entry: CatalogueEntry): ModelSource {
  if ("url" in source) return { type: "url", url: new URL(source.url) };
  if ("pythonPackages" in source) return { type: "python-packages", packages: source.pythonPackages };
  const hub = parseHubUri(source.hub);
  if (typeof hub === "string") throw new CatalogueError("the catalogue", `${entry.name}, ${source.hub}: ${hub}`);
  return hub;
}

function referenceOfHub(uri: string, catalogue: Catalogue): RemoteReference {
  const source = parseHubUri(uri);
  if (typeof source === "string") {
    throw new UnknownModelError(uri, `${uri} is not accepted: ${source}.`, namesOf(catalogue));
  }
  const id = hubModelId(source);
  const [owner = "", repo = ""] = source.repo.split("/");
  const file = source.file.type === "quantization" ? source.file.quantization : modelPathStem(source.file.path);
  return { type: "remote", id, aliases: id === uri ? [] : [uri], stem: safeStem(owner, repo, file), sources: [source] };
}

function referenceOfUrl(text: string, catalogue: Catalogue): RemoteReference {
  const refuse = (reason: string): never => {
    // The query, the user's name and the password may be secret.
    const shown = text.replace(/[?#].*$/, "").replace(/\/\/[^/@]*@/, "//");
    throw new UnknownModelError(shown, `${shown} is not accepted: ${reason}.`, namesOf(catalogue));
  };
  if (!URL.canParse(text)) return refuse("it is not a valid URL");
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") {
    return refuse("a user name or password in a URL is not supported; put a hub's token into HF_TOKEN");
  }
  if (url.protocol === "http:" && !isLoopback(url)) {
    return refuse("http: is only allowed on this machine, since others could change the file on its way; use https:");
  }
  url.hash = "";
  url.pathname = url.pathname.replace(SPLIT_PART, "-00001-of-$1");
  if (url.hostname === "huggingface.co") url.pathname = url.pathname.replace(FILE_PAGE, "$1/resolve/");
  const source: UrlSource = { type: "url", url };
  const id = modelIdOfFile(decodePath(url.pathname)) || url.hostname;
  // The hash distinguishes files of the same name from different URLs.
  const stem = safeStem(`${id}-${shortHash(url.href)}`);
  return { type: "remote", id, aliases: [], stem, sources: [source] };
}

function isPath(name: string): boolean {
  return isAbsolute(name) || /^(\.{1,2}|~)[/\\]/.test(name) || /\.gguf$/i.test(name);
}

function referenceOfPath(name: string, { cwd = process.cwd(), home = homedir() }: ResolveOptions): ModelReference {
  const path = /^~[/\\]/.test(name) ? join(home, name.slice(2)) : resolve(cwd, name);
  return { type: "local", id: modelIdOfFile(path.split(sep).join("/")), aliases: [], path };
}

/** Removes `.gguf` and the part number from a path, so that all parts of a model have one stem. */
function modelPathStem(path: string): string {
  const folder = path.split("/").slice(0, -1);
  return [...folder, modelIdOfFile(path)].join("--");
}

function decodePath(pathname: string): string {
  try {
    return decodeURIComponent(pathname);
  } catch {
    return pathname;
  }
}

function namesOf(catalogue: Catalogue): readonly string[] {
  return catalogue.models.map((model) => model.name);
}
