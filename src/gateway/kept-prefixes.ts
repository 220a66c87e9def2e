import { createHash } from "node:crypto";
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Config } from "../config/schema.ts";
import type { KeptPrefixesOptions } from "../engine/contract/messages.ts";
import { type LocalModel, splitPaths } from "../models/index.ts";

type Settings = Pick<Config, "keepPrefixes" | "stateFile" | "stateMaxDays">;

const DAY_MS = 24 * 60 * 60 * 1000;

/** The folder for the prefixes of all models, beside the state file; undefined if they are not kept. */
export function prefixesFolder(
  { keepPrefixes, stateFile }: Pick<Settings, "keepPrefixes" | "stateFile">,
  cwd = ".",
): string | undefined {
  return keepPrefixes && stateFile !== ":memory:" ? join(dirname(resolve(cwd, stateFile)), "prefixes") : undefined;
}

/** Where a model's prefixes are kept; undefined if they are not. */
export function keptPrefixes(
  settings: Settings,
  { id, path, adapter }: Pick<LocalModel, "id" | "path" | "adapter">,
): KeptPrefixesOptions | undefined {
  const folder = prefixesFolder(settings);
  if (folder === undefined) return undefined;
  const maxAgeMs = settings.stateMaxDays * DAY_MS;
  return {
    folder: join(folder, folderName(id)),
    modelPaths: [...splitPaths(path), ...(adapter ? [adapter.path] : [])],
    maxAgeMs,
  };
}

/** Removes a model's prefixes. */
export async function forgetPrefixes(settings: Settings, id: string): Promise<void> {
  const folder = prefixesFolder(settings);
  if (folder !== undefined) await rm(join(folder, folderName(id)), { recursive: true, force: true });
}

/** Removes the prefixes of models whose files are gone, and those of models that were not used for too long. Never rejects. */
export async function sweepPrefixes(settings: Settings): Promise<void> {
  const parent = prefixesFolder(settings);
  if (parent === undefined) return;
  const names = await readdir(parent).catch(() => []);
  await Promise.all(
    names.map(async (name) => {
      const folder = join(parent, name);
      if (await isUseless(folder, settings.stateMaxDays * DAY_MS).catch(() => false)) {
        await rm(folder, { recursive: true, force: true }).catch(() => {});
      }
    }),
  );
}

async function isUseless(folder: string, maxAgeMs: number): Promise<boolean> {
  // An engine notes its model there each time it opens the folder.
  const note = join(folder, "model");
  const [path, { mtimeMs }] = await Promise.all([readFile(note, "utf8"), stat(note)]);
  if (Date.now() - mtimeMs > maxAgeMs) return true;
  return stat(path).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === "ENOENT",
  );
}

/** Names of models may have any characters. */
function folderName(id: string): string {
  const readable = id.replaceAll(/[^A-Za-z0-9.-]+/g, "-").slice(0, 40);
  return `${readable}-${createHash("sha256").update(id).digest("hex").slice(0, 12)}`;
}
