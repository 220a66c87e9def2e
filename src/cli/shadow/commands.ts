import type { Command } from "commander";
import type { Flags } from "../../config/load.ts";
import type { CliContext } from "../context.ts";
import { addExamples } from "../help.ts";
import { KEYS_STATE } from "../keys/commands.ts";
import { addSettingOptions } from "../options.ts";

/** Adds `sluice shadow`, with commands for what shadowing has measured. */
export function addShadowCommand(program: Command, context: CliContext, done: (exitCode: number) => void): void {
  const shadow = program
    .command("shadow")
    .description("show how answers of this machine compare with those of other servers (--shadow-share)");

  const report = shadow
    .command("report")
    .description("show how many calls would have been answered the same here, and what that would have saved")
    .option("--preset <preset>", "only this preset, by its id")
    .option("--since <when>", "first time: a date such as 2026-11-01, or a time before now such as 7d (default 7d)")
    .option("--json", "print it as JSON")
    .action(async (flags: Flags) => {
      const { report } = await import("./report.ts");
      done(report(flags, context));
    });

  const propose = shadow
    .command("propose <preset>")
    .description("write a proposed version of a preset: with a threshold for a cascade, and with examples")
    .option("--since <when>", "as for report (default 30d)")
    .option("--agreement <share>", "how many of the answers that are used must be the same, at least (default 0.9)")
    .option("--examples <number>", "at most so many examples of what this machine got wrong (default 3)")
    .option("--out <file>", "the file to write (default PRESET.proposed.yaml)")
    .option("--json", "print what is proposed as JSON")
    .action(async (preset: string, flags: Flags) => {
      const { propose } = await import("./propose.ts");
      done(await propose(preset, flags, context));
    });

  const forget = shadow
    .command("forget")
    .description("remove the kept texts of questions and answers, but not the counts")
    .option("--key <key>", "only those of this key, by its id")
    .option("--json", "print it as JSON")
    .action(async (flags: Flags) => {
      const { forget } = await import("./report.ts");
      done(forget(flags, context));
    });

  addSettingOptions(report, ["stateFile", "shadowShare"], { descriptions: KEYS_STATE });
  addSettingOptions(propose, ["stateFile", "promptsDir"], { descriptions: KEYS_STATE });
  addSettingOptions(forget, ["stateFile"], { descriptions: KEYS_STATE });
  addExamples(report, ["sluice shadow report --since 30d", "of the last month"]);
  addExamples(propose, [
    "sluice shadow propose sentiment --agreement 0.95",
    "write a version that asks upstreams less",
  ]);
  addExamples(forget, ["sluice shadow forget", "the texts, but not the counts"]);
}
