import { createHash } from "node:crypto";
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { z } from "zod";

/** The state of a partial download, in `NAME.part.json` beside it. */
const partStateSchema = z.object({
  /** A hash of the URL, whose query may contain a secret. */
  urlHash: z.string().max(64),
  etag: z.string().max(1000).optional(),
  lastModified: z.string().max(100).optional(),
  totalBytes: z.int().positive().optional(),
});

export type PartState = z.infer<typeof partStateSchema>;
export type Part = { readonly receivedBytes: number; readonly state: PartState };

const NOTHING = { receivedBytes: 0 } as const;

/** Reads how much of the file at `url` has arrived, and the server's version of it. A part of another URL doesn't count. */
export async function readPart(partPath: string, url: URL): Promise<Part> {
  const urlHash = hashUrl(url);
  try {
    const [info, text] = await Promise.all([stat(partPath), readFile(statePath(partPath), "utf8")]);
    const state = partStateSchema.parse(JSON.parse(text));
    if (state.urlHash === urlHash) return { receivedBytes: info.size, state };
  } catch {
    // There is no part, or its state is lost: start again.
  }
  return { ...NOTHING, state: { urlHash } };
}

export async function writePartState(partPath: string, state: PartState): Promise<void> {
  await writeFile(statePath(partPath), JSON.stringify(state));
}

/** Removes a partial download, if there is one. */
export async function removePart(partPath: string): Promise<void> {
  await Promise.all([rm(partPath, { force: true }), rm(statePath(partPath), { force: true })]);
}

/** Removes the state of a download after its file got its final name. */
export async function removePartState(partPath: string): Promise<void> {
  await rm(statePath(partPath), { force: true });
}

/**
 * Makes the headers to request the rest of the file if it hasn't changed, by its ETag or its date (RFC 9110, section 13.1.5; a weak ETag
 * can't be used). Returns undefined if a change could not be detected.
 */
export function resumeHeaders(
  { receivedBytes, state }: Part,
  hasHash: boolean,
): Readonly<Record<string, string>> | undefined {
  if (receivedBytes === 0) return undefined;
  const range = { range: `bytes=${receivedBytes}-` };
  if (state.etag !== undefined && !state.etag.startsWith("W/")) return { ...range, "if-range": state.etag };
  if (state.lastModified !== undefined) return { ...range, "if-range": state.lastModified };
  // The hash would reveal a changed file.
  return hasHash ? range : undefined;
}

function hashUrl(url: URL): string {
  return createHash("sha256").update(url.href).digest("hex");
}

function statePath(partPath: string): string {
  return `${partPath}.json`;
}
