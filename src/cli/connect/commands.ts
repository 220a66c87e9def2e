import type { Command } from "commander";
import { CLIENT_KEYS } from "../../config/environment.ts";
import type { Flags } from "../../config/load.ts";
import type { CliContext } from "../context.ts";
import { addRunningOptions } from "../gateway-options.ts";
import { addExamples } from "../help.ts";

/** Adds `sluice connect`. */
export function addConnectCommand(program: Command, context: CliContext, done: (exitCode: number) => void): void {
  const command = program
    .command("connect")
    .argument("[name]", "the program, such as codex; without it, all that are known are listed")
    .description("point an editor or an agent at a running gateway")
    .option("--model <model>", "the model that it shall use; by default the first that chats")
    .option("--yes", "write without asking")
    .option("--json", "print the list of programs as JSON")
    .action(async (name: string | undefined, flags: Flags) => {
      const { connect } = await import("./connect.ts");
      done(await connect(name, flags, context));
    });
  addRunningOptions(command, CLIENT_KEYS);
  addExamples(
    command,
    ["sluice connect", "list the programs, and where their settings are"],
    ["sluice connect codex", "show what would change, and ask"],
    ["sluice connect zed --model gemma-3-270m --yes", "write it at once; what was there is kept beside it"],
  );
}
