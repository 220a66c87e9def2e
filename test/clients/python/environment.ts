import { execFile } from "node:child_process";
import { access, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

const FOLDER = "test/clients/python";

/**
 * Returns a Python with the packages of the folder's `requirements.txt`. Creates the folder's virtual environment if needed. Throws with the
 * reason if that fails.
 */
export async function preparePython(folder: string = FOLDER): Promise<string> {
  // Git ignores it.
  const environment = join(folder, ".venv");
  const requirementsFile = join(folder, "requirements.txt");
  // A copy of the installed requirements, written after the installation.
  const installedFile = join(environment, "requirements.txt");
  const python = join(environment, ...(process.platform === "win32" ? ["Scripts", "python.exe"] : ["bin", "python"]));
  const requirements = await readFile(requirementsFile, "utf8");
  const installed = await readFile(installedFile, "utf8").catch(() => "");
  if (installed === requirements && (await isThere(python))) return python;

  await rm(environment, { recursive: true, force: true });
  await attempt(
    "python3",
    ["-m", "venv", "--without-pip", environment],
    "Python 3 with its venv module is needed here",
  );
  const quietly = ["--disable-pip-version-check", "--no-input", "--no-compile", "--only-binary=:all:"];
  await attempt(
    "python3",
    ["-m", "pip", "--python", python, "install", ...quietly, "-r", requirementsFile],
    `pip (22.3 or later) can't install ${requirementsFile} from its package index`,
  );
  await writeFile(installedFile, requirements);
  return python;
}

/** Runs a script of this folder, or at a path, and parses its output as JSON. */
export async function runPython(python: string, script: string, ...args: readonly string[]): Promise<unknown> {
  const file = script.includes("/") ? script : join(FOLDER, script);
  const { stdout } = await run(python, [file, ...args], { timeout: 120_000, maxBuffer: 2 ** 26 });
  return JSON.parse(stdout);
}

async function attempt(command: string, args: readonly string[], otherwise: string): Promise<void> {
  try {
    await run(command, args, { timeout: 400_000, maxBuffer: 2 ** 24 });
  } catch (error) {
    throw new Error(`${otherwise}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
