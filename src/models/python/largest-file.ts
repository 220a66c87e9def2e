import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

const MAX_FILES = 1_000;

/**
 * Returns the size of the largest file under `folder` whose name `counts`; 0 if there is none. So a growing file and its final copy are not
 * counted twice.
 */
export async function largestFileBytes(folder: string, counts: (name: string) => boolean): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile() && counts(entry.name)).slice(0, MAX_FILES);
  const sizes = await Promise.all(
    files.map((file) =>
      stat(join(file.parentPath, file.name)).then(
        (info) => info.size,
        // It may vanish meanwhile.
        () => 0,
      ),
    ),
  );
  return Math.max(0, ...sizes);
}
