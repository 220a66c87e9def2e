import type { Command } from "commander";
import { OPERATOR_KEYS } from "../config/environment.ts";
import type { Flags } from "../config/load.ts";
import type { CliContext } from "./context.ts";
import { addRunningOptions } from "./gateway-options.ts";
import { addExamples } from "./help.ts";

/** Adds the commands for versions of a running gateway's models to `sluice models`. */
export function addVersionCommands(models: Command, context: CliContext, done: (exitCode: number) => void): void {
  const versions = models
    .command("versions")
    .description("list the versions of a running gateway's local models, and which share of the sessions each gets")
    .action(async (flags: Flags) => {
      const { listVersions } = await import("./model-versions.ts");
      done(await listVersions(flags, context));
    });
  const promote = models
    .command("promote <name>")
    .description("have a model's new version answer all requests, or try one again that was rolled back")
    .action(async (name: string, flags: Flags) => {
      const { changeVersion } = await import("./model-versions.ts");
      done(await changeVersion("promote", name, flags, context));
    });
  const rollback = models
    .command("rollback <name>")
    .description("go back to the version of a model before, without dropping a request")
    .action(async (name: string, flags: Flags) => {
      const { changeVersion } = await import("./model-versions.ts");
      done(await changeVersion("rollback", name, flags, context));
    });
  addExamples(versions, ["sluice models versions", "which file answers for each model"]);
  addExamples(promote, ["sluice models promote small", "after its canary has done well"]);
  addExamples(rollback, ["sluice models rollback small", "after it has not"]);
  for (const command of [versions, promote, rollback]) {
    addRunningOptions(command.option("--json", "print them as JSON"), OPERATOR_KEYS);
  }
}
