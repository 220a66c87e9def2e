import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseDocument } from "yaml";
import { type Flags, loadConfig } from "../../config/load.ts";
import { presetFolder } from "../../prompts/index.ts";
import { parsePreset } from "../../prompts/parse.ts";
import type { Preset } from "../../prompts/preset.ts";
import { readBounded } from "../../prompts/read-folder.ts";
import { INPUT } from "../../prompts/template.ts";
import type { ShadowRow } from "../../store/shadow.ts";
import { type CliContext, EXIT } from "../context.ts";
import { CommandError, UsageError } from "../errors.ts";
import { withKeys } from "../keys/open.ts";
import { formatShare, wilson } from "../wilson.ts";
import { readSince } from "./report.ts";

/** Longer texts make every request slower, as examples. */
const MAX_EXAMPLE_CHARACTERS = 2_000;

/** With fewer calls no threshold can be told from chance. */
const FEWEST_CALLS = 20;

/**
 * `sluice shadow propose PRESET`: writes the preset with what its shadow has taught: a threshold for a cascade, and examples of what this machine got
 * wrong, with the other server's answers. Throws a CommandError, a PresetError and a StateError.
 */
export async function propose(
  id: string,
  flags: Flags,
  context: CliContext,
  now: () => number = Date.now,
): Promise<number> {
  const { config } = loadConfig({ flags, env: context.env, cwd: context.cwd });
  const file = `${id}.yaml`;
  const { text, modifiedUnixSeconds } = await readBounded(
    join(presetFolder(config.promptsDir, context.cwd), file),
    join(config.promptsDir, file),
  );
  const source = { path: join(config.promptsDir, file), name: id, modifiedUnixSeconds };
  const preset = parsePreset(text, source);
  const sinceMs = readSince(typeof flags.since === "string" ? flags.since : "30d", now());
  const rows = withKeys(config, context.cwd, ({ shadows }) =>
    shadows.exists() ? shadows.list({ preset: preset.id, sinceMs }) : [],
  );
  if (rows.length === 0)
    throw new CommandError(`No calls of ${id} were compared in this time: there is nothing to propose.`);

  const threshold = findThreshold(rows, readNumber("--agreement", flags.agreement, 0.9, 1));
  const examples = findExamples(rows, preset, readNumber("--examples", flags.examples, 3, 64));
  const document = parseDocument(text);
  if (threshold !== undefined) document.set("cascade", document.createNode({ least: threshold.least }));
  if (document.has("examples")) {
    for (const example of examples) document.addIn(["examples"], document.createNode(example));
  } else if (examples.length > 0) document.set("examples", document.createNode(examples));
  const out = resolve(context.cwd, typeof flags.out === "string" ? flags.out : `${id}.proposed.yaml`);
  const proposed = document.toString();
  // What is proposed must be a preset.
  parsePreset(proposed, source);
  await writeNew(out, proposed);
  if (flags.json === true) {
    const report = {
      preset: id,
      file: out,
      calls: rows.length,
      threshold: threshold ?? null,
      examples: examples.length,
    };
    context.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    return EXIT.done;
  }
  context.stdout.write(
    `${describeThreshold(threshold, rows)}${describeExamples(examples, rows)}The proposal is in ${out}. Compare it with \`sluice eval\` before you use it.\n`,
  );
  return EXIT.done;
}

type Threshold = { readonly least: number; readonly used: number; readonly same: number };

/**
 * The least log-probability from which on so many of the answers here are the same as the other server's that the lower end of the interval
 * reaches `agreement`; of several, the one that uses the most answers. Undefined if there is none.
 */
