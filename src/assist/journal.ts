import { randomBytes } from "node:crypto";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { readRegularFile } from "../read-file.ts";
import { writeDurably } from "./durable-write.ts";
import { jsonText } from "./json-text.ts";

/** As many runs can be undone. */
const MAX_ENTRIES = 20;
const MAX_TOTAL_BYTES = 64 * 1024 * 1024;
const MAX_ENTRY_BYTES = 32 * 1024 * 1024;

/** The ending of an entry that isn't written to its end. */
const HALF = ".half";

const fileSchema = z.object({
  path: z.string(),
  before: z.string().nullable(),
  after: z.string().nullable(),
  /** Beside the file: its new text before it takes the file's place, and the file that it takes the place of. */
  fresh: z.string(),
  kept: z.string(),
});

const entrySchema = z.object({
  version: z.literal(1),
  id: z.string().regex(/^[\w-]{1,64}$/),
  command: z.string(),
  /** A kill may leave it `begun`, with some of its files replaced, or `swapped`, with all of them replaced and the old ones still there. */
  state: z.enum(["begun", "swapped", "done"]),
  files: z.array(fileSchema).readonly(),
  /** Folders that the run made, the outer ones first. */
  folders: z.array(z.string()).readonly(),
  /** The run that this one takes back. */
  undoes: z.string().nullable(),
});

/** One run that changed files: what they were and what they became. */
export type Entry = Readonly<z.infer<typeof entrySchema>>;
export type EntryFile = Entry["files"][number];

/** The runs that changed files, in git's own folder. */
export type Journal = {
  readonly folder: string;
  /** The oldest first. An entry that can't be read is left out. */
  readonly list: () => Promise<readonly Entry[]>;
  /** Writes an entry to the disk, whole or not at all. */
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

  async function read(name: string): Promise<Entry | undefined> {
    const { bytes } = await readRegularFile(join(folder, name), MAX_ENTRY_BYTES);
    return jsonText.pipe(entrySchema).safeParse(bytes.toString()).data;
  }

  return {
    folder,
    async list() {
      const entries = await Promise.all((await names()).map((name) => read(name).catch(() => undefined)));
      return entries.filter((entry) => entry !== undefined);
    },
    async write(entry) {
      // What files held is nobody else's business.
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const half = `${fileOf(entry.id)}${HALF}`;
      // One that was killed may have left it.
      await rm(half, { force: true });
      await writeDurably(half, JSON.stringify(entry), 0o600);
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
        const entry = await read(name).catch(() => undefined);
        bytes += JSON.stringify(entry ?? null).length;
        if ((entry === undefined || entry.state === "done") && (age >= MAX_ENTRIES || bytes > MAX_TOTAL_BYTES))
          await rm(join(folder, name));
      }
    },
  };
}
