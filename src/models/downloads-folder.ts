import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { withLock } from "./lock.ts";

/** For partial downloads, locks and wheels. It is inside the models folder so that the last step is a rename on one disk. */
const DOWNLOADS = ".downloads";

/** The folder of what isn't complete yet; created if missing. */
export async function openDownloads(modelsDir: string): Promise<string> {
  const folder = join(modelsDir, DOWNLOADS);
  await mkdir(folder, { recursive: true });
  return folder;
}

const POLL_MS = 200;

/** Runs `task` while no other program makes the file of this name. Throws its errors, and the signal's reason when aborted. */
export async function withDownloadLock<T>(
  modelsDir: string,
  name: string,
  signal: AbortSignal,
  task: (signal: AbortSignal, folder: string) => Promise<T>,
): Promise<T> {
  const folder = await openDownloads(modelsDir);
  const options = { signal, onWait: () => {}, pollMs: POLL_MS };
  return withLock(join(folder, `${name}.lock`), options, (locked) => task(locked, folder));
}