function findThreshold(rows: readonly ShadowRow[], agreement: number): Threshold | undefined {
  const scored = rows
    .flatMap(({ least, isSame }) => (least === null ? [] : [{ least, isSame }]))
    .sort((one, other) => other.least - one.least);
  if (scored.length < FEWEST_CALLS) return undefined;
  let best: Threshold | undefined;
  let same = 0;
  for (const [index, { least, isSame }] of scored.entries()) {
    if (isSame) same += 1;
    const next = scored[index + 1]?.least;
    const used = index + 1;
    if (next === least || wilson(same, used).low < agreement) continue;
    // Rounded down, so that this answer reaches it, unless the next would, too.
    const rounded = Math.floor(least * 100) / 100;
    best = { least: next !== undefined && next >= rounded ? least : rounded, used, same };
  }
  return best;
}

type Example = { readonly user: string; readonly assistant: string };

/** What was answered otherwise here, with the other server's answers: the shortest, each once. */
function findExamples(rows: readonly ShadowRow[], preset: Preset, most: number): readonly Example[] {
  const known = new Set(preset.examples.map(({ user }) => user));
  const found = new Map<string, Example>();
  const wrong = rows
    .flatMap(({ isSame, texts }) => (isSame || texts === null ? [] : [texts]))
    .filter(({ question, theirs }) => question.length + theirs.length <= MAX_EXAMPLE_CHARACTERS)
    .sort((one, other) => one.question.length + one.theirs.length - (other.question.length + other.theirs.length));
  for (const { question, theirs } of wrong) {
    const user = inputOf(question, preset);
    const isGood = user !== undefined && user.trim() !== "" && theirs.trim() !== "" && !known.has(question);
    if (isGood && !found.has(user)) found.set(user, { user, assistant: theirs });
    if (found.size >= most) break;
  }
  return most === 0 ? [] : [...found.values()];
}

/** The user's own text in a message that the preset's template has made; undefined if it can't be told. */
function inputOf(message: string, { template }: Preset): string | undefined {
  if (template === undefined) return message;
  let inputs = 0;
  const pattern = template.parts
    .map((part, index) => {
      if (index % 2 === 0) return part.replaceAll(/[$()*+.?[\\\]^{|}]/g, "\\$&");
      if (part !== INPUT) return "[\\s\\S]*?";
      inputs += 1;
      return "([\\s\\S]*)";
    })
    .join("");
  return inputs === 1 ? new RegExp(`^${pattern}$`, "u").exec(message)?.[1] : undefined;
}

function describeThreshold(threshold: Threshold | undefined, rows: readonly ShadowRow[]): string {
  if (threshold === undefined) {
    return rows.length < FEWEST_CALLS
      ? `No threshold: only ${rows.length} calls were compared.\n`
      : "No threshold: not enough of the answers here are the same, however sure the model was.\n";
  }
  const { least, used, same } = threshold;
  return (
    `cascade: { least: ${least} }: ${formatShare(wilson(used, rows.length))} of ${rows.length} calls would have been answered here, ` +
    `${formatShare(wilson(same, used))} of them the same.\n`
  );
}

function describeExamples(examples: readonly Example[], rows: readonly ShadowRow[]): string {
  const kept = rows.filter(({ texts }) => texts !== null).length;
  if (kept === 0) return "No examples: no texts were kept (--shadow-keep-texts).\n";
  return `${examples.length} examples of what was answered otherwise here. They are texts of your clients: read them first.\n`;
}

async function writeNew(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { flag: "wx", mode: 0o600 });
  } catch (error) {
    const isThere = error instanceof Error && "code" in error && error.code === "EEXIST";
    const reason = isThere ? "it is there already" : error instanceof Error ? error.message : String(error);
    throw new CommandError(`${path} can't be written: ${reason}. Name another file with --out.`, { cause: error });
  }
}

function readNumber(flag: string, given: Flags[string], fallback: number, most: number): number {
  if (given === undefined) return fallback;
  const value = typeof given === "string" && /^\d{1,3}(\.\d{1,6})?$/.test(given) ? Number(given) : Number.NaN;
  if (value >= 0 && value <= most) return value;
  throw new UsageError(`${flag}: ${JSON.stringify(given)} is not allowed. Give a number from 0 to ${most}.`);
}
