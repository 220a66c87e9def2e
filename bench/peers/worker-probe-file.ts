import { existsSync, readFileSync } from "node:fs";

/** The engine's own time for each request that it has finished, in ms, in the order of their ends, as `worker-probe.ts` wrote them. */
export function readProbe(file: string): readonly number[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8").split("\n").filter(Boolean).map(Number);
}
