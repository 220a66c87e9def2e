import { randomBytes } from "node:crypto";
import type { Stats } from "node:fs";
import { lstat, mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { readRegularFile } from "../read-file.ts";
import { writeDurably } from "./durable-write.ts";
import { jsonText } from "./json-text.ts";
import { isInside } from "./paths.ts";

/** As many runs can be undone. */
const MAX_ENTRIES = 20;
const MAX_TOTAL_BYTES = 64 * 1024 * 1024;
const MAX_ENTRY_BYTES = 32 * 1024 * 1024;

/** The ending of an entry that isn't written to its end. */
const HALF = ".half";

const id = z.string().regex(/^\d{8}T\d{9}Z-[0-9a-f]{6}$/);
const path = z.string().refine(isInside);

const fileSchema = z.object({ path, before: z.string().nullable(), after: z.string().nullable() });

const entrySchema = z.object({
  version: z.literal(1),
  id,
  command: z.string().regex(/^[a-z]{1,16}$/),
  /** A kill may leave it `begun`, with some of its files replaced, or `swapped`, with all of them replaced and the old ones still there. */
  state: z.enum(["begun", "swapped", "done"]),
  files: z.array(fileSchema).readonly(),
  /** Folders that the run made, the outer ones first. */
  folders: z.array(path).readonly(),
  /** The run that this one takes back. */
  undoes: id.nullable(),
});

/** One run that changed files: what they were and what they became. */
export type Entry = Readonly<z.infer<typeof entrySchema>>;
export type EntryFile = Entry["files"][number];

/** The runs that changed files, in git's own folder. Only entries that this user alone can have written are read. */
export type Journal = {
  readonly folder: string;
  /** The oldest first. An entry that can't be read is left out. */
  readonly list: () => Promise<readonly Entry[]>;
  /** The file of the last run, and its entry unless that can't be read; undefined if there is no run. */
  readonly last: () => Promise<{ readonly file: string; readonly entry: Entry | undefined } | undefined>;
  /** Writes an entry to the disk, whole or not at all. Throws for one that is too large to be read again, and if others can write to the folder. */
  readonly write: (entry: Entry) => Promise<void>;
  readonly remove: (id: string) => Promise<void>;
  /** Removes the oldest runs, of more than can be kept, and what killed ones have left here. */
  readonly trim: () => Promise<void>;
};

export function newId(now: Date): string {
  return `${now.toISOString().replaceAll(/[-:.]/g, "")}-${randomBytes(3).toString("hex")}`;
}

export function openJournal(stateFolder: string): Journal {
  const folder = join(stateFolder, "assist");
  const fileOf = (id: string) => join(folder, `${id}.json`);

  async function names(): Promise<readonly string[]> {
    try {
      return (await readdir(folder)).filter((name) => name.endsWith(".json")).sort();
    } catch {
      return [];
    }
  }

  /** Undefined for what is no entry of this user's own, such as one that came with the repository. */
  async function read(name: string): Promise<Entry | undefined> {
    try {
      if (!isPrivate(await lstat(folder))) return undefined;
      const { bytes, stats } = await readRegularFile(join(folder, name), MAX_ENTRY_BYTES);
      if (!isPrivate(stats)) return undefined;
      const entry = jsonText.pipe(entrySchema).safeParse(bytes.toString()).data;
      return entry !== undefined && name === `${entry.id}.json` && hasOwnFolders(entry) ? entry : undefined;
    } catch {
      return undefined;
    }
  }

  return {
    folder,
    async list() {
      const entries = await Promise.all((await names()).map(read));
      return entries.filter((entry) => entry !== undefined);
    },
    async last() {
      const name = (await names()).at(-1);
      return name === undefined ? undefined : { file: join(folder, name), entry: await read(name) };
    },
    async write(entry) {
      // What files held is nobody else's business.
      await mkdir(folder, { recursive: true, mode: 0o700 });
      if (!isPrivate(await lstat(folder))) throw new Error(`${folder} is not this user's alone. Move it away.`);
      const text = JSON.stringify(entry);
      if (Buffer.byteLength(text) > MAX_ENTRY_BYTES)
        throw new Error(
          `to be undone, a change can have ${MAX_ENTRY_BYTES / 1024 / 1024} MiB at most. Change fewer files at once.`,
        );
      const half = `${fileOf(entry.id)}${HALF}`;
      // One that was killed may have left it.
      await rm(half, { force: true });
      await writeDurably(half, text, 0o600);
      await rename(half, fileOf(entry.id));
    },
    async remove(id) {
      for (const file of [fileOf(id), `${fileOf(id)}${HALF}`]) await rm(file, { force: true });
    },
    async trim() {
      const halves = (await readdir(folder)).filter((name) => name.endsWith(HALF));
      for (const half of halves) await rm(join(folder, half), { force: true });
      let bytes = 0;
      for (const [age, name] of (await names()).toReversed().entries()) {
        const entry = await read(name);
        bytes += JSON.stringify(entry ?? null).length;
        if ((entry === undefined || entry.state === "done") && (age >= MAX_ENTRIES || bytes > MAX_TOTAL_BYTES))
          await rm(join(folder, name));
      }
    },
  };
}

/** Whether nobody but this user can have written it, as far as the system tells. */
function isPrivate(stats: Stats): boolean {
  if (stats.isSymbolicLink()) return false;
  const user = process.getuid?.();
  return user === undefined || (stats.uid === user && (stats.mode & 0o077) === 0);
}

/** Whether a run's folders are around its files. */
function hasOwnFolders({ files, folders }: Entry): boolean {
  return folders.every((folder) => files.some(({ path }) => path.startsWith(`${folder}/`)));
}
