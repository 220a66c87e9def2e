import type { Command } from "commander";
import { CLIENT_KEYS, describeKeys } from "../config/environment.ts";
import type { Flags } from "../config/load.ts";
import type { CliContext } from "./context.ts";
import { addSettingOptions } from "./options.ts";

/** The settings of a gateway that is started for one command. */
export const GATEWAY_SETTINGS = [
  "host",
  "port",
  "model",
  "context",
  "threads",
  "gpu",
  "modelsDir",
  "promptsDir",
] as const;

const DESCRIPTIONS = {
  host: "host of the gateway",
  port: "port of the gateway",
  model: "model to use: a catalogue name, hf:owner/repo:QUANT, an https: URL or a path; may be repeated",
};

/** The option that names a gateway. */
export const URL_OPTION = [
  "--url <url>",
  "URL of the gateway (default: the one at --host and --port; if none runs there, one is started for this command)",
] as const;

/** Adds the commands that use presets. Modules are loaded when they run. */
export function addPresetCommands(program: Command, context: CliContext, done: (exitCode: number) => void): void {
  const run = program
    .command("run <preset> [input...]")
    .description("run a prompt preset; the input may be piped in")
    .option("--var <name=value>", "a variable of the preset; may be repeated", collect)
    .option(...URL_OPTION)
    .addHelpText("after", describeKeys(CLIENT_KEYS))
    .action(async (preset: string, input: readonly string[], flags: Flags) => {
      const { runPreset } = await import("./run-preset.ts");
      done(await runPreset(preset, input, flags, context));
    });
  addSettingOptions(run, GATEWAY_SETTINGS, DESCRIPTIONS);

  const evaluation = program
    .command("eval [preset]")
    .description("run the test cases of presets: accuracy, tokens and time for each model")
    .option("--min-accuracy <share>", "exit with 1 if a preset's accuracy is lower, from 0 to 1")
    .option("--failures", "also print each failed case")
    .option("--json", "print everything as JSON")
    .option(...URL_OPTION)
    .addHelpText("after", describeKeys(CLIENT_KEYS))
    .action(async (preset: string | undefined, flags: Flags) => {
      const { evalPresets } = await import("./eval.ts");
      done(await evalPresets(preset, flags, context));
    });
  addSettingOptions(evaluation, GATEWAY_SETTINGS, DESCRIPTIONS);
}

function collect(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}
