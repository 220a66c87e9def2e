import { chooseQuantization, USUAL_QUANTIZATION } from "./choose-quantization.ts";
import type { DownloadContext } from "./download.ts";
import { ModelUnavailableError, SourceError } from "./errors.ts";
import { safeStem } from "./file-name.ts";
import { QUANTIZATION_NAMES } from "./gguf/quantization.ts";
import { parseSplitName } from "./gguf/split-name.ts";
import { createReachBudget } from "./http/request.ts";
import { hubEndpoint, listHubFiles } from "./hub.ts";
import { listModelsDir } from "./installed.ts";
import type { HubSource, ModelReference } from "./reference.ts";
import { resolveModel } from "./resolve.ts";

/** A reference that says which quantization is meant. */
export type Settled = {
  readonly reference: ModelReference;
  /** Why this quantization; absent if the name said it, or if nobody could choose. */
  readonly why?: string;
};

/** Asks the hub, with the memory that the model may take. */
export type AskHub = Omit<DownloadContext, "policy"> & {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly budgetBytes: number;
};

/**
 * Says which quantization `hf:owner/repo` means: the one that is in the models folder, else the one of the hub's that fits this machine. Other
 * references stay as they are, and so does this one if the hub can't be asked: the download tells why.
 *
 * @param hub absent to ask nobody
 * @throws ModelUnavailableError if none of the hub's fits; the signal's reason
 */
export async function settle(reference: ModelReference, modelsDir: string, hub?: AskHub): Promise<Settled> {
  const open = reference.type === "remote" ? reference.sources.find(isOpen) : undefined;
  if (open === undefined) return { reference };
  const { repo, uri } = open;
  const withQuantization = (quantization: string): ModelReference => {
    const settled = resolveModel(`hf:${repo}:${quantization}`, { models: [] });
    return { ...settled, aliases: [...settled.aliases, uri] };
  };
  const here = findHere(await listModelsDir(modelsDir), safeStem(...repo.split("/")));
  if (here !== undefined) return { reference: withQuantization(here), why: `${here}: it is here already` };
  const choice = hub && (await ask(repo, hub));
  if (choice === undefined) return { reference };
  if (typeof choice !== "string") return { reference: withQuantization(choice.quantization), why: choice.why };
  throw new ModelUnavailableError(
    uri,
    [{ source: uri, reason: choice }],
    ["Name a quantization, such as hf:owner/repo:Q4_K_M, or a smaller model."],
  );
}

function isOpen(source: { readonly type: string }): source is HubSource {
  return source.type === "hub" && "isOpen" in source;
}

/** The quantization of a repository that is in the folder: the usual one if it is among several. */
function findHere(fileNames: readonly string[], prefix: string): string | undefined {
  const found = fileNames
    .filter((file) => file.endsWith(".gguf"))
    .map((file) => parseSplitName(file)?.prefix ?? file.slice(0, -".gguf".length))
    .filter((stem) => stem.startsWith(`${prefix}--`))
    .map((stem) => stem.slice(prefix.length + 2))
    .filter((quantization) => QUANTIZATION_NAMES.has(quantization));
  return found.includes(USUAL_QUANTIZATION) ? USUAL_QUANTIZATION : found.toSorted()[0];
}

/** Undefined if the hub can't be asked, or has no model there. */
async function ask(repo: string, { env, budgetBytes, ...context }: AskHub) {
  try {
    const endpoint = hubEndpoint(env);
    const policy = { hubOrigin: endpoint.origin, token: env.HF_TOKEN?.trim() || undefined };
    const files = await listHubFiles(endpoint, repo, createReachBudget(context), { ...context, policy });
    return files.some(({ path }) => /\.gguf$/i.test(path)) ? chooseQuantization(files, budgetBytes) : undefined;
  } catch (error) {
    context.signal.throwIfAborted();
    if (error instanceof SourceError) return undefined;
    throw error;
  }
}
