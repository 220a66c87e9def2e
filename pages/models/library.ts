import { computed, signal } from "@preact/signals";
import type { BackendState } from "../../src/generation/backend.ts";
import { ApiError, fetchJson, send } from "../api/fetch.ts";
import { readLines } from "../api/lines.ts";

/** A model as `GET /admin/library` tells of it. */
export type LibraryModel = {
  readonly name: string;
  readonly description: string | null;
  readonly purpose: string | null;
  readonly license: string | null;
  readonly parameters: string | null;
  readonly quantization: string | null;
  readonly size_bytes: number | null;
  readonly size_estimated: boolean;
  readonly memory_bytes: number | null;
  readonly fits: "now" | "in_place_of_others" | "no" | null;
  readonly lacking_bytes: number;
  readonly downloaded: boolean;
  readonly fits_on_disk: boolean;
  readonly served_as: string | null;
  readonly state: BackendState | null;
  readonly pinned: boolean;
  readonly unload_in_ms: number | null;
  readonly in_settings: boolean;
};

export type Library = {
  readonly data: readonly LibraryModel[];
  readonly unusable: readonly { readonly file: string; readonly reason: string }[];
  readonly memory: { readonly budget_bytes: number; readonly held_bytes: number; readonly pinned_bytes: number };
  readonly free_disk_bytes: number | null;
};

/** How far a download is. */
export type Pull = {
  readonly status: string;
  readonly share: number | undefined;
  /** Why its quantization was chosen, if none was named. */
  readonly choice?: string;
  readonly error?: unknown;
};

type Progress = {
  readonly status?: string;
  readonly error?: string;
  readonly total?: number;
  readonly completed?: number;
  readonly choice?: string;
};

export const library = signal<Library | undefined>(undefined);
/** Why the library, or something that was asked of it, failed. */
export const failure = signal<unknown>(undefined);
/** By the models' names. */
export const pulls = signal<ReadonlyMap<string, Pull>>(new Map());

const CHANGING: ReadonlySet<BackendState | null> = new Set(["loading", "unloading", "restarting"]);

/** Whether something changes by itself, so that it is worth looking again soon. */
export const isChanging = computed(() => library.value?.data.some(({ state }) => CHANGING.has(state)) === true);

export async function refresh(): Promise<void> {
  try {
    library.value = await fetchJson<Library>("/admin/library");
    failure.value = undefined;
  } catch (error) {
    failure.value = error;
  }
}

/** Asks for a change, tells if it is refused, and looks what came of it. */
async function change(path: string, body: object, method: "POST" | "DELETE" = "POST"): Promise<void> {
  let refused: unknown;
  try {
    await send(path, { method, body });
  } catch (error) {
    refused = error;
  }
  await refresh();
  if (refused !== undefined) failure.value = refused;
}

export const load = (model: string) => change("/models/load", { model });
export const unload = (model: string) => change("/models/unload", { model });
export const pin = (model: string, pinned: boolean) => change("/admin/library/pin", { model, pinned });
export const remove = (model: string) => change("/api/delete", { model }, "DELETE");

const stops = new Map<string, AbortController>();

/** Downloads a model. What has come stays if it is stopped, and the next pull goes on there. */
export async function pull(name: string): Promise<void> {
  if (stops.has(name)) return;
  const stop = new AbortController();
  stops.set(name, stop);
  note(name, { status: "asking", share: undefined });
  try {
    const lines = readLines<Progress>("/api/pull", { method: "POST", body: { model: name }, signal: stop.signal });
    let choice: string | undefined;
    for await (const { status = "", error, total, completed, ...line } of lines) {
      if (error !== undefined) throw new ApiError(error, 0);
      const share = total === undefined || total === 0 ? undefined : (completed ?? 0) / total;
      choice = line.choice ?? choice;
      note(name, { status: wordOf(status), share, ...(choice !== undefined && { choice }) });
    }
    // What was chosen is read after the download, too.
    note(name, choice === undefined ? undefined : { status: "here", share: undefined, choice });
  } catch (error) {
    note(name, stop.signal.aborted ? undefined : { status: "failed", share: undefined, error });
  } finally {
    stops.delete(name);
    await refresh();
  }
}

export function stopPull(name: string): void {
  stops.get(name)?.abort();
}

export function forgetPull(name: string): void {
  note(name, undefined);
}

function note(name: string, progress: Pull | undefined): void {
  const next = new Map(pulls.peek());
  if (progress === undefined) next.delete(name);
  else next.set(name, progress);
  pulls.value = next;
}

/** Ollama's words for what it is at, in plain ones. */
function wordOf(status: string): string {
  if (status.startsWith("pulling manifest")) return "looking for it";
  if (status.startsWith("pulling")) return "downloading";
  if (status.startsWith("verifying")) return "checking";
  return status;
}
