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

/** So many downloads share a line and a disk well enough. */
const MAX_PULLS = 2;

export type LibraryOptions = {
  readonly modelsDir: string;
  /** Those that the gateway was started with. */
  readonly given: readonly LocalModel[];
  readonly directory: ModelDirectory;
  /** For `HF_TOKEN` and `HF_ENDPOINT`; the process's own unless given. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Puts a model among those that are served. Nothing of it is loaded. */
  readonly serve: (model: LocalModel) => Promise<void>;
};

/** The models folder, for who looks after the gateway from elsewhere. */
export function createLibrary({ modelsDir, env = process.env, given, directory, serve }: LibraryOptions): ModelLibrary {
  let catalogue: ReturnType<typeof loadCatalogue> | undefined;
  /** By the ids under which they are served. */
  const pulled = new Map<string, ModelReference>();
  let pulls = 0;

  /** Never a path or a URL: who may ask over HTTP may still not look around on this machine or in its network. */
  async function resolve(name: string): Promise<ModelReference> {
    const wanted = name.replace(/:latest$/i, "").replace(/^(?:hf\.co|huggingface\.co)\//i, "hf:");
    catalogue ??= loadCatalogue();
    const known = await catalogue;
    try {
      const reference = await resolveModel(wanted, known);
      if (reference.type === "remote" && !/^https?:/i.test(wanted)) return reference;
    } catch (error) {
      if (!(error instanceof UnknownModelError)) throw error;
    }
    const names = known.models.map((model) => model.name).join(", ");
    throw new LibraryError(
      "unknown",
      `There is no model '${name.slice(0, 128)}'. Models of the catalogue can be pulled (${names}), and hf:owner/repo:QUANT.`,
    );
  }

  function refuseGiven(id: string): void {
    if (!given.some((model) => model.id === id)) return;
    throw new LibraryError(
      "refused",
      `${id} is one of the models that the gateway was started with. Start it without that one, and remove the file.`,
    );
  }

  return {
    async pull(name, { signal, onProgress }) {
      const served = directory.find(name);
      if (served !== undefined) return { id: served.id, isNew: false };
      const reference = await resolve(name);
      if (pulls >= MAX_PULLS)
        throw new LibraryError("busy", `${MAX_PULLS} models are being pulled already. Wait for one.`);
      pulls += 1;
      try {
        const model = await ensureModel(reference, { modelsDir, env, signal, onProgress });
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
      await removeModel(model);
    },
  };
}

function inWords(error: unknown): LibraryError {
  return error instanceof LibraryError
    ? error
    : new LibraryError("failed", error instanceof Error ? error.message : String(error));
}
