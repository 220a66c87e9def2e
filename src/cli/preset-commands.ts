import type { Command } from "commander";
import { CLIENT_KEYS } from "../config/environment.ts";
import type { Flags } from "../config/load.ts";
import type { CliContext } from "./context.ts";
import { addGatewayOptions } from "./gateway-options.ts";
import { addExamples } from "./help.ts";

/** Adds `sluice run`. */
export function addRunCommand(program: Command, context: CliContext, done: (exitCode: number) => void): void {
  const run = program
    .command("run <preset> [input...]")
    .description("run a prompt preset; the input may be piped in")
    .option("--var <name=value>", "a variable of the preset; may be repeated", collect)
    .option("--json", "print the whole response as JSON")
    .action(async (preset: string, input: readonly string[], flags: Flags) => {
      const { runPreset } = await import("./run-preset.ts");
      done(await runPreset(preset, input, flags, context));
    });
  addGatewayOptions(run, CLIENT_KEYS);
  addExamples(
    run,
    ["git diff | sluice run commit-message", "with a text that is piped in"],
    ["sluice run translate --var language=French Good morning", "with a variable"],
  );
}

/** Adds `sluice eval`. */
export function addEvalCommand(program: Command, context: CliContext, done: (exitCode: number) => void): void {
  const evaluation = program
    .command("eval [preset]")
    .description("run the test cases of presets: accuracy, tokens and time for each model")
    .option("--min-accuracy <share>", "exit with 1 if a preset's accuracy is lower, from 0 to 1")
    .option("--failures", "also print each failed case")
    .option("--json", "print everything as JSON")
    .action(async (preset: string | undefined, flags: Flags) => {
      const { evalPresets } = await import("./eval.ts");
      done(await evalPresets(preset, flags, context));
    });
  addGatewayOptions(evaluation, CLIENT_KEYS);
  addExamples(
    evaluation,
    ["sluice eval --model smollm2-135m-instruct --model gemma-3-270m", "compare two models on all presets"],
    ["sluice eval task-priority --min-accuracy 0.8 --failures", "fail a build that is worse"],
  );
}

function collect(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}
