import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tempDir } from "./temp-dir.ts";

export type FakePip = {
  /** The environment in which it is the only pip. */
  readonly env: Readonly<Record<string, string>>;
  /** Where it writes the arguments and environment of each run, a line of JSON each. */
  readonly runsPath: string;
};

/** What the fake does. `wheels` is a folder with ready wheels, `dest` where they are wanted, `say` writes a line to stdout. */
const BEHAVIOURS = {
  works:
    "say('Collecting ' + requirement); say('  Downloading ' + wheel); fs.copyFileSync(wheels + '/' + wheel, dest + '/' + wheel)",
  hangs: "say('Collecting ' + requirement); setInterval(() => {}, 1000)",
  stalls: "say('  Downloading ' + wheel); fs.writeFileSync(dest + '/half', 'half'); setInterval(() => {}, 1000)",
  "finds nothing":
    "console.error('ERROR: Could not find a version that satisfies the requirement ' + requirement); console.error('ERROR: No matching distribution found for ' + requirement + ' at https://me:secret@index.test/simple'); process.exit(1)",
  "has no network":
    "fs.writeFileSync(log, 'Could not fetch URL https://index.test/simple/: connection error: refused - skipping'); console.error('ERROR: No matching distribution found'); process.exit(1)",
  "breaks off once":
    "if (!fs.existsSync(wheels + '/broken')) { fs.writeFileSync(wheels + '/broken', ''); console.error('ERROR: Exception: IncompleteRead(3 bytes read)'); process.exit(2) } fs.copyFileSync(wheels + '/' + wheel, dest + '/' + wheel)",
} as const;

export type PipBehaviour = keyof typeof BEHAVIOURS;

/** An executable `pip3` in a folder of its own that behaves as told. `wheels` are by file name. */
export async function fakePip(
  behaviour: PipBehaviour,
  wheels: Readonly<Record<string, Buffer>> = {},
): Promise<FakePip> {
  const folder = await tempDir();
  const bin = join(folder, "bin");
  const wheelsDir = join(folder, "wheels");
  const runsPath = join(folder, "runs.jsonl");
  await mkdir(bin);
  await mkdir(wheelsDir);
  for (const [name, bytes] of Object.entries(wheels)) await writeFile(join(wheelsDir, name), bytes);
  const script = `#!${process.execPath}
const fs = require("node:fs");
const args = process.argv.slice(2);
const say = (line) => fs.writeSync(1, line + "\\n");
const requirement = args.at(-1);
const dest = args[args.indexOf("--dest") + 1];
const log = args[args.indexOf("--log") + 1];
const wheels = ${JSON.stringify(wheelsDir)};
const wheel = fs.readdirSync(wheels).find((name) => name.startsWith(requirement.replace("==", "-").replace(/-(?=.*-)/g, "_")));
fs.appendFileSync(${JSON.stringify(runsPath)}, JSON.stringify({ pid: process.pid, args, env: process.env }) + "\\n");
${BEHAVIOURS[behaviour]};
`;
  await writeFile(join(bin, "pip3"), script);
  await chmod(join(bin, "pip3"), 0o755);
  return { env: { PATH: bin }, runsPath };
}
