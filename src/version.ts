import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The version in `package.json`, which lies one folder up from here both in `src` and in `dist`. */
export function readVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return String(version);
}

/**
 * How the user runs a command of Sluice, given its words: `npm run sluice -- keys list` in a checkout, `npx sluice-gateway keys list` if npx
 * runs it, `sluice keys list` once installed.
 */
export function shellCommand(words: string): string {
  if (import.meta.url.endsWith(".ts")) return `npm run sluice -- ${words}`;
  return process.env.npm_command === "exec" ? `npx sluice-gateway ${words}` : `sluice ${words}`;
}

/** As `shellCommand`, for a command that stands in another folder than the checkout. */
export function shellCommandAnywhere(words: string): string {
  if (!import.meta.url.endsWith(".ts")) return shellCommand(words);
  // The machine's own Node may be too old.
  const paths = [process.execPath, fileURLToPath(new URL("main.ts", import.meta.url))];
  return [...paths.map((path) => (/^[\w/.:\\-]+$/.test(path) ? path : JSON.stringify(path))), words].join(" ");
}
