import type { Command } from "commander";
import { OPERATOR_KEYS } from "../config/environment.ts";
import type { Flags } from "../config/load.ts";
import type { CliContext } from "./context.ts";
import { addRunningOptions } from "./gateway-options.ts";
import { addExamples } from "./help.ts";
import { addSettingOptions } from "./options.ts";
import { addVersionCommands } from "./version-commands.ts";

/** Adds the commands for models on the disk. */
export function addModelCommands(program: Command, context: CliContext, done: (exitCode: number) => void): void {
  const pull = program
    .command("pull <name...>")
    .description("download models: catalogue names, hf:owner/repo:QUANT or https: URLs")
    .option("--json", "print them as JSON")
    .action(async (names: readonly string[], flags: Flags) => {
      const { pull } = await import("./pull.ts");
      done(await pull(names, flags, context));
    });
  addSettingOptions(pull, ["modelsDir"]);
  addExamples(
    pull,
    ["sluice pull gemma-3-270m", "download a model of the catalogue"],
    ["sluice pull hf:owner/repo:Q4_K_M", "download one from Hugging Face"],
  );

  const list = program
    .command("list")
    .description("list the models that are downloaded")
    .option("--json", "print them as JSON")
    .action(async (flags: Flags) => {
      const { listLocal } = await import("./local-models.ts");
      done(await listLocal(flags, context));
    });
  addSettingOptions(list, ["modelsDir"]);
  addExamples(list, ["sluice list", "what is on the disk, and its size"]);

  const show = program
    .command("show <name>")
    .description("show what a downloaded model's file says of it")
    .option("--json", "print it as JSON")
    .action(async (name: string, flags: Flags) => {
      const { showLocal } = await import("./local-models.ts");
      done(await showLocal(name, flags, context));
    });
  addSettingOptions(show, ["modelsDir"]);
  addExamples(show, ["sluice show gemma-3-270m", "its size, context and template"]);

  const remove = program
    .command("rm <name...>")
    .description("remove downloaded models from the disk")
    .option("--force", "also what a running gateway serves")
    .option("--json", "print what was removed as JSON")
    .action(async (names: readonly string[], flags: Flags) => {
      const { removeLocal } = await import("./local-models.ts");
      done(await removeLocal(names, flags, context));
    });
  addSettingOptions(remove, ["modelsDir"], { hasFile: false });
  addRunningOptions(remove, OPERATOR_KEYS);
  addExamples(remove, ["sluice rm gemma-3-270m", "free its space"]);

  const models = program
    .command("models")
    // The flags after its subcommand are not its own.
    .enablePositionalOptions()
    .description("list the catalogue and which models are downloaded")
    .option("--json", "print it as JSON")
    .action(async (flags: Flags) => {
      const { models } = await import("./models.ts");
      done(await models(flags, context));
    });
  addSettingOptions(models, ["modelsDir"]);
  addExamples(
    models,
    ["sluice models", "what can be downloaded by its name alone"],
    ["sluice models versions", "the versions of a running gateway's models"],
  );
  addVersionCommands(models, context, done);
}
