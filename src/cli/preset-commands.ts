import type { Command } from "commander";
import type { Flags } from "../config/load.ts";
import type { CliContext } from "./context.ts";
import { addSettingOptions } from "./options.ts";

/** The settings of a gateway that is started for one command. */
const SETTINGS = ["host", "port", "model", "context", "threads", "gpu", "modelsDir", "promptsDir"] as const;

const URL_OPTION = [
  "--url <url>",
  "the gateway to ask (default: the one that runs here, else one for this call)",
] as const;

/** Adds the commands that use presets. Modules are loaded when they run. */
export function addPresetCommands(program: Command, context: CliContext, done: (exitCode: number) => void): void {
  const run = program
    .command("run <preset> [input...]")
    .description("ask a prompt preset; the input may be piped in")
    .option("--var <name=value>", "a variable of the preset; may be repeated", collect)
    .option(...URL_OPTION)
    .action(async (preset: string, input: readonly string[], flags: Flags) => {
      const { runPreset } = await import("./run-preset.ts");
      done(await runPreset(preset, input, flags, context));
    });
  addSettingOptions(run, SETTINGS);

  const evaluation = program
    .command("eval [preset]")
    .description("try presets with the cases beside them: accuracy, tokens and time for each model")
    .option("--min-accuracy <share>", "end with 1 where a preset does worse, from 0 to 1")
    .option("--failures", "also tell each case that was not as it should be")
    .option("--json", "print everything as JSON")
    .option(...URL_OPTION)
    .action(async (preset: string | undefined, flags: Flags) => {
      const { evalPresets } = await import("./eval.ts");
      done(await evalPresets(preset, flags, context));
    });
  addSettingOptions(evaluation, SETTINGS);
}

function collect(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}
