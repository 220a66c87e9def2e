import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { Config } from "../../config/schema.ts";
import { freeDiskBytes } from "../../models/index.ts";
import { formatBytes } from "../units.ts";
import { type Check, good, problem, warning } from "./check.ts";
import type { ModelFinding } from "./models.ts";

/** A folder that may not exist yet. */
export type Folder = {
  /** Absolute. */
  readonly path: string;
  readonly exists: boolean;
  readonly writable: boolean;
  /** The space for an ordinary user; undefined if unknown. */
  readonly freeBytes: number | undefined;
};

/** Inspects a folder or, if it doesn't exist, its nearest parent. Writes nothing. */
export async function lookAtFolder(path: string): Promise<Folder> {
  const nearest = await nearestFolder(path);
  const writable = await access(nearest, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  const freeBytes = await freeDiskBytes(nearest).catch(() => undefined);
  return { path, exists: nearest === path, writable, freeBytes };
}

async function nearestFolder(path: string): Promise<string> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  return isThere || dirname(path) === path ? path : nearestFolder(dirname(path));
}

/** Checks the space for the models that are to be downloaded. */
export function checkModelsFolder(folder: Folder, findings: readonly ModelFinding[]): Check {
  const { path, exists, writable, freeBytes } = folder;
  const free = freeBytes === undefined ? "" : `, ${formatBytes(freeBytes)} free`;
  const absent = findings.filter((finding) => finding.state === "absent");
  if (!writable) {
    const message = `${path} can't be written to by this user`;
    return absent.length > 0
      ? problem(
          "models folder",
          `${message}, and ${absent.length} of the models must be downloaded`,
          "Choose another folder with --models-dir, or fix its permissions.",
        )
      : warning(
          "models folder",
          message,
          "Before a model is to be downloaded, choose another folder with --models-dir.",
        );
  }
  const neededBytes = absent.reduce((total, { sizeBytes = 0 }) => total + sizeBytes, 0);
  if (freeBytes !== undefined && neededBytes > freeBytes) {
    return problem(
      "models folder",
      `${path}${free}, and ${formatBytes(neededBytes)} are to be downloaded`,
      "Free some disk space, or choose a folder on another disk with --models-dir.",
    );
  }
  return good("models folder", `${path}, ${exists ? "writable" : "will be created"}${free}`);
}

/** Checks the space for the prefix store. */
export function checkScratchFolder(
  folder: Folder,
  config: Pick<Config, "prefixStoreBytes" | "model">,
): readonly Check[] {
  const wantedBytes = config.prefixStoreBytes * new Set(config.model).size;
  if (wantedBytes === 0) return [];
  const advice =
    "Prompts that slots lost are then evaluated again. Take another folder with --state-file (TMPDIR if prefixes are not kept), or a smaller --prefix-store-bytes.";
  if (!folder.writable) return [warning("prefixes", `${folder.path} can't be written to by this user`, advice)];
  if (folder.freeBytes === undefined || folder.freeBytes >= wantedBytes) return [];
  const message = `${folder.path} has ${formatBytes(folder.freeBytes)} free, and prefixes may take ${formatBytes(wantedBytes)}`;
  return [warning("prefixes", message, advice)];
}
