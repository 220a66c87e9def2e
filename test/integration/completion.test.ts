import { execFile } from "node:child_process";
import { chmod, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemProgram } from "../fixtures/system-program.ts";
import { openTerminal } from "../fixtures/terminal.ts";
import { createTestApp, listen, script, servedModel } from "../http/support.ts";

const MAIN = resolve(import.meta.dirname, "../../src/main.ts");

const SHELLS = {
  bash: { words: ["--norc", "--noprofile"], begin: "source <(sluice completion bash)" },
  zsh: { words: ["-f"], begin: "autoload -U compinit; compinit -D -u; source <(sluice completion zsh)" },
  fish: { words: ["--no-config"], begin: "source (sluice completion fish | psub)" },
} as const;

type Shell = keyof typeof SHELLS;

let folder: string;
let server: Awaited<ReturnType<typeof listen>>;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-shells-"));
  // What is completed is printed rather than run.
  const program = `#!/bin/sh\ncase $1 in\n  completion) exec '${process.execPath}' '${MAIN}' "$@" ;;\n  *) printf '<%s>' "$@"; echo ;;\nesac\n`;
  await writeFile(join(folder, "sluice"), program);
  await chmod(join(folder, "sluice"), 0o755);
  await writeFile(join(folder, "notes one.txt"), "");
  const ids = ["evil$(touch pwned)`touch pwned`;touch pwned", "hf:owner/repo:Q4_K_M", "tame"];
  server = await listen(createTestApp({ models: ids.map((id) => ({ ...servedModel(script([])), id })) }).app);
  env = { PATH: `${folder}:${process.env.PATH}`, HOME: folder, SLUICE_URL: server.url, PS1: "$ " };
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

function program(shell: Shell): Promise<string> {
  const what = `${shell}, a shell`;
  return systemProgram({ names: [shell], debianPackage: shell, what, advice: `Install ${shell}.` });
}

describe.each(Object.keys(SHELLS) as Shell[])("completion in %s", (shell) => {
  it.each([
    ["sluice pul", "pull"],
    ["sluice load hf:owner/", "load><hf:owner/repo:Q4_K_M"],
    ["sluice load 'ta", "load><tame"],
    ["sluice embed --model=ta", "embed><--model=tame"],
    ["sluice logs note", "logs><notes one.txt"],
    ["sluice batch run --config=note", "batch><run><--config=notes one.txt"],
    ["sluice load ev", "load><evil$(touch pwned)`touch pwned`;touch pwned"],
  ])("completes `%s`, and runs nothing of what it got", async (typed, words) => {
    const { words: flags, begin } = SHELLS[shell];
    await using terminal = openTerminal([await program(shell), ...flags], { cwd: folder, columns: 200, env });
    terminal.type(`${begin}; echo be''gun\r`);
    await terminal.until("begun\n");
    terminal.type(`${typed}\t`);
    await terminal.until(typed.slice(-3));
    // It is sent when the shell has answered the tab: keys wait for that.
    terminal.type("\r");
    await terminal.until(`<${words}>`);
    expect(await readdir(folder)).not.toContain("pwned");
    terminal.type("exit\r");
    await terminal.ended;
  });
});

it("asks fish without a terminal, with a purpose beside each word", async () => {
  const script = 'source (sluice completion fish | psub); complete -C "sluice pu"';
  const running = promisify(execFile)(await program("fish"), ["--no-config", "-c", script], { env, cwd: folder });
  running.child.stdin?.end();
  expect((await running).stdout).toMatch(/^pull\tdownload models: /);
});
