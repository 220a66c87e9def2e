import { access, constants, copyFile, link, lstat, mkdir, open, rename, rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { lock } from "proper-lockfile";
import { readRegularFile } from "../read-file.ts";
import type { Change } from "./changes.ts";
import { writeDurably } from "./durable-write.ts";
import { type Entry, type EntryFile, type Journal, newId } from "./journal.ts";
import { locate, PathError } from "./paths.ts";

/** How long another run is waited for; a lock lapses 10 s after its process was killed. */
const LOCK = { stale: 10_000, retries: { retries: 12, minTimeout: 1_000, maxTimeout: 1_000 }, onCompromised: () => {} };

/** Files that are not what they were when they were read, or that can't be written. Nothing has changed then. */
export class NotReplacedError extends Error {
  override readonly name = "NotReplacedError";
}

/** A file is not what it was. */
export class ChangedError extends NotReplacedError {
  readonly path: string;

  constructor(path: string) {
    super(`Nothing was changed: ${path} has changed since it was read. Try again.`);
    this.path = path;
  }
}

type Aside = EntryFile & { readonly fresh: string; readonly kept: string };

type Run = {
  readonly command: string;
  /** The run that this one takes back. */
  readonly undoes?: Entry;
  readonly now: Date;
};

/**
 * Changes several files at once or none, and returns the run's id. A file that isn't as `before` says is refused. What a kill leaves half done is
 * taken back by `recover`. Throws a NotReplacedError.
 */
export async function replaceFiles(
  root: string,
  journal: Journal,
  changes: readonly Change[],
  { command, undoes, now }: Run,
): Promise<string> {
  return withLock(journal, async () => {
    await recoverAll(root, journal);
    for (const change of changes) await requireUnchanged(root, change);
    const id = newId(now);
    const entry: Entry = {
      ...{ version: 1, id, command, state: "begun", undoes: undoes?.id ?? null },
      files: changes.map(({ path, before, after }) => ({ path, before: before ?? null, after: after ?? null })),
      folders: await missingFolders(root, changes),
    };
    try {
      await journal.write(entry);
      for (const folder of entry.folders) await mkdir(join(root, folder));
      for (const file of asideOf(entry)) await prepare(root, file);
      for (const file of asideOf(entry)) await swap(root, file);
      await journal.write({ ...entry, state: "swapped" });
    } catch (error) {
      await takeBack(root, journal, entry);
      throw new NotReplacedError(`Nothing was changed: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
    // All files are changed. What can't be removed now, the next run removes.
    await finish(root, journal, entry)
      .then(() => journal.trim())
      .catch(() => {});
    return id;
  });
}

/** Takes back what a killed run has left half done, and ends what it had all but done. */
export async function recover(root: string, journal: Journal): Promise<void> {
  const isUnfinished = (await journal.list()).some(({ state }) => state !== "done");
  if (isUnfinished) await withLock(journal, () => recoverAll(root, journal));
}

/** The run that an undo takes back. Throws a NotReplacedError if there is one and it can't be read: an older one is not the last. */
export async function lastRun(journal: Journal): Promise<Entry | undefined> {
  const last = await journal.last();
  if (last === undefined || last.entry !== undefined) return last?.entry;
  throw new NotReplacedError(
    `Nothing was changed: the last run can't be taken back, since its entry can't be read: ${last.file}. To go on with the one before it, remove this file.`,
  );
}

async function recoverAll(root: string, journal: Journal): Promise<void> {
  for (const entry of await journal.list()) {
    if (entry.state === "begun") await takeBack(root, journal, entry);
    if (entry.state === "swapped") await finish(root, journal, entry);
  }
}

/** Removes what is left of a run whose files are all replaced. A run that took another one back goes with it. */
async function finish(root: string, journal: Journal, entry: Entry): Promise<void> {
  for (const { kept } of asideOf(entry)) await removeInside(root, kept);
  const undone = entry.undoes === null ? undefined : (await journal.list()).find(({ id }) => id === entry.undoes);
  if (undone !== undefined) {
    await removeFolders(root, undone.folders);
    await journal.remove(undone.id);
  }
  if (entry.undoes === null) await journal.write({ ...entry, state: "done" });
  else await journal.remove(entry.id);
}

/** One run at a time changes files. */
async function withLock<T>({ folder }: Journal, work: () => Promise<T>): Promise<T> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  let release: () => Promise<void>;
  try {
    release = await lock(folder, LOCK);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ELOCKED")) throw error;
    throw new NotReplacedError("Another run of assist changes files at the moment. Try again.", { cause: error });
  }
  try {
    return await work();
  } finally {
    // Fails only if the lock was lost; then there is nothing to release.
    await release().catch(() => {});
  }
}

async function requireUnchanged(root: string, { path, before }: Change): Promise<void> {
  const file = await locate(root, path);
  if (!(await holds(file, before ?? null))) {
    throw new ChangedError(path);
  }
  if (before === undefined) return;
  await access(file, constants.W_OK).catch(() => {
    throw new NotReplacedError(`Nothing was changed: ${path} is write-protected.`);
  });
}

/** Whether a file has this text; null for no file. */
async function holds(file: string, text: string | null): Promise<boolean> {
  try {
    const { bytes } = await readRegularFile(file, Buffer.byteLength(text ?? ""));
    return text !== null && bytes.equals(Buffer.from(text));
  } catch (error) {
    return text === null && error instanceof Error && "code" in error && error.code === "ENOENT";
  }
}

/** Writes the new text beside the file, and gives the file a second name, by which it outlives its replacement. */
async function prepare(root: string, { path, before, after, fresh, kept }: Aside): Promise<void> {
  const file = join(root, path);
  const mode = before === null ? undefined : (await lstat(file)).mode & 0o777;
  if (after !== null) await writeDurably(join(root, fresh), after, mode);
  if (before === null) return;
  // Not every file system has links.
  await link(file, join(root, kept)).catch(() => copyFile(file, join(root, kept), constants.COPYFILE_EXCL));
}

async function swap(root: string, { path, after, fresh }: Aside): Promise<void> {
  const file = await locate(root, path);
  if (after === null) await rm(file);
  else await rename(join(root, fresh), file);
  await syncFolder(dirname(file));
}

/** Makes everything as it was before a run that has only begun. What somebody else has changed since stays. */
async function takeBack(root: string, journal: Journal, entry: Entry): Promise<void> {
  for (const { path, before, after, fresh, kept } of asideOf(entry)) {
    // A new text that still waits has replaced nothing.
    const isWaiting = await isFile(root, fresh);
    await removeInside(root, fresh);
    const file = await locateIf(root, path);
    const isReplaced = file !== undefined && !isWaiting && (await holds(file, after));
    if (isReplaced && before === null) await rm(file, { force: true });
    else if (isReplaced && (await isFile(root, kept))) await rename(join(root, kept), file);
    await removeInside(root, kept);
  }
  await removeFolders(root, entry.folders);
  await journal.remove(entry.id);
}

/** The inner ones first; those with something in them stay. */
async function removeFolders(root: string, folders: readonly string[]): Promise<void> {
  for (const folder of folders.toReversed()) {
    const inner = await locateIf(root, `${folder}/x`);
    if (inner !== undefined) await rmdir(dirname(inner)).catch(() => {});
  }
}

/** Where a path is; undefined where somebody has put a link or a folder into its place since. */
async function locateIf(root: string, path: string): Promise<string | undefined> {
  try {
    return await locate(root, path);
  } catch (error) {
    if (error instanceof PathError) return undefined;
    throw error;
  }
}

async function isFile(root: string, path: string): Promise<boolean> {
  const file = await locateIf(root, path);
  return file !== undefined && (await lstat(file).catch(() => undefined)) !== undefined;
}

async function removeInside(root: string, path: string): Promise<void> {
  const file = await locateIf(root, path);
  if (file !== undefined) await rm(file, { force: true });
}

async function missingFolders(root: string, changes: readonly Change[]): Promise<string[]> {
  const missing = new Set<string>();
  for (const { path } of changes) {
    const names = path.split("/").slice(0, -1);
    for (let length = 1; length <= names.length; length++) {
      const folder = names.slice(0, length).join("/");
      if (!(await lstat(join(root, folder)).catch(() => undefined))) missing.add(folder);
    }
  }
  return [...missing];
}

/** The files of a run, with the names beside each: of its new text before it takes the file's place, and of the file that it takes the place of. */
function asideOf({ id, files }: Entry): readonly Aside[] {
  return files.map((file, index) => ({
    ...file,
    ...{ fresh: beside(file.path, `${id}-${index}.new`), kept: beside(file.path, `${id}-${index}.old`) },
  }));
}

/** A name beside a file that no program takes for one of its own. */
function beside(path: string, ending: string): string {
  return `${path.slice(0, path.lastIndexOf("/") + 1)}.sluice-${ending}`;
}

/** So that the renaming is on the disk, too. Not every system can. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const file = await open(folder, "r");
    await file.sync().finally(() => file.close());
  } catch {
    // Such as on Windows.
  }
}
