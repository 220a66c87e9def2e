import type { Command } from "commander";
import type { Flags } from "../../config/load.ts";
import type { CliContext } from "../context.ts";
import { addSettingOptions } from "../options.ts";
import { addPolicyOptions } from "./policy-flags.ts";

const EXAMPLES = `
Examples:
  sluice keys create alice                                       a key without limits
  sluice keys create ci --expires 30d --class batch              one that ends, and lets others go first
  sluice keys create app --requests-per-minute 60 --tokens-per-day 1000000 --models smollm2
  sluice keys rotate app --grace 24h                             another secret; the old one works for a day
  sluice keys revoke ci                                          the end of it, at once

A gateway that runs with the same state file takes every change up by itself.
`;

/** Adds `sluice keys` with what can be done to keys. */
export function addKeysCommand(program: Command, context: CliContext, done: (exitCode: number) => void): void {
  const keys = program
    .command("keys")
    .description("make, list, change and end the keys that clients must show")
    .addHelpText("after", EXAMPLES);

  const create = keys
    .command("create <name>")
    .description("make a key and print its secret, this once")
    .option("--json", "print it as JSON")
    .action(async (name: string, flags: Flags) => {
      const { createKey } = await import("./create.ts");
      done(createKey(name, flags, context));
    });
  addPolicyOptions(create);

  const list = keys
    .command("list")
    .description("list every key and what it may do, without its secret")
    .option("--json", "print them as JSON")
    .action(async (flags: Flags) => {
      const { list } = await import("./list.ts");
      done(list(flags, context));
    });

  const revoke = keys
    .command("revoke <key>")
    .description("end a key at once, by its id or name")
    .action(async (key: string, flags: Flags) => {
      const { revoke } = await import("./revoke.ts");
      done(revoke(key, flags, context));
    });

  const rotate = keys
    .command("rotate <key>")
    .description("give a key another secret, by its id or name, and print it, this once")
    .option("--grace <time>", "how long the old secret goes on working, such as 24h (default not at all)")
    .option("--json", "print it as JSON")
    .action(async (key: string, flags: Flags) => {
      const { rotate } = await import("./rotate.ts");
      done(rotate(key, flags, context));
    });

  for (const command of [create, revoke, rotate]) addSettingOptions(command, ["stateFile"]);
  addSettingOptions(list, ["stateFile", "keysFile"]);
}
