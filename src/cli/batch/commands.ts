import type { Command } from "commander";
import { CLIENT_KEYS } from "../../config/environment.ts";
import type { Flags } from "../../config/load.ts";
import type { CliContext } from "../context.ts";
import { addGatewayOptions, addRunningOptions } from "../gateway-options.ts";
import { addExamples, addNotes } from "../help.ts";

const RUN_NOTES =
  "The input has a request on each line, as for OpenAI's batches. With --preset it has the variables of a preset on each line: JSON " +
  "objects, or CSV with a heading. Run the same command again to go on with a batch that was interrupted.";

const MANAGE_NOTES = "These commands see the batches of their key.";

/** Adds `sluice batch`, with commands that run files of requests and look after batches. */
export function addBatchCommand(program: Command, context: CliContext, done: (exitCode: number) => void): void {
  const batch = program.command("batch").description("run a file of requests as a batch, or look after batches");

  const run = batch
    .command("run <input>")
    .description("run a file of requests and write the answers to another file")
    .requiredOption("-o, --output <file>", "file for the answers; failed requests are written to FILE.errors")
    .option("--preset <preset>", "take each line, JSON or CSV, as the variables of this preset")
    .option("--limit <number>", "only so many requests")
    .option("--shuffle [seed]", "take the requests in random order, the same for the same seed")
    .option("--window <time>", "time in which it shall end, such as 24h", "24h")
    .action(async (input: string, flags: Flags) => {
      const { runBatch } = await import("./run.ts");
      done(await runBatch(input, flags, context));
    });
  addNotes(run, RUN_NOTES);
  addGatewayOptions(run, CLIENT_KEYS, ["slots"]);
  addExamples(
    run,
    ["sluice batch run in.jsonl -o out.jsonl", "a file of requests"],
    ["sluice batch run rows.csv --preset sentiment -o out.jsonl", "a table, each row for a preset"],
  );

  const list = batch
    .command("list")
    .description("list batches, newest first")
    .option("--json", "print them as JSON")
    .action(async (flags: Flags) => {
      const { listBatches } = await import("./manage.ts");
      done(await listBatches(flags, context));
    });

  const show = batch
    .command("show <id>")
    .description("show a batch: its counts, its errors, and when it will be done")
    .option("--json", "print it as JSON")
    .action(async (id: string, flags: Flags) => {
      const { showBatch } = await import("./manage.ts");
      done(await showBatch(id, flags, context));
    });

  const cancel = batch
    .command("cancel <id>")
    .description("cancel a batch; what is answered by then is kept")
    .option("--json", "print it as JSON")
    .action(async (id: string, flags: Flags) => {
      const { cancelBatch } = await import("./manage.ts");
      done(await cancelBatch(id, flags, context));
    });

  addExamples(list, ["sluice batch list", "what runs, and what is done"]);
  addExamples(show, ["sluice batch show batch_123", "how far it is"]);
  addExamples(cancel, ["sluice batch cancel batch_123", "what is answered by then is kept"]);
  for (const command of [list, show, cancel]) addRunningOptions(addNotes(command, MANAGE_NOTES), CLIENT_KEYS);
}
