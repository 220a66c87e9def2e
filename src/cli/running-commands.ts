import type { Command } from "commander";
import { OPERATOR_KEYS } from "../config/environment.ts";
import type { Flags } from "../config/load.ts";
import type { CliContext } from "./context.ts";
import { addRunningOptions } from "./gateway-options.ts";
import { addExamples } from "./help.ts";

/** Adds `sluice ps`. */
export function addPsCommand(program: Command, context: CliContext, done: (exitCode: number) => void): void {
  const ps = program
    .command("ps")
    .description("list a running gateway's own models: state, memory, and when each is unloaded")
    .option("--json", "print it as JSON")
    .action(async (flags: Flags) => {
      const { ps } = await import("./ps.ts");
      done(await ps(flags, context));
    });
  addRunningOptions(ps, OPERATOR_KEYS);
  addExamples(
    ps,
    ["sluice ps", "of the gateway on this machine"],
    ["sluice ps --url http://10.0.0.5:8080 --json", "of another one, for a script"],
  );
}

/** Adds `sluice reload`. */
export function addReloadCommand(program: Command, context: CliContext, done: (exitCode: number) => void): void {
  const reload = program
    .command("reload")
    .description("have a running gateway read its settings again, and show what has changed")
    .option("--json", "print it as JSON")
    .action(async (flags: Flags) => {
      const { reload } = await import("./reload.ts");
      done(await reload(flags, context));
    });
  addRunningOptions(reload, OPERATOR_KEYS);
  addExamples(reload, ["sluice reload", "after a change of sluice.yaml"]);
}
