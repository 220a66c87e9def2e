import { open, rm } from "node:fs/promises";

/** Writes a new file, so that it is on the disk when this resolves. Leaves none behind if it fails. */
export async function writeDurably(path: string, data: string | Uint8Array, mode?: number): Promise<void> {
  const file = await open(path, "wx", mode);
  try {
    await file.writeFile(data);
    if (mode !== undefined) await file.chmod(mode);
    await file.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}
