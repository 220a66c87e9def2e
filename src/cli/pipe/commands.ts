import type { Command } from "commander";
import { CLIENT_KEYS } from "../../config/environment.ts";
import type { Flags } from "../../config/load.ts";
import type { CliContext } from "../context.ts";
import { addGatewayOptions } from "../gateway-options.ts";
import { addExamples, addNotes } from "../help.ts";

const NOTES = [
  "Each line of the input is an item: a text for the preset, or with --json an object with the preset's variables (`id` names it, `input` " +
    "is its text). With a window, the lines of a window are one text. The answers are written in the order of the items.",
  `What comes faster than it is answered waits, up to --buffer items, and then --overload says what happens:
  wait          nothing more is read (the default)
  drop-oldest   what has waited longest is dropped
  latest        of each --key only the latest waits
  sample        a random choice waits
  spill         the model or route --spill answers what doesn't fit, with the same preset; or another preset does (--spill preset/NAME)
What is dropped is counted and told on stderr. If the gateway goes away, the items without an answer are sent again when it is back.`,
];

/** Adds `sluice pipe`. */
export function addPipeCommand(program: Command, context: CliContext, done: (exitCode: number) => void): void {
  const pipe = program
    .command("pipe")
    .description("answer each line of stdin with a preset, as long as lines come")
    .requiredOption("--preset <preset>", "preset that answers")
    .option("--json", "lines are JSON objects with the preset's variables")
    .option("--output <form>", "`text`: the answers' texts; `jsonl`: a line of JSON for each", "text")
    .option("--unordered", "write answers as they are ready")
    .option("--in-flight <number>", "items in flight at once", "8")
    .option("--window-count <number>", "make one item of so many lines")
    .option("--window-time <time>", "make one item of the lines that come in this time, such as 5s")
    .option("--key <field>", "field of JSON lines that is their key: for windows, and for --overload latest")
    .option(
      "--overload <policy>",
      "what happens to items that come too fast: wait, drop-oldest, latest, sample or spill",
      "wait",
    )
    .option("--spill <model>", "model, route or preset/NAME that answers what doesn't fit, with --overload spill")
    .option("--buffer <number>", "how many items may wait", "1000")
    .option("--class <class>", "class of the requests: interactive, default or batch", "batch")
    .action(async (flags: Flags) => {
      const { pipeLines } = await import("./pipe.ts");
      done(await pipeLines(flags, context));
    });
  addNotes(pipe, ...NOTES);
  addGatewayOptions(pipe, CLIENT_KEYS);
  addExamples(
    pipe,
    ["tail -f app.log | sluice pipe --preset summarise --window-time 10s", "a summary of each ten seconds"],
    [
      "tail -f tickets.jsonl | sluice pipe --preset task-priority --json --key id --overload latest",
      "the newest state of each ticket",
    ],
  );
}
