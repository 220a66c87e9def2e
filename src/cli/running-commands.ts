import type { Command } from "commander";
import { OPERATOR_KEYS } from "../config/environment.ts";
import type { Flags } from "../config/load.ts";
import type { CliContext } from "./context.ts";
import { addRunningOptions } from "./gateway-options.ts";
import { addExamples, addNotes } from "./help.ts";

const TOP_NOTES =
  "Keys: q quits, p pauses, Tab and the arrows choose a section, which gets the most room, and scroll it. If the gateway goes away, it is " +
  "tried again each second.";

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

/** Adds `sluice top`. */
export function addTopCommand(program: Command, context: CliContext, done: (exitCode: number) => void): void {
  const top = program
    .command("top")
    .description("watch a running gateway: tokens per second, slots, queue, models, batches")
    .option("--once", "print one snapshot, as it does where there is no terminal")
    .option("--json", "print a line of JSON for each second, or with --once for one")
    .action(async (flags: Flags) => {
      const { top } = await import("./top/top.ts");
      done(await top(flags, context));
    });
  addNotes(top, TOP_NOTES);
  addRunningOptions(top, OPERATOR_KEYS);
  addExamples(
    top,
    ["sluice top", "of the gateway on this machine"],
    ["sluice top --json --url http://10.0.0.5:8080", "of another one, for a program"],
  );
}

/** Adds `sluice load` and `sluice unload`. */
export function addLoadCommands(program: Command, context: CliContext, done: (exitCode: number) => void): void {
  for (const [change, description, purpose] of [
    ["load", "have a running gateway load a model, and wait until it is ready", "before its first request"],
    ["unload", "have a running gateway unload a model, when its requests have ended", "free its memory"],
  ] as const) {
    const command = program
      .command(`${change} <name>`)
      .description(description)
      .option("--json", "print its state as JSON")
      .action(async (name: string, flags: Flags) => {
        const { changeLoading } = await import("./load-model.ts");
        done(await changeLoading(change, name, flags, context));
      });
    addRunningOptions(command, OPERATOR_KEYS);
    addExamples(command, [`sluice ${change} gemma-3-270m`, purpose]);
  }
}

/** Adds `sluice stop`. */
export function addStopCommand(program: Command, context: CliContext, done: (exitCode: number) => void): void {
  const stop = program
    .command("stop")
    .description("have a running gateway end its requests and stop, and wait until it is gone")
    .option("--now", "cut off its requests")
    .option("--json", "print how it ended as JSON")
    .action(async (flags: Flags) => {
      const { stop } = await import("./stop.ts");
      done(await stop(flags, context));
    });
  addRunningOptions(stop, OPERATOR_KEYS);
  addExamples(
    stop,
    ["sluice stop", "the gateway on this machine"],
    ["sluice stop --now --port 9000", "another one, without waiting for its requests"],
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
