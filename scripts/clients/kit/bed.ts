import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Finished, type RunOptions, runProgram } from "./process.ts";
import { type Recorder, startRecorder } from "./recorder.ts";

/** The environment of one client: a folder with its program, its home and its working folder, separate from the user's files. */
export type Bed = {
  readonly folder: string;
  /** The client's current folder: empty at first. */
  readonly work: string;
  readonly home: string;
  readonly model: string;
  /** The model that is made to call a tool: one whose answers aren't ended by anything that may be in a call. */
  readonly callingModel: string;
  /** Its file, where that is known. */
  readonly modelFile: string | undefined;
  readonly key: string;
  readonly contextTokens: number;
  readonly recorder: Recorder;
  /** Installs packages, pinned as `name@version`. */
  npm(...packages: readonly string[]): Promise<void>;
  /** Installs packages, pinned as `name==version`, and returns the folder of their programs. */
  pip(...packages: readonly string[]): Promise<string>;
  /** Installs packages as `pip` does, but without some that they ask for: what is large and not needed for what is tried. */
  uv(packages: readonly string[], options: { readonly without: readonly string[] }): Promise<void>;
  /** Writes a file into its home. */
  write(path: string, text: string): Promise<void>;
  /** Runs an installed program with a separate home and `env`. */
  run(program: string, args: readonly string[], options?: BedRunOptions): Promise<Finished>;
  close(): Promise<void>;
};

export type BedRunOptions = {
  readonly env?: Readonly<Record<string, string>>;
} & Partial<Pick<RunOptions, "timeoutMs" | "input" | "interruptAfter">>;

export type BedOptions = {
  readonly url: string;
  readonly key: string;
  readonly model: string;
  /** The model that is made to call a tool: one whose answers aren't ended by anything that may be in a call. */
  readonly callingModel: string;
  /** Its file, where that is known. */
  readonly modelFile: string | undefined;
  readonly contextTokens: number;
  readonly timeoutMs: number;
};

const INSTALL_WITHIN_MS = 400_000;
const UV_VERSION = "0.13.9";

/** Creates the folder and the proxy. */
export async function makeBed(client: string, { url, timeoutMs, ...rest }: BedOptions): Promise<Bed> {
  const folder = await mkdtemp(join(tmpdir(), `sluice-client-${client}-`));
  const home = join(folder, "home");
  const work = join(folder, "work");
  await Promise.all([home, work].map((path) => mkdir(path)));
  const recorder = await startRecorder(url);
  const binaries = [join(folder, "node_modules/.bin"), join(folder, "venv/bin"), dirname(process.execPath)];
  const path = [...binaries, process.env.PATH ?? ""].join(":");

  // Where packages come from is the user's own setting.
  const install = async (command: string, args: readonly string[]) => {
    const env = { ...process.env, PATH: path } as Record<string, string>;
    const { code, stdout, stderr } = await runProgram(command, args, {
      cwd: folder,
      env,
      timeoutMs: INSTALL_WITHIN_MS,
    });
    if (code !== 0)
      throw new Error(`${command} ${args.join(" ")} ended with ${code}: ${(stderr || stdout).slice(-2_000)}`);
  };
  const pip = async (...packages: readonly string[]) => {
    await install("python3", ["-m", "venv", "venv"]);
    await install(join(folder, "venv/bin/python"), ["-m", "pip", "install", "-q", "--no-compile", ...packages]);
    return join(folder, "venv/bin");
  };
  return {
    ...{ folder, home, work, recorder },
    ...rest,
    pip,
    npm: (...packages) => install("npm", ["install", "--prefix", folder, "--no-audit", "--no-fund", ...packages]),
    async uv(packages, { without }) {
      const programs = await pip(`uv==${UV_VERSION}`);
      const excludes = join(folder, "excludes.txt");
      await writeFile(excludes, without.join("\n"));
      const where = ["--python", join(programs, "python"), "--cache-dir", join(folder, "uv-cache")];
      await install(join(programs, "uv"), ["pip", "install", "-q", ...where, "--excludes", excludes, ...packages]);
    },
    async write(path, text) {
      const file = join(home, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
    },
    run: (program, args, { env = {}, ...options } = {}) =>
      runProgram(program, args, {
        ...{ cwd: work, timeoutMs },
        ...options,
        env: { ...environment(path, home), ...env },
      }),
    async close() {
      await recorder.close();
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/** The variables that a program needs to run, without keys or settings of the user. */
function environment(path: string, home: string): Record<string, string> {
  const xdg = {
    XDG_CONFIG_HOME: `${home}/.config`,
    XDG_DATA_HOME: `${home}/.local/share`,
    XDG_CACHE_HOME: `${home}/.cache`,
  };
  return { PATH: path, HOME: home, TMPDIR: home, LANG: "C.UTF-8", TERM: "dumb", NO_COLOR: "1", CI: "1", ...xdg };
}
