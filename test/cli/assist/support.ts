import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { run } from "../../../src/cli/run.ts";
import type { Backend } from "../../../src/generation/backend.ts";
import type { GenerationRequest } from "../../../src/generation/request.ts";
import { answerWith, createTestApp, listen, script, servedModel } from "../../http/support.ts";
import { type FakeProcess, fakeContext } from "../fake-context.ts";

/** The program. */
export const MAIN = fileURLToPath(new URL("../../../src/main.ts", import.meta.url));

/** Git as on a machine where nobody has set anything. */
export const GIT_ENV: NodeJS.ProcessEnv = {
  PATH: process.env.PATH,
  HOME: "/nonexistent",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_SYSTEM: "/dev/null",
  GIT_AUTHOR_NAME: "Ann",
  GIT_AUTHOR_EMAIL: "ann@example.com",
  GIT_COMMITTER_NAME: "Ann",
  GIT_COMMITTER_EMAIL: "ann@example.com",
};

/** A git repository that is removed after the test. */
export type Scratch = Disposable & {
  readonly folder: string;
  readonly git: (...words: readonly string[]) => string;
  readonly write: (path: string, text: string) => void;
  readonly read: (path: string) => string;
};

/** Makes a repository with these files, all committed. */
export function scratchRepository(files: Readonly<Record<string, string>> = {}): Scratch {
  const folder = mkdtempSync(join(tmpdir(), "sluice-assist-"));
  const git = (...words: readonly string[]) =>
    execFileSync("git", words, { cwd: folder, env: GIT_ENV, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  git("init", "--quiet", "--initial-branch=main");
  for (const [path, text] of Object.entries(files)) write(path, text);
  git("add", "--all");
  git("commit", "--quiet", "--allow-empty", "--message", "feat: begin");
  return {
    ...{ folder, git, write },
    read: (path) => readFileSync(join(folder, path), "utf8"),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** A model that gives these answers, one after another, the last again and again. A function is called when it is asked. */
function scriptedModel(answers: readonly (string | (() => string))[]) {
  const requests: GenerationRequest[] = [];
  const model = servedModel(
    script(async function* answer(request) {
      requests.push(request);
      const answer = answers[Math.min(requests.length, answers.length) - 1] ?? "";
      yield* answerWith([typeof answer === "string" ? answer : answer()]);
    }),
  );
  return { model, requests };
}

/** A gateway on this machine with a model that gives these answers, and with `others`. */
export async function scriptedGateway(answers: readonly (string | (() => string))[], others: readonly Backend[] = []) {
  const { model, requests } = scriptedModel(answers);
  const server = await listen(createTestApp({ models: [model, ...others] }).app);
  return { url: server.url, requests, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

/** What a request's last message says. */
export function askedIn(request: GenerationRequest | undefined): string {
  return request?.prompt.type === "chat" ? String(request.prompt.messages.at(-1)?.content) : "";
}

type Given = {
  readonly stdin?: string;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Stands for `process`, so that a test can send signals. */
  readonly process?: FakeProcess;
};

/** Runs `sluice assist` in a repository, without a terminal. */
export async function assist(
  { folder }: Pick<Scratch, "folder">,
  url: string | undefined,
  words: readonly string[],
  { stdin, cwd = "", env = {}, process }: Given = {},
) {
  const context = {
    ...fakeContext({ cwd: join(folder, cwd), env: { ...GIT_ENV, ...env } }),
    ...(process && { process }),
    ...(stdin !== undefined && { stdin: Readable.from([stdin]) }),
  };
  const exitCode = await run(["assist", ...words, ...(url === undefined ? [] : ["--url", url])], context);
  return { exitCode, stdout: context.stdout.text(), stderr: context.stderr.text() };
}
