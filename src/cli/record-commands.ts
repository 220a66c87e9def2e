import type { Command } from "commander";
import type { Flags } from "../config/load.ts";
import type { CliContext } from "./context.ts";
import { addExamples } from "./help.ts";
import { KEYS_STATE } from "./keys/commands.ts";
import { addSettingOptions } from "./options.ts";

/** Adds `sluice usage`. */
export function addUsageCommand(program: Command, context: CliContext, done: (exitCode: number) => void): void {
  const usage = program
    .command("usage")
    .description("show the usage of each key, by model and day (UTC)")
    .option("--key <key>", "only this key, by its id or name")
    .option("--model <model>", "only this model, by its id")
    .option("--since <when>", "first day: a date such as 2026-11-01, or a time before now such as 7d")
    .option("--json", "print it as JSON")
    .action(async (flags: Flags) => {
      const { usage } = await import("./usage.ts");
      done(usage(flags, context));
    });
  addSettingOptions(usage, ["stateFile"], { descriptions: KEYS_STATE });
  addExamples(
    usage,
    ["sluice usage --since 7d", "of the last week"],
    ["sluice usage --key alice --json", "of one key, for a script"],
  );
}

/** Adds `sluice logs`. */
export function addLogsCommand(program: Command, context: CliContext, done: (exitCode: number) => void): void {
  const logs = program
    .command("logs [file]")
    .description("show a gateway's log, from a file or piped in, in readable lines, all or those that match")
    .option("--errors", "only failures")
    .option("--requests", "only requests")
    .option("--status <status>", "only requests with this status, such as 429 or 5xx")
    .option("--slow <time>", "only requests that took at least this long, such as 2s")
    .option("--model <model>", "only requests for this model, by its id")
    .option("--key <key>", "only requests of this key, by its id or name")
    .option("--preset <preset>", "only requests with this preset")
    .option("--path <path>", "only requests whose path begins so")
    .option("--id <id>", "only the request with this id, Sluice's or the client's")
    .option("--level <level>", "only lines of this level and above")
    .option("--since <when>", "only lines since then: a time before now such as 10m, or a date")
    .option("-f, --follow", "wait for more lines, also after the file was replaced")
    .option("--json", "print the lines as they are")
    .action(async (file: string | undefined, flags: Flags) => {
      const { logs } = await import("./logs.ts");
      done(await logs(file, flags, context));
    });
  addExamples(
    logs,
    ["sluice logs sluice.log --follow --errors", "failures, as they come"],
    ["sluice logs sluice.log --slow 2s --since 1h", "what took long in the last hour"],
    ["journalctl -u sluice -o cat | sluice logs", "those of a service"],
  );
}
