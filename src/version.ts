import { readFileSync } from "node:fs";

/** The version in `package.json`, which lies one folder up from here both in `src` and in `dist`. */
export function readVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return String(version);
}

/** How the user runs a command of Sluice, given its words: `npm run sluice -- keys list` in a checkout, `sluice keys list` once installed. */
export function shellCommand(words: string): string {
  return `${import.meta.url.endsWith(".ts") ? "npm run sluice --" : "sluice"} ${words}`;
}
