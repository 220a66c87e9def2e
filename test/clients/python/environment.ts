import { execFile } from "node:child_process";
import { access, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

const FOLDER = "test/clients/python";
/** Git ignores it. */
const ENVIRONMENT = join(FOLDER, ".venv");
const REQUIREMENTS = join(FOLDER, "requirements.txt");
/** A copy of the requirements that were installed, written when they were. */
const INSTALLED = join(ENVIRONMENT, "requirements.txt");

/**
 * The Python that has the packages of `requirements.txt`, in a virtual environment of its own that is made here where it isn't yet.
 * Throws with the reason when it can't be had.
 */
export async function preparePython(): Promise<string> {
  const python = join(ENVIRONMENT, ...(process.platform === "win32" ? ["Scripts", "python.exe"] : ["bin", "python"]));
  const requirements = await readFile(REQUIREMENTS, "utf8");
  const installed = await readFile(INSTALLED, "utf8").catch(() => "");
  if (installed === requirements && (await isThere(python))) return python;

  await rm(ENVIRONMENT, { recursive: true, force: true });
  await attempt(
    "python3",
    ["-m", "venv", "--without-pip", ENVIRONMENT],
    "Python 3 with its venv module is needed here",
  );
  const quietly = ["--disable-pip-version-check", "--no-input", "--no-compile", "--only-binary=:all:"];
  await attempt(
    "python3",
    ["-m", "pip", "--python", python, "install", ...quietly, "-r", REQUIREMENTS],
    `pip (22.3 or later) can't install ${REQUIREMENTS} from its package index`,
  );
  await writeFile(INSTALLED, requirements);
  return python;
}

/** What a script of this folder prints, which must be JSON. */
export async function runPython(python: string, script: string, ...args: readonly string[]): Promise<unknown> {
  const { stdout } = await run(python, [join(FOLDER, script), ...args], { timeout: 120_000 });
  return JSON.parse(stdout);
}

async function attempt(command: string, args: readonly string[], otherwise: string): Promise<void> {
  try {
    await run(command, args, { timeout: 120_000, maxBuffer: 2 ** 24 });
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
