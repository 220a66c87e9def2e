import { readFileSync } from "node:fs";

/** The version in `package.json`, which lies one folder up from here both in `src` and in `dist`. */
export function readVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return String(version);
}
