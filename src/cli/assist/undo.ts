import { describeChanges } from "../../assist/changes.ts";
import { openJournal } from "../../assist/journal.ts";
import { ChangedError, lastRun, recover, replaceFiles } from "../../assist/replace-files.ts";
import { openRepository } from "../../assist/repository.ts";
import type { Flags } from "../../config/load.ts";
import { shellCommandAnywhere } from "../../version.ts";
import { type CliContext, EXIT } from "../context.ts";
import { paintDiff } from "../diff.ts";
import { CommandError } from "../errors.ts";
import { asCommandError } from "./assist.ts";

/** `sluice assist undo`: takes back the last run that changed files, if they are still as it left them. Throws a CommandError. */
export async function undo(flags: Flags, context: CliContext): Promise<number> {
  try {
    const { root, stateFolder } = await openRepository(context.cwd, context.env);
    const journal = openJournal(stateFolder);
    await recover(root, journal);
    const last = await lastRun(journal);
    if (last === undefined)
      throw new CommandError("There is nothing to undo: no run of assist has changed files here.");
    const changes = last.files.map(({ path, before, after }) => ({
      ...{ path, before: after ?? undefined, after: before ?? undefined },
    }));
    if (flags.diff === true) {
      const diff = describeChanges(changes);
      context.stdout.write(context.stdout.isTTY === true ? paintDiff(diff, context) : diff);
      return EXIT.done;
    }
    await replaceFiles(root, journal, changes, { command: "undo", undoes: last, now: new Date() }).catch(
      (error: unknown) => {
        throw error instanceof ChangedError ? explain(error, last.command) : error;
      },
    );
    const paths = changes.map(({ path }) => path);
    if (flags.json === true) {
      context.stdout.write(`${JSON.stringify({ undone: last.id, command: last.command, files: paths }, null, 2)}\n`);
    } else {
      context.stdout.write(paintDiff(describeChanges(changes), context));
      context.stderr.write(`Taken back: ${paths.join(", ")}, as before the last \`assist ${last.command}\`.\n`);
    }
    return EXIT.done;
  } catch (error) {
    throw asCommandError(error);
  }
}

function explain(cause: ChangedError, command: string): CommandError {
  const way = shellCommandAnywhere("assist undo --diff");
  return new CommandError(
    `Nothing was taken back: ${cause.path} has changed since the last \`assist ${command}\`. What has changed since the last commit: git diff -- ${cause.path}. To take back that run's edits and keep the later ones, at the root of the repository: ${way} | git apply --unidiff-zero`,
    { cause },
  );
}
