import type { Command } from "commander";
import { describeKeys, OPERATOR_KEYS } from "../config/environment.ts";
import type { Flags } from "../config/load.ts";
import type { CliContext } from "./context.ts";
import { addSettingOptions } from "./options.ts";

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
  for (const command of [versions, promote, rollback]) {
    command
      .option("--url <url>", "URL of the gateway, such as http://127.0.0.1:8080")
      .option("--json", "print them as JSON")
      .addHelpText("after", describeKeys(OPERATOR_KEYS));
    addSettingOptions(command, ["host", "port"], { host: "host of the gateway", port: "port of the gateway" });
  }
}
