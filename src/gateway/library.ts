import type { Config } from "../config/schema.ts";
import {
  ensureModel,
  findModel,
  type LocalModel,
  loadCatalogue,
  type ModelReference,
  removeModel,
  resolveModel,
  UnknownModelError,
} from "../models/index.ts";
import type { ModelDirectory } from "../routing/directory.ts";
import { LibraryError, type ModelLibrary } from "../routing/library.ts";
import { type LibraryListOptions, listLibrary } from "./library-list.ts";

/** More downloads at once would only slow each other down. */
const MAX_PULLS = 2;

export type LibraryOptions = {
  readonly modelsDir: string;
  /** The models that the settings name. */
  readonly given: () => readonly LocalModel[];
  readonly directory: ModelDirectory;
  /** For `HF_TOKEN` and `HF_ENDPOINT`; the process's own if absent. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly memory: LibraryListOptions["memory"];
  /** The settings in force. */
  readonly config: () => Config;
  /** Serves a model, without loading it. */
  readonly serve: (model: LocalModel) => Promise<void>;
  /** Removes what is kept of a model besides its file. */
  readonly forget: (id: string) => Promise<void>;
};

/** Manages the models folder for remote clients. */
export function createLibrary(options: LibraryOptions): ModelLibrary {
  const { modelsDir, env = process.env, given, directory, serve, forget } = options;
  /** By their ids. */
  const pulled = new Map<string, ModelReference>();
  let pulls = 0;

  /** Accepts no paths or URLs: clients must not explore this machine or its network. */
  async function resolve(name: string): Promise<ModelReference> {
    const wanted = name.replace(/:latest$/i, "").replace(/^(?:hf\.co|huggingface\.co)\//i, "hf:");
    const known = await loadCatalogue();
    try {
      const reference = await resolveModel(wanted, known);
      if (reference.type === "remote" && !/^https?:/i.test(wanted)) return reference;
    } catch (error) {
      if (!(error instanceof UnknownModelError)) throw error;
    }
    const names = known.models.map((model) => model.name).join(", ");
    throw new LibraryError(
      "unknown",
      `There is no model '${name.slice(0, 128)}'. Pull one from the catalogue (${names}), or hf:owner/repo.`,
    );
  }

  function refuseGiven(id: string): void {
    if (!given().some((model) => model.id === id)) return;
    throw new LibraryError(
      "refused",
      `${id} is one of the settings' models, so it can't be deleted. Remove it from them, reload the gateway, and remove the file.`,
    );
  }

  return {
    list: () =>
      listLibrary({
        ...{ modelsDir, config: options.config, memory: options.memory, directory },
        isGiven: (id) => given().some((model) => model.id === id),
      }),

    async pull(name, { signal, onProgress, onChoice = () => {} }) {
      const served = directory.find(name);
      if (served !== undefined) return { id: served.id, isNew: false };
      const reference = await resolve(name);
      if (pulls >= MAX_PULLS)
        throw new LibraryError("busy", `${MAX_PULLS} models are already being pulled. Wait until one is complete.`);
      pulls += 1;
      try {
        const model = await ensureModel(reference, {
          ...{ modelsDir, env, signal, onProgress, onChoice },
          memoryBytes: options.memory.budgetBytes - options.memory.pinnedBytes,
        });
        const isNew = directory.find(model.id) === undefined;
        if (isNew) await serve(model);
        pulled.set(model.id, reference);
        return { id: model.id, isNew };
      } catch (error) {
        throw signal.aborted ? error : inWords(error);
      } finally {
        pulls -= 1;
      }
    },

    async remove(name) {
      const served = directory.find(name)?.id ?? name;
      refuseGiven(served);
      const reference = pulled.get(served) ?? (await resolve(name));
      refuseGiven(reference.id);
      const model = await findModel(reference, modelsDir).catch((error: unknown) => {
        throw inWords(error);
      });
      if (model === undefined) throw new LibraryError("unknown", `${reference.id} is not in the models folder.`);
      await directory.remove(model.id)?.close?.();
      pulled.delete(model.id);
      await Promise.all([removeModel(model), forget(model.id)]);
    },
  };
}

function inWords(error: unknown): LibraryError {
  return error instanceof LibraryError
    ? error
    : new LibraryError("failed", error instanceof Error ? error.message : String(error));
}
