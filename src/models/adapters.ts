import { resolve } from "node:path";
import type { LocalModel } from "./ensure.ts";
import { AdapterError, GgufError } from "./errors.ts";
import { readGgufHeader } from "./gguf/read.ts";

/** A LoRA adapter, which changes the answers of the model that it was trained for. */
export type Adapter = {
  /** Absolute. */
  readonly path: string;
  readonly sizeBytes: number;
  /** The id of the model without it. */
  readonly parent: string;
};

/**
 * Finds models with adapters, by entries such as `smollm2+pirate=./pirate.gguf`. Reads the adapters' headers. Each is a model of its own, which
 * has the file and the names of its parent, with `+NAME`.
 * @throws AdapterError for an entry whose model is not among `models`, and for one that is there twice
 * @throws GgufError for a file that is no adapter, or one of another architecture
 */
export async function findAdapters(
  entries: readonly string[],
  models: readonly LocalModel[],
  cwd: string,
): Promise<readonly LocalModel[]> {
  const found = await Promise.all(entries.map((entry) => findAdapter(entry, models, cwd)));
  const ids = found.map(({ id }) => id.toLowerCase());
  const twice = found.find(({ id }, index) => ids.indexOf(id.toLowerCase()) < index);
  if (twice !== undefined) throw new AdapterError(`adapters: ${twice.id} is there twice. Rename one of them.`);
  return found;
}

/** The names that the entries' models will have. Entries whose model is not among `models` are left out. */
export function adapterNames(entries: readonly string[], models: readonly Named[]): readonly Named[] {
  return entries.flatMap((entry) => {
    const { parent, own } = readEntry(entry, models);
    return parent === undefined ? [] : [namesOf(parent, own)];
  });
}

type Named = Pick<LocalModel, "id" | "aliases">;

function readEntry<T extends Named>(entry: string, models: readonly T[]) {
  const end = entry.indexOf("=");
  const [name, path] = [entry.slice(0, end).trim(), entry.slice(end + 1).trim()];
  const plus = name.lastIndexOf("+");
  const [base, own] = [name.slice(0, plus), name.slice(plus + 1)];
  const parent = models.find(({ id, aliases }) =>
    [id, ...aliases].some((each) => each.toLowerCase() === base.toLowerCase()),
  );
  return { name, base, own, path, parent };
}

function namesOf({ id, aliases }: Named, own: string): Named {
  return { id: `${id}+${own}`, aliases: aliases.map((alias) => `${alias}+${own}`) };
}

async function findAdapter(entry: string, models: readonly LocalModel[], cwd: string): Promise<LocalModel> {
  const { name, base, own, parent, path: written } = readEntry(entry, models);
  const path = resolve(cwd, written);
  if (parent === undefined) {
    const served = models.map(({ id }) => id).join(", ") || "none";
    throw new AdapterError(`adapters: ${name}: the model ${base} is not served. Served on this machine: ${served}.`);
  }
  const sizeBytes = await checkAdapter(path, parent.gguf.architecture);
  const { sha256: _, ...shared } = parent;
  return {
    ...shared,
    ...namesOf(parent, own),
    sizeBytes: parent.sizeBytes + sizeBytes,
    adapter: { path, sizeBytes, parent: parent.id },
  };
}

/** Returns the file's size in bytes. llama.cpp compares the shapes of the tensors when it loads them. */
async function checkAdapter(path: string, architecture: string): Promise<number> {
  const { header, sizeBytes } = await readGgufHeader(path).catch((error: unknown) => {
    // Only models can be pulled.
    const isGone = error instanceof GgufError && error.code === "not_found";
    throw isGone ? new GgufError("not_found", path, "does not exist. Check the path of the adapter.") : error;
  });
  const value = (key: string) => header.values.get(key);
  if (value("general.type") !== "adapter" || value("adapter.type") !== "lora") {
    throw new GgufError(
      "not_an_adapter",
      path,
      "is not a LoRA adapter. Convert one with llama.cpp's convert_lora_to_gguf.py.",
    );
  }
  if (value("general.architecture") !== architecture) {
    throw new GgufError(
      "unsupported_architecture",
      path,
      `is an adapter for another architecture than the model's (${architecture}). Give it the model that it was trained for.`,
    );
  }
  return sizeBytes;
}
