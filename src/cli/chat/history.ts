import { mkdir, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { readBytes } from "../../read-file.ts";

const MAX_LINES = 1_000;
const MAX_BYTES = 1024 * 1024;

/** The lines that were typed in chats before, the newest first. */
export type History = {
  readonly lines: () => readonly string[];
  /** Takes over the lines of this chat, and keeps them for the next. Never rejects: a chat goes on without. */
  readonly keep: (lines: readonly string[]) => Promise<void>;
};

/** Where lines are kept: a folder for the state of programs, by the XDG convention. */
export function historyFile(env: NodeJS.ProcessEnv): string {
  return join(env.XDG_STATE_HOME || join(homedir(), ".local", "state"), "sluice", "chat-history");
}

/** Opens the history in a file; without one, it lasts as long as this chat. */
export function openHistory(file: string | undefined): History {
  let lines = file === undefined ? [] : read(file);
  return {
    lines: () => lines,
    async keep(typed) {
      lines = typed.slice(0, MAX_LINES);
      if (file === undefined) return;
      try {
        await mkdir(dirname(file), { recursive: true, mode: 0o700 });
        // What was asked is nobody else's business. Another chat may write at the same time: the last one's lines stay.
        const fresh = `${file}.${process.pid}`;
        await writeFile(fresh, `${[...lines].reverse().join("\n")}\n`, { mode: 0o600 });
        await rename(fresh, file);
      } catch {
        // Such as on a file system that can't be written.
      }
    },
  };
}

function read(file: string): readonly string[] {
  try {
    const text = new TextDecoder().decode(readBytes(file, MAX_BYTES));
    return text
      .split("\n")
      .filter((line) => line !== "")
      .slice(-MAX_LINES)
      .reverse();
  } catch {
    return [];
  }
}
