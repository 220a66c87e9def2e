import type { Command } from "commander";
import type { Flags } from "../../config/load.ts";
import type { CliContext } from "../context.ts";
import { addExamples } from "../help.ts";
import { addSettingOptions } from "../options.ts";

/** Adds `sluice compare`. */
export function addCompareCommand(program: Command, context: CliContext, done: (exitCode: number) => void): void {
  const compare = program
    .command("compare [model...]")
    .description("measure models here, and say which to take: memory, speed, quality")
    .option(
      "--quantize <names>",
      "make these quantizations of each model first and compare them too, such as Q4_K_M,Q8_0",
    )
    .option("--text <file>", "text to score the models with (default: two chapters of a novel, which come with Sluice)")
    .option("--tokens <number>", "tokens of the text to evaluate; half of them are scored (default 4096)")
    .option("--contexts <numbers>", "contexts to measure rates at (default 128,512,2048)")
    .option("--repeats <number>", "how often rates are measured; medians are shown (default 3)")
    .option("--within <percent>", "rise of the perplexity above the best that is good enough (default 1)")
    .option("--presets", "also run the test cases of all presets")
    .option("--svg <file>", "also draw quality against speed")
    .option("--last", "print the last comparison again")
    .option("--json", "print everything as JSON")
    .action(async (models: readonly string[], flags: Flags) => {
      const { compare } = await import("./compare.ts");
      done(await compare(models, flags, context));
    });
  addSettingOptions(compare, ["modelsDir", "promptsDir", "threads", "gpu", "stateFile"]);
  addExamples(
    compare,
    ["sluice compare gemma-3-270m smollm2-135m-instruct", "two models that are here"],
    ["sluice compare ./mine-f16.gguf --quantize Q4_K_M,Q5_K_M,Q8_0", "which quantization of a model to take"],
    ["sluice compare --last --json", "what was measured last"],
  );
}
