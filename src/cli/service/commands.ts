import type { Command } from "commander";
import type { Flags } from "../../config/load.ts";
import type { CliContext } from "../context.ts";
import { addExamples } from "../help.ts";

/** Adds `sluice service`, which has the system start the gateway. */
export function addServiceCommand(program: Command, context: CliContext, done: (exitCode: number) => void): void {
  const service = program
    .command("service")
    .description("have systemd or launchd run the gateway: install, remove, or show the service");

  const install = scoped(service.command("install"))
    .description("show the service's file, then write it and start the service")
    .option("--config <file>", "its settings file; else sluice.yaml in its folder, if there is one")
    .option("--folder <folder>", "where its models and its state are; by default this folder")
    .option("--print", "only show the file")
    .option("--no-start", "write the file, and start nothing")
    .option("--yes", "don't ask")
    .action(async (flags: Flags) => {
      const { install } = await import("./manage.ts");
      done(await install(flags, context));
    });
  addExamples(
    install,
    ["sluice service install", "run the gateway in this folder whenever you are logged in"],
    [
      "sluice service install --system",
      "as root: run it for the whole machine, with the settings in /etc/sluice/sluice.yaml",
    ],
    ["sluice service install --print", "only show what would be written"],
  );
  const remove = scoped(service.command("remove"))
    .description("stop the service and remove its file; models, state and settings stay")
    .option("--yes", "don't ask")
    .action(async (flags: Flags) => {
      const { remove } = await import("./manage.ts");
      done(await remove(flags, context));
    });
  addExamples(remove, ["sluice service remove", "stop it, and take its file away"]);
  const status = scoped(service.command("status"))
    .description("show whether the service is installed and runs; exits with 0 if it runs")
    .option("--json", "print it as JSON")
    .action(async (flags: Flags) => {
      const { status } = await import("./manage.ts");
      done(await status(flags, context));
    });
  addExamples(status, ["sluice service status --json", "for a program that watches it"]);
}

function scoped(command: Command): Command {
  return command
    .option("--user", "a service of this user, which needs no root (the default)")
    .option("--system", "a service of the whole machine, which runs as a user of its own");
}
