import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Measurement } from "../../figures.ts";

const worker = fileURLToPath(new URL("memory-worker.ts", import.meta.url));
const run = promisify(execFile);

/** What `count` answers of 100 tokens take in the store, by its own count and by the system's, in a process of their own. */
export async function measureMemory(count: number, signal: AbortSignal): Promise<Measurement> {
  const { stdout } = await run(process.execPath, ["--expose-gc", worker, String(count)], { signal });
  const { entries, countedMb, grownMb } = JSON.parse(stdout);
  return { storedEntries: entries, countedMb, grownMb, grownOverCounted: grownMb / countedMb };
}
