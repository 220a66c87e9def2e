import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CommandError } from "../errors.ts";

/** Has a text edited in the user's editor, and returns it without white space at its ends. Throws a CommandError if the editor fails. */
export async function editText(text: string, env: NodeJS.ProcessEnv): Promise<string> {
  const editor = env.VISUAL || env.EDITOR || (process.platform === "win32" ? "notepad" : "vi");
  const folder = await mkdtemp(join(tmpdir(), "sluice-chat-"));
  try {
    const file = join(folder, "message.md");
    await writeFile(file, text, { mode: 0o600 });
    // The variable may hold flags, as in `code --wait`, so a shell reads it. The file's path is no part of that text.
    const child =
      process.platform === "win32"
        ? spawn(`${editor} "${file}"`, { stdio: "inherit", env, shell: true })
        : spawn("/bin/sh", ["-c", `${editor} "$1"`, "sh", file], { stdio: "inherit", env });
    const [code] = await once(child, "close");
    if (code !== 0) throw new CommandError(`The editor (${editor}) has failed. Set VISUAL or EDITOR to another one.`);
    return (await readFile(file, "utf8")).trim();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
