import { join, resolve } from "node:path";
import type { Adapter } from "./adapters.ts";
import { freeDiskBytes } from "./disk.ts";
import { openDownloads } from "./downloads-folder.ts";
import { GgufError, ModelFileError } from "./errors.ts";
import { checkGguf, type GgufSummary } from "./gguf/check.ts";
import { findInstalled, listModelsDir } from "./installed.ts";
import { withLock } from "./lock.ts";
import { createProgressReporter, type Progress } from "./progress.ts";
import type { ModelReference, RemoteReference } from "./reference.ts";
import { settle } from "./settle.ts";
import { fetchFromSources, type SourceSettings } from "./sources.ts";

/** A model that can be loaded: its file is complete and valid for llama.cpp. */
export type LocalModel = {
  /** Its id in the API. */
  readonly id: string;
  readonly aliases: readonly string[];
  /** Absolute; of the first part if there are several. */
  readonly path: string;
  /** All parts together. */
  readonly sizeBytes: number;
  /** Set when this call downloaded the file and compared its hash. */
  readonly sha256?: string;
  readonly gguf: GgufSummary;
  /** What changes its answers, if anything does. */
  readonly adapter?: Adapter;
};

export type EnsureOptions = {
  /** The folder of downloaded models; created if missing. */
  readonly modelsDir: string;
  /** For `HF_TOKEN`, `HF_ENDPOINT`, and pip's settings; the process's own if absent. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly onProgress?: (progress: Progress) => void;
  /** Stops the download. The next call resumes it. */
  readonly signal?: AbortSignal;
  readonly fetch?: typeof fetch;
  /** The time for each source to begin its answer; 4,500 by default, so that it is given up within five seconds. */
  readonly reachTimeoutMs?: number;
  /** The time without data after which a transfer is resumed; 30,000 by default. */
  readonly stallTimeoutMs?: number;
  /** The delay before the nth retry in a row; by default 0.5 s, doubled each time, at most 8 s. */
  readonly retryDelayMs?: (retry: number) => number;
  /** The interval for checking another process's lock, and pip's growing file; 200 by default. */
  readonly pollMs?: number;
  /** A monotonic clock in ms. */
  readonly now?: () => number;
  /** Returns the free bytes on the disk of a folder. */
  readonly freeBytes?: (folder: string) => Promise<number>;
  /** The memory that the model may take, by which a quantization is chosen where none is named; by default most of what is free. */
  readonly memoryBytes?: number;
  /** Gets the chosen quantization, with the reason. */
  readonly onChoice?: (why: string) => void;
};

/** Of the free memory; other programs need some, too. */
const MEMORY_SHARE = 0.9;

/**
 * Ensures that a model is on the disk, and returns it. Checks the header and size of an existing file. Otherwise downloads the model from
 * the first source that has it, checks it, and then gives it its final name. Two calls for the same model, even in two processes, download
 * it once: the second waits.
 * @throws GgufError if llama.cpp can't load the file.
 * @throws ModelFileError if the file in its place is another one.
 * @throws ModelUnavailableError if no source has it; it lists all attempts.
 * Throws the signal's reason when aborted.
 */
export async function ensureModel(wanted: ModelReference, options: EnsureOptions): Promise<LocalModel> {
  options.signal?.throwIfAborted();
  if (wanted.type === "local") return describeFile(wanted, resolve(wanted.path));
  const modelsDir = resolve(options.modelsDir);
  const ownSettings = settingsOf(options);
  const signal = options.signal ?? new AbortController().signal;
  const budgetBytes = options.memoryBytes ?? MEMORY_SHARE * process.availableMemory();
  const { reference, why } = await settle(wanted, modelsDir, { ...ownSettings, signal, budgetBytes });
  if (why !== undefined) options.onChoice?.(why);
  if (reference.type === "local") return describeFile(reference, resolve(reference.path));
  const installed = await checkInstalled(reference, modelsDir);
  if (installed !== undefined) return installed;

  const downloadsDir = await openDownloads(modelsDir);
  const waiting = createProgressReporter("another download of it", options.onProgress, ownSettings.now);
  const lockOptions = {
    signal,
    onWait: () => waiting.report("waiting"),
    pollMs: ownSettings.pollMs,
  };
  return withLock(join(downloadsDir, `${reference.stem}.lock`), lockOptions, async (locked) => {
    // The previous holder of the lock may have downloaded it meanwhile.
    const arrived = await checkInstalled(reference, modelsDir);
    if (arrived !== undefined) return arrived;
    const { path, sha256 } = await fetchFromSources(
      reference,
      { modelsDir, downloadsDir },
      { ...ownSettings, signal: locked },
    );
    return { ...(await describeFile(reference, path)), ...(sha256 !== undefined && { sha256 }) };
  });
}

/**
 * Finds a model on the disk, and checks its header and size; undefined if it isn't downloaded yet.
 * @throws GgufError and ModelFileError like `ensureModel`.
 */
export async function findModel(wanted: ModelReference, modelsDir: string): Promise<LocalModel | undefined> {
  const { reference } = await settle(wanted, resolve(modelsDir));
  return reference.type === "local"
    ? describeFile(reference, resolve(reference.path))
    : checkInstalled(reference, resolve(modelsDir));
}

async function checkInstalled(reference: RemoteReference, modelsDir: string): Promise<LocalModel | undefined> {
  const path = findInstalled(modelsDir, await listModelsDir(modelsDir), reference.stem);
  if (path === undefined) return undefined;
  const model = await describeFile(reference, path).catch((error: unknown) => {
    throw error instanceof GgufError && !error.code.startsWith("unsupported_") ? withWayOut(error) : error;
  });
  const { sizeBytes } = reference;
  if (sizeBytes !== undefined && model.sizeBytes !== sizeBytes) {
    throw new ModelFileError(
      path,
      `has ${model.sizeBytes} bytes, but ${reference.id} has ${sizeBytes}: it is another file. Remove it to download the right one.`,
    );
  }
  return model;
}

/** Reports a wrong file in the models folder, which must be removed before the right one can be downloaded. */
function withWayOut({ code, path, reason }: GgufError): GgufError {
  return new GgufError(code, path, `${reason} Remove it first: the next start or pull then downloads the model.`);
}

async function describeFile({ id, aliases }: ModelReference, path: string): Promise<LocalModel> {
  const gguf = await checkGguf(path);
  return { id, aliases, path, sizeBytes: gguf.sizeBytes, gguf };
}

function settingsOf(options: EnsureOptions): Omit<SourceSettings, "signal"> {
  return {
    env: options.env ?? process.env,
    onProgress: options.onProgress,
    fetch: options.fetch ?? fetch,
    reachTimeoutMs: options.reachTimeoutMs ?? 4_500,
    stallTimeoutMs: options.stallTimeoutMs ?? 30_000,
    retryDelayMs: options.retryDelayMs ?? ((retry) => Math.min(8_000, 500 * 2 ** (retry - 1))),
    pollMs: options.pollMs ?? 200,
    now: options.now ?? (() => performance.now()),
    freeBytes: options.freeBytes ?? freeDiskBytes,
  };
}
