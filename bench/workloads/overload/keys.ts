import { writeFileSync } from "node:fs";
import type { Kind } from "../../load/arrivals.ts";

/** What clients show. They open a server on loopback for some minutes, and nothing else. */
export const SECRETS: Readonly<Record<Kind, string>> = {
  greedy: "sk-sluice-benchmark-greedy",
  polite: "sk-sluice-benchmark-polite",
};

/** Writes a file of keys for `keysFile`, in JSON, which YAML has in it. Neither key has limits of its own. */
export function writeKeysFile(path: string): void {
  const keys = Object.entries(SECRETS).map(([name, key]) => ({ name, key }));
  writeFileSync(path, JSON.stringify({ keys }));
}
