import { type Change, describeChanges, planChanges } from "../../assist/changes.ts";
import { EditError, editSchema, type Proposal, parseProposal } from "../../assist/edits.ts";
import { openJournal } from "../../assist/journal.ts";
import { replaceFiles } from "../../assist/replace-files.ts";
import { shellCommandAnywhere } from "../../version.ts";
import { escapeAllButLayout } from "../controls.ts";
import { paintDiff } from "../diff.ts";
import { CommandError } from "../errors.ts";
import { collect } from "./answer.ts";
import { type Asked, prepare, tellAsked, type Work } from "./assist.ts";
import type { Gathered } from "./gather.ts";
import { encodeContext } from "./show-context.ts";
import { askTerminal } from "./terminal.ts";

/** A model that is told what is wrong with its edits mends them more often than not; one that fails twice goes on failing. */
const MAX_TRIES = 2;

/** Which edits are asked for. */
export type Task = {
  readonly command: "fix" | "test";
  readonly question: string;
  readonly gathered: Pick<Gathered, "sources" | "leftOut">;
  /** The texts of the files that may be edited; undefined for one that doesn't exist yet. */
  readonly files: ReadonlyMap<string, string | undefined>;
  /** Those of them that the user has named. */
  readonly named: ReadonlySet<string>;
};

type Planned = { readonly proposal: Proposal; readonly changes: readonly Change[]; readonly model: string };

/** Has edits proposed, shows them, and applies them if told to. Throws a CommandError. */
export async function change(task: Task, work: Work): Promise<void> {
  const { flags, context } = work;
  const asked = await prepare(work, task.gathered, task.question);
  tellAsked(work);
  const { proposal, changes, model } = await propose(task, asked);
  const diff = describeChanges(changes);
  const isJson = flags.json === true;
  if (!isJson) {
    context.stdout.write(`${escapeAllButLayout(proposal.explanation.trim())}\n`);
    if (changes.length > 0) context.stdout.write(`\n${paintDiff(diff, context)}`);
  }
  const run =
    changes.length > 0 && (await isWanted(changes, task, work)) ? await apply(changes, task, work) : undefined;
  if (isJson) {
    const { explanation, edits } = proposal;
    const found = { model, explanation, edits, diff, applied: run !== undefined, run: run ?? null };
    context.stdout.write(
      `${JSON.stringify({ ...found, ...encodeContext(asked.context, flags.showContext === true) }, null, 2)}\n`,
    );
  }
  if (changes.length > 0) return;
  if (flags.apply === true) throw new CommandError("Nothing was changed: the model proposes no edits.");
  context.stderr.write("The model proposes no edits.\n");
}

/** Asks for edits, and once more if they can't be used. */
async function propose({ files }: Task, { ask }: Asked): Promise<Planned> {
  const schema = editSchema([...files.keys()]);
  const format = { type: "json_schema", json_schema: { name: "edits", schema, strict: true } };
  let fault = "";
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const hint = fault === "" ? "" : `\n\nYour last answer couldn't be used. ${fault} Answer again.`;
    const { text, ending } = await collect((reader) => ask(reader, { response_format: format }, hint));
    if (ending.reason === "length") {
      throw new CommandError(
        "The edits were cut off at the answer's maximum length, so nothing was changed. Raise it with --max-tokens, name fewer lines, or serve the model with a larger --context.",
      );
    }
    try {
      const proposal = parseProposal(text);
      return { proposal, changes: planChanges(proposal.edits, files), model: ending.stats.model };
    } catch (error) {
      if (!(error instanceof EditError)) throw error;
      fault = error.message;
    }
  }
  throw new CommandError(
    `The model's edits can't be used, so nothing was changed. ${fault} Try a better model with --model.`,
  );
}

/** Files that somebody has named are changed as told; for others, somebody is asked, who has seen the diff. */
async function isWanted(
  changes: readonly Change[],
  { named }: Task,
  { flags, context, signal }: Work,
): Promise<boolean> {
  const { stdout, stderr } = context;
  const unnamed = changes.map(({ path }) => path).filter((path) => !named.has(path));
  if (flags.apply === true && unnamed.length === 0) return true;
  const canAsk = flags.json !== true && stdout.isTTY === true;
  const answer = canAsk
    ? await askTerminal(
        `Change ${changes.length === 1 ? "this file" : `these ${changes.length} files`}?`,
        context,
        signal,
      )
    : undefined;
  if (answer === true) return true;
  const flagsToAdd = unnamed.map((path) => `--file ${path}`).join(" ");
  if (flags.apply === true && answer === undefined) {
    throw new CommandError(`Nothing was changed: ${unnamed.join(", ")} was not named. To allow it, add ${flagsToAdd}`);
  }
  const way = ["--apply", flagsToAdd].join(" ").trim();
  stderr.write(answer === false ? "Nothing was changed.\n" : `Nothing was changed. To apply the edits: ${way}\n`);
  return false;
}

async function apply(
  changes: readonly Change[],
  { command }: Task,
  { repository, context, signal }: Work,
): Promise<string> {
  signal.throwIfAborted();
  const { root, stateFolder } = repository;
  const run = await replaceFiles(root, openJournal(stateFolder), changes, { command, now: new Date() });
  const paths = changes.map(({ path }) => path).join(", ");
  context.stderr.write(`Changed: ${paths}. To take it back: ${shellCommandAnywhere("assist undo")}\n`);
  return run;
}
