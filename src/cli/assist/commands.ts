import type { Command } from "commander";
import { CLIENT_KEYS } from "../../config/environment.ts";
import type { Flags } from "../../config/load.ts";
import { addSamplingOptions } from "../ask/commands.ts";
import type { CliContext } from "../context.ts";
import { addGatewayOptions } from "../gateway-options.ts";
import { addExamples, addNotes } from "../help.ts";
import { addToolOptions } from "../mcp/tool-options.ts";

const NOTES =
  "assist works in the git repository around the current folder. It reads what is named, what a piped text names, what has changed, or what a " +
  "search finds in files that git doesn't ignore; files with secrets are left out. Texts stay on this machine unless --allow-remote is given. " +
  "Files are changed and commits are made only with --apply, or after a yes in the terminal.";

const FOREIGN =
  "No sluice.yaml, prompts or models of the current folder are taken unless they are named (--config, --prompts-dir, --models-dir): others may have " +
  "written them. Those of Sluice itself are the defaults.";

/** Adds `sluice assist` and its commands. */
export function addAssistCommand(program: Command, context: CliContext, done: (exitCode: number) => void): void {
  const assist = program
    .command("assist")
    .description("help with the code of this git repository: explain, review, commit, fix, test, ask");
  addNotes(assist, NOTES);

  const explain = addReading(
    assist.command("explain [file...]").description("explain files, a change, or a piped text"),
  ).action(async (files: readonly string[], flags: Flags) => {
    const { explain } = await import("./answer.ts");
    done(await explain(files, flags, context));
  });
  addExamples(
    explain,
    ["sluice assist explain src/main.ts:40-80", "some lines of a file"],
    ["sluice assist explain --diff HEAD~3..", "what the last three commits do"],
    ["make 2>&1 | sluice assist explain", "an error, with the code at the places that it names"],
  );

  const review = addReading(
    assist.command("review [file...]").description("review a change: all that is not committed, by default"),
  ).action(async (files: readonly string[], flags: Flags) => {
    const { review } = await import("./answer.ts");
    done(await review(files, flags, context));
  });
  addExamples(
    review,
    ["sluice assist review", "what is not committed yet"],
    ["sluice assist review --diff main...", "this branch"],
    ["gh pr diff 12 | sluice assist review", "a diff that is piped in"],
  );

  const ask = addReading(
    assist
      .command("ask [question...]")
      .description("answer a question from files that are named, or that a search of the repository finds for it"),
  ).action(async (words: readonly string[], flags: Flags) => {
    const { ask } = await import("./ask.ts");
    done(await ask(words, flags, context));
  });
  addExamples(
    ask,
    ["sluice assist ask 'Where are requests retried?'", "searches the files that git doesn't ignore"],
    ["sluice assist ask --file src/retry.ts 'When does it give up?'", "about a file"],
  );

  const commit = addCommon(
    assist
      .command("commit [hint...]")
      .description("write the message of the staged change, in the style of the last ones, and commit if told to"),
  )
    .option("--apply", "commit without asking")
    .action(async (words: readonly string[], flags: Flags) => {
      const { commit } = await import("./commit.ts");
      done(await commit(words, flags, context));
    });
  addExamples(
    commit,
    ["sluice assist commit", "propose a message, and ask whether to commit"],
    ["sluice assist commit --apply 'because the cache grew without end'", "commit with it at once"],
  );

  const fix = addEditing(
    addReading(
      assist
        .command("fix [what...]")
        .description("propose edits of the files that are named, or that a piped output names; apply them if told to"),
    ),
  ).action(async (words: readonly string[], flags: Flags) => {
    const { fix } = await import("./fix.ts");
    done(await fix(words, flags, context));
  });
  addExamples(
    fix,
    ["npm test 2>&1 | sluice assist fix", "what the output complains of; asks before it changes files"],
    ["sluice assist fix --file src/cart.ts 'The total of an empty cart is NaN.'", "a file"],
    ["npm test 2>&1 | sluice assist fix --apply --file src/cart.ts", "without asking, in that file alone"],
  );

  const test = addEditing(
    addReading(assist.command("test <file>").description("propose a test of a file, and write it if told to")),
  )
    .option("--out <path>", "the test's file; by default where the repository's tests are")
    .action(async (file: string, flags: Flags) => {
      const { test } = await import("./fix.ts");
      done(await test(file, flags, context));
    });
  addExamples(
    test,
    ["sluice assist test src/cart.ts", "in the style of the tests that there are"],
    ["sluice assist test src/cart.ts --out test/cart.test.ts --apply", "in that file, without asking"],
  );

  const undo = assist
    .command("undo")
    .description("take back the last run that changed files, if they are still as it left them")
    .option("--diff", "only print the diff that would take it back, such as for git apply")
    .option("--json", "print the result as JSON")
    .action(async (flags: Flags) => {
      const { undo } = await import("./undo.ts");
      done(await undo(flags, context));
    });
  addExamples(undo, ["sluice assist undo", "once for each run, the last first"]);

  for (const command of [explain, review, ask]) addToolOptions(command, { isOptIn: true });
  for (const command of [explain, review, ask, commit, fix, test]) {
    addGatewayOptions(command, CLIENT_KEYS);
    addNotes(command, FOREIGN);
  }
}

/** Adds the options of a command that reads files and changes. */
function addReading(command: Command): Command {
  return addCommon(command)
    .option("--file <path>", "a file, or lines of it: PATH, PATH:LINE or PATH:FROM-TO; may be repeated", collect)
    .option("--diff [range]", "a change: staged, worktree (the default), or commits such as main...");
}

function addEditing(command: Command): Command {
  return command.option("--apply", "change the named files without asking");
}

function addCommon(command: Command): Command {
  return addSamplingOptions(command)
    .option("--allow-remote", "let texts go to another machine, if that is where the model is")
    .option("--show-context", "show what is put into the prompt, and from where")
    .option("--json", "print the result as JSON");
}

function collect(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}
