import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { fileURLToPath } from "node:url";

/** What is known of the machine, and how its commands are run; tests replace it. */
export type Machine = {
  readonly platform: NodeJS.Platform;
  readonly userId: number;
  readonly home: string;
  /** Node, and Sluice's program. */
  readonly program: readonly [node: string, main: string];
  /** The groups of this machine, by name. */
  readonly groups: () => readonly string[];
  readonly run: (command: readonly string[]) => Promise<Ran>;
};

/** `code` is undefined if there is no such program. */
export type Ran = { readonly code: number | undefined; readonly output: string };

const MAX_RUN_MS = 60_000;

export const thisMachine: Machine = {
  platform: process.platform,
  userId: process.getuid?.() ?? -1,
  home: homedir(),
  program: [process.execPath, fileURLToPath(new URL(`../../main${import.meta.url.slice(-3)}`, import.meta.url))],
  groups: listGroups,
  run,
};

function run([program = "", ...words]: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(program, words, { timeout: MAX_RUN_MS }, (error, stdout, stderr) => {
      const output = `${stdout}${stderr}`.trim();
      if (error === null) resolve({ code: 0, output });
      else if (error.code === "ENOENT") resolve({ code: undefined, output: `there is no ${program} here` });
      else resolve({ code: typeof error.code === "number" ? error.code : 1, output: output || error.message });
    });
  });
}

function listGroups(): readonly string[] {
  try {
    return readFileSync("/etc/group", "utf8")
      .split("\n")
      .map((line) => line.split(":", 1).join());
  } catch {
    return [];
  }
}
