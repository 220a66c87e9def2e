import type { Handler } from "hono";
import type { Backend } from "../../generation/backend.ts";
import { parseWire } from "../../protocols/issue.ts";
import type { ModelDirectory } from "../../routing/directory.ts";
import type { LibraryEntry, LibraryList, ModelLibrary } from "../../routing/library.ts";
import type { HttpEnv } from "../context.ts";
import { HttpError } from "../errors.ts";
import { readJson } from "../json-body.ts";
import { resolveModel } from "../model.ts";
import { pinModel as pinOperation } from "../openapi/operations/library.ts";

type LibraryDeps = { readonly library: ModelLibrary | undefined; readonly models: ModelDirectory };

/** `GET /admin/library`: what can be served from this machine's disk, and whether it fits. */
export function listLibrary({ library, models }: LibraryDeps): Handler<HttpEnv> {
  return async (c) => {
    if (library === undefined) {
      throw new HttpError(404, "This gateway has no folder of models. See GET /v1/models for those it serves.", null);
    }
    const list = await library.list();
    const { entries, unusable, memory, freeDiskBytes } = list;
    return c.json({
      object: "list",
      data: entries.map((entry) =>
        encode(entry, entry.servedAs === undefined ? undefined : models.find(entry.servedAs), list),
      ),
      unusable,
      memory: { budget_bytes: memory.budgetBytes, held_bytes: memory.heldBytes, pinned_bytes: memory.pinnedBytes },
      free_disk_bytes: freeDiskBytes ?? null,
    });
  };
}

/** `POST /admin/library/pin` */
export function pinModel({ models }: Pick<LibraryDeps, "models">): Handler<HttpEnv> {
  return async (c) => {
    const { model: name, pinned } = parseWire(pinOperation.request.schema, await readJson(c));
    const model = resolveModel(c, models, name);
    if (model.pin === undefined) {
      throw new HttpError(
        400,
        `The model \`${model.id}\` takes no memory here, so it can't be pinned.`,
        "unsupported_model",
      );
    }
    model.pin(pinned);
    return c.json({ object: "library.pin", model: model.id, pinned: model.residence?.()?.isPinned ?? pinned });
  };
}

function encode(entry: LibraryEntry, served: Backend | undefined, list: LibraryList) {
  const { name, about, parameters, quantization, sizeBytes, memoryBytes, isDownloaded } = entry;
  const place = served?.residence?.();
  return {
    object: "library.model",
    ...{ name, description: about?.description ?? null, purpose: about?.purpose ?? null },
    ...{ license: about?.license ?? null, parameters: parameters ?? null, quantization: quantization ?? null },
    ...{ size_bytes: sizeBytes ?? null, size_estimated: entry.isSizeEstimated === true },
    memory_bytes: place?.memoryBytes ?? memoryBytes ?? null,
    ...fitOf(memoryBytes, place !== undefined, list.memory),
    downloaded: isDownloaded,
    fits_on_disk: isDownloaded || (sizeBytes ?? 0) <= (list.freeDiskBytes ?? Number.POSITIVE_INFINITY),
    served_as: entry.servedAs ?? null,
    state: served?.state() ?? null,
    pinned: place?.isPinned === true,
    unload_in_ms: place?.unloadInMs ?? null,
    in_settings: entry.isGiven,
  };
}

function fitOf(neededBytes: number | undefined, isLoaded: boolean, memory: LibraryList["memory"]) {
  if (isLoaded) return { fits: "now", lacking_bytes: 0 };
  if (neededBytes === undefined) return { fits: null, lacking_bytes: 0 };
  const { budgetBytes, heldBytes, pinnedBytes } = memory;
  const lackingFor = (roomBytes: number) => Math.max(0, Math.ceil(neededBytes - roomBytes));
  const [now, alone] = [lackingFor(budgetBytes - heldBytes), lackingFor(budgetBytes - pinnedBytes)];
  if (now === 0) return { fits: "now", lacking_bytes: 0 };
  return alone === 0 ? { fits: "in_place_of_others", lacking_bytes: now } : { fits: "no", lacking_bytes: alone };
}
